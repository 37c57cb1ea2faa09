/* What tls.c and tls_client.c share. Private to them. */
#ifndef POSTHORN_RT_TLS_PRIVATE_H
#define POSTHORN_RT_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <stdatomic.h>

#include "base/map.h"
#include "rt/tls_stream.h"

struct tls_context {
    _Atomic unsigned references;
    SSL_CTX **each;
    size_t count;
    int64_t expiry;              /* of the first that does; seconds since 1970 */
    void *owned;                 /* freed with it; NULL: nothing */
    struct client_ca *client_ca; /* NULL: clients are not asked for certificates */
    struct map names;            /* lower-case name, "*.example.org" too -> SSL_CTX */
};

struct tls {
    SSL *ssl;
    struct tls_context *context;
    bool client_is_certified;
};

/* OpenSSL's oldest error, which is nearest to the cause. */
enum err fail_tls(struct error *error, enum err code, const char *what);

#endif
