/*
 * Keys, and what is made of them: certificates signed by themselves, requests for certificates by others
 * (PKCS #10).
 *
 * Errors: ERR_INVALID a name that is none, a key that can't be read; ERR_IO. Threads: any.
 */
#ifndef POSTHORN_RT_TLS_REQUEST_H
#define POSTHORN_RT_TLS_REQUEST_H

#include <openssl/x509.h>

#include "base/buf.h"
#include "base/error.h"

/* A new key for ECDSA with P-256, as PEM. */
enum err tls_make_key(struct buf *ret_key, struct error *error) MUST_CHECK;
/* A request for a certificate for the names (blanks between them), signed with the key in PEM; DER. */
enum err tls_make_request(struct slice key, const char *names, struct buf *ret_request,
                          struct error *error) MUST_CHECK;
/* Everything but the signature: for host, and for `also` unless NULL. False: OpenSSL's error says why. */
bool tls_fill_certificate(X509 *certificate, EVP_PKEY *key, const char *host, const char *also,
                          int days) MUST_CHECK;

#endif
