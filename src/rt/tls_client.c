#include "rt/tls_client.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "rt/tls_private.h"

enum err tls_client_context_create(X509_STORE *authorities, struct tls_context **ret_context,
                                   struct error *error)
{
    struct tls_context *context = calloc(1, sizeof(*context));
    if (context == NULL)
        return fail_nomem(error);
    atomic_init(&context->references, 1);
    context->each = calloc(1, sizeof(SSL_CTX *));
    SSL_CTX *s = context->each != NULL ? SSL_CTX_new(TLS_client_method()) : NULL;
    if (s == NULL) {
        tls_context_unref(context);
        return fail_nomem(error);
    }
    context->each[context->count++] = s;
    /* Mail servers of the world: an old cipher is better than none, so OpenSSL's own list stays. */
    SSL_CTX_set_options(s, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(s, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
    if (authorities != NULL)
        SSL_CTX_set1_cert_store(s, authorities);
    if (SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION) != 1 || SSL_CTX_dane_enable(s) != 1) {
        enum err err = fail_tls(error, ERR_NOMEM, "TLS context");
        tls_context_unref(context);
        return err;
    }
    *ret_context = context;
    return ERR_OK;
}

/* RFC 7672 3.1: the usages for mail are 2 (DANE-TA) and 3 (DANE-EE); the others can't be used. */
static enum err expect_tlsa(SSL *ssl, const struct tls_expectation *expectation, struct error *error)
{
    size_t usable = 0;
    if (SSL_dane_enable(ssl, expectation->name) != 1)
        return fail_tls(error, ERR_INVALID, "DANE");
    /* RFC 7672 3.1.1: with DANE-EE the certificate's names and dates don't count. */
    (void)SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    for (size_t i = 0; i < expectation->alias_count; i++)
        if (SSL_add1_host(ssl, expectation->aliases[i]) != 1)
            return fail_tls(error, ERR_INVALID, "DANE");
    for (size_t i = 0; i < expectation->tlsa_count; i++) {
        const struct tlsa *t = &expectation->tlsa[i];
        if (t->usage != 2 && t->usage != 3)
            continue;
        int result = SSL_dane_tlsa_add(ssl, t->usage, t->selector, t->matching,
                                       (const unsigned char *)t->data.p, t->data.n);
        if (result < 0)
            return fail_tls(error, ERR_NOMEM, "DANE");
        usable += result > 0;
    }
    ERR_clear_error();
    return usable > 0 ? ERR_OK : fail(error, ERR_INVALID, NULL, "no TLSA record that can be used");
}

static enum err expect(SSL *ssl, const struct tls_expectation *expectation, struct error *error)
{
    if (SSL_set_tlsext_host_name(ssl, expectation->name) != 1)
        return fail_tls(error, ERR_INVALID, "server name");
    if (expectation->tlsa_count > 0) {
        enum err err = expect_tlsa(ssl, expectation, error);
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        return err;
    }
    if (expectation->authority) {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        const char *first = expectation->alias_count > 0 ? expectation->aliases[0] : expectation->name;
        if (SSL_set1_host(ssl, first) != 1)
            return fail_tls(error, ERR_NOMEM, "server name");
        for (size_t i = 1; i < expectation->alias_count; i++)
            if (SSL_add1_host(ssl, expectation->aliases[i]) != 1)
                return fail_tls(error, ERR_NOMEM, "server name");
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        return ERR_OK;
    }
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    return ERR_OK;
}

enum err tls_client_new(struct tls_context *context, int fd, const struct tls_expectation *expectation,
                        struct tls **ret_tls, struct error *error)
{
    struct tls *tls = tls_new(context, fd);
    if (tls == NULL)
        return fail_nomem(error);
    enum err err = expect(tls->ssl, expectation, error);
    if (err != ERR_OK) {
        tls_free(tls);
        return err;
    }
    SSL_set_connect_state(tls->ssl);
    *ret_tls = tls;
    return ERR_OK;
}

const char *tls_client_refusal(const struct tls *tls)
{
    if (SSL_get_verify_mode(tls->ssl) == SSL_VERIFY_NONE)
        return NULL;
    long result = SSL_get_verify_result(tls->ssl);
    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

enum tls_client_verify tls_client_verify_error(const struct tls *tls)
{
    if (SSL_get_verify_mode(tls->ssl) == SSL_VERIFY_NONE)
        return TLS_CLIENT_VERIFIED;
    switch (SSL_get_verify_result(tls->ssl)) {
    case X509_V_OK:
        return TLS_CLIENT_VERIFIED;
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return TLS_CLIENT_OTHER_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return TLS_CLIENT_EXPIRED;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return TLS_CLIENT_UNTRUSTED;
    default:
        return TLS_CLIENT_OTHERWISE;
    }
}
