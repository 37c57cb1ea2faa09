/*
 * Who vouches for clients: the certificates of `client-ca`, and what a client's certificate says about him
 * when they do.
 *
 * The same check is made twice: by edge, which sees that the client has the key, and by store, which must not
 * take edge's word for more than it has to (docs/decisions/certificate-login.md).
 * Ownership: counted. Errors: ERR_INVALID the file holds no certificate; ERR_AUTH the chain is not good, with
 * the reason for the log. Threads: any, once made. Limits: CLIENT_*.
 */
#ifndef POSTHORN_RT_CLIENT_CA_H
#define POSTHORN_RT_CLIENT_CA_H

#include <openssl/x509.h>

#include "base/buf.h"
#include "base/error.h"

struct client_ca;

enum {
    CLIENT_CHAIN_MAX = 32 * 1024, /* bytes of a client's certificates */
    CLIENT_CERTIFICATES_MAX = 10, /* in one chain */
    CLIENT_ADDRESSES_MAX = 4096,  /* bytes of the addresses in one certificate */
};

/* PEM: certificates, and revocation lists; with a list, whoever is on it, or has none, is refused. */
enum err client_ca_create(struct slice pem, struct client_ca **ret_ca, struct error *error) MUST_CHECK;
struct client_ca *client_ca_ref(struct client_ca *ca);
void client_ca_unref(struct client_ca *ca); /* NULL is fine */
/* The issuers' names, for the server's question; the caller frees them. NULL: no memory. */
STACK_OF(X509_NAME) * client_ca_names(const struct client_ca *ca);

/* A chain is its certificates in DER, the client's own first, as base/wire.h slices.
 * *ret_addresses: the mail addresses of the certificate, as wire.h slices too: its rfc822Names (RFC 5280
 * 4.2.1.6), else emailAddress of its subject. */
enum err client_ca_check(const struct client_ca *ca, struct slice chain, struct buf *ret_addresses,
                         struct error *error) MUST_CHECK;

#endif
