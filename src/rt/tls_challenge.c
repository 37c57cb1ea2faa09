#include "rt/tls_challenge.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/must.h"
#include "rt/tls_private.h"
#include "rt/tls_request.h"

enum { VALID_DAYS = 2, EXTENSION_MAX = 64, NAME_TEXT_MAX = 300 };

/* RFC 8737 6.1: id-pe-acmeIdentifier */
#define ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"
static const unsigned char acme_protocol[] = "\12acme-tls/1";

/* What the context's callbacks know. */
struct finder {
    tls_challenge_fn *find;
    void *context;
};

/* The digest as an OCTET STRING, within the extension's own; critical. */
static bool add_proof(X509 *certificate, const unsigned char digest[static TLS_CHALLENGE_DIGEST])
{
    unsigned char der[2 + TLS_CHALLENGE_DIGEST] = {V_ASN1_OCTET_STRING, TLS_CHALLENGE_DIGEST};
    memcpy(der + 2, digest, TLS_CHALLENGE_DIGEST);
    ASN1_OBJECT *object = OBJ_txt2obj(ACME_IDENTIFIER, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension = NULL;
    if (object != NULL && value != NULL && ASN1_OCTET_STRING_set(value, der, (int)sizeof(der)) == 1)
        extension = X509_EXTENSION_create_by_OBJ(NULL, object, 1, value);
    bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
    return good;
}

static X509 *make_certificate(const char *name, EVP_PKEY *key,
                              const unsigned char digest[static TLS_CHALLENGE_DIGEST])
{
    X509 *certificate = X509_new();
    bool good = certificate != NULL && tls_fill_certificate(certificate, key, name, NULL, VALID_DAYS) &&
                add_proof(certificate, digest) && X509_sign(certificate, key, EVP_sha256()) > 0;
    if (good)
        return certificate;
    X509_free(certificate);
    return NULL;
}

/* RFC 8737 3: without a proof for the name the handshake fails. */
static int present(SSL *ssl, void *argument)
{
    const struct finder *finder = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    unsigned char digest[TLS_CHALLENGE_DIGEST];
    if (name == NULL || strlen(name) >= NAME_TEXT_MAX || !finder->find(finder->context, name, digest))
        return 0;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key != NULL ? make_certificate(name, key, digest) : NULL;
    int good = certificate != NULL && SSL_use_certificate(ssl, certificate) == 1 &&
               SSL_use_PrivateKey(ssl, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return good;
}

static int choose_protocol(SSL *ssl UNUSED, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned in_n, void *argument UNUSED)
{
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_n, acme_protocol, sizeof(acme_protocol) - 1, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

enum err tls_challenge_context_create(tls_challenge_fn *find, void *context, struct tls_context **ret_context,
                                      struct error *error)
{
    struct tls_context *made = calloc(1, sizeof(*made));
    struct finder *finder = calloc(1, sizeof(*finder));
    SSL_CTX **each = calloc(1, sizeof(SSL_CTX *));
    SSL_CTX *s = SSL_CTX_new(TLS_server_method());
    if (made == NULL || finder == NULL || each == NULL || s == NULL ||
        SSL_CTX_set_min_proto_version(s, TLS1_2_VERSION) != 1) {
        free(made);
        free(finder);
        free(each);
        SSL_CTX_free(s);
        return fail_nomem(error);
    }
    *finder = (struct finder){find, context};
    SSL_CTX_set_options(s, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(s, SSL_SESS_CACHE_OFF);
    must(SSL_CTX_set_num_tickets(s, 0) == 1);
    SSL_CTX_set_cert_cb(s, present, finder);
    SSL_CTX_set_alpn_select_cb(s, choose_protocol, NULL);
    each[0] = s;
    atomic_init(&made->references, 1);
    made->expiry = INT64_MAX;
    made->each = each;
    made->count = 1;
    made->owned = finder;
    *ret_context = made;
    return ERR_OK;
}
