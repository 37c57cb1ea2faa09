/*
 * TLS as a client, to a server that is to be who it should be: by an authority and its name (RFC 6125), by
 * TLSA records (DANE, RFC 7671, 7672), or whoever it is.
 *
 * The stream is tls_stream.h's. Errors: a handshake fails with ERR_AUTH when the server is somebody else,
 * with ERR_CLOSED when it failed otherwise. Threads: contexts may be shared.
 */
#ifndef POSTHORN_RT_TLS_CLIENT_H
#define POSTHORN_RT_TLS_CLIENT_H

#include "rt/tls_stream.h"

enum { TLSA_MAX = 32, TLSA_DATA_MAX = 4096 };

struct tlsa {
    uint8_t usage, selector, matching;
    struct slice data;
};
struct tls_expectation {
    const char *name;           /* sent as SNI, and expected in the certificate when that counts */
    bool authority;             /* the chain must end at an authority that is trusted */
    const char *const *aliases; /* DANE: other names that are as good; authority: those that count instead */
    size_t alias_count;
    const struct tlsa *tlsa;
    size_t tlsa_count; /* > 0: DANE; records that can't be used are passed over, none usable is ERR_INVALID */
};

/* authorities: an X509_STORE that is used and not taken; NULL: nobody is trusted by name. */
struct x509_store_st;
enum err tls_client_context_create(struct x509_store_st *authorities, struct tls_context **ret_context,
                                   struct error *error) MUST_CHECK;
/* A connection that begins with tls_handshake. */
enum err tls_client_new(struct tls_context *context, int fd, const struct tls_expectation *expectation,
                        struct tls **ret_tls, struct error *error) MUST_CHECK;
/* Why the last handshake's certificate was not good enough; NULL: it was, or was not looked at. */
const char *tls_client_refusal(const struct tls *tls);
/* The same by kinds. */
enum tls_client_verify {
    TLS_CLIENT_VERIFIED,
    TLS_CLIENT_OTHER_NAME,
    TLS_CLIENT_EXPIRED,
    TLS_CLIENT_UNTRUSTED, /* no authority that is trusted */
    TLS_CLIENT_OTHERWISE,
};
enum tls_client_verify tls_client_verify_error(const struct tls *tls);

#endif
