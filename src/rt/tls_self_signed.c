#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/must.h"
#include "rt/settings.h"
#include "rt/tls.h"
#include "rt/tls_request.h"

enum { VALID_DAYS = 3650, SERIAL_BYTES = 16, COMMON_NAME_MAX = 64, PEM_MAX = 64 * 1024 };

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_serial(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return false;
    bytes[0] = (bytes[0] & 0x7f) | 1; /* positive and not zero (RFC 5280 4.1.2.2) */
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return ok;
}

/* A CN holds 64 characters (RFC 5280 A.1); a longer host stands in the SAN alone. */
static bool set_subject(X509 *certificate, struct slice host)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    struct slice text = host.n <= COMMON_NAME_MAX ? host : S("posthorn");
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)text.p, (int)text.n,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1;
}

/* A host name and nothing that has a meaning in OpenSSL's text form of a SAN. */
static bool is_host(const char *host)
{
    for (const char *c = host; *c != 0; c++)
        if (!ascii_is_alnum(*c) && *c != '-' && *c != '.')
            return false;
    return host[0] != 0 && strlen(host) <= 253;
}

bool tls_fill_certificate(X509 *certificate, EVP_PKEY *key, const char *host, const char *also, int days)
{
    char names[600];
    int n = snprintf(names, sizeof(names), "DNS:%s%s%s", host, also != NULL ? ",DNS:" : "",
                     also != NULL ? also : "");
    return is_host(host) && n > 0 && (size_t)n < sizeof(names) &&
           X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, NULL) != NULL &&
           X509_set_pubkey(certificate, key) == 1 && set_subject(certificate, slice_cstr(host)) &&
           add_extension(certificate, NID_subject_alt_name, names) &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth");
}

static bool put_pem(struct buf *out, X509 *certificate, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool ok = bio != NULL &&
              (certificate != NULL ? PEM_write_bio_X509(bio, certificate)
                                   : PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL)) == 1;
    char *text = NULL;
    long n = ok ? BIO_get_mem_data(bio, &text) : 0;
    if (n > 0)
        buf_put(out, slice_of(text, (size_t)n));
    BIO_free(bio);
    return ok && n > 0 && !buf_failed(out);
}

enum err tls_make_self_signed(const char *host, struct buf *ret_chain, struct buf *ret_key,
                              struct error *error)
{
    if (!is_host(host))
        return fail_plain(error, ERR_INVALID, "\"%.60s\" is not a host name", host);
    char wild[300];
    snprintf(wild, sizeof(wild), "*.%s", host);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    CLEANUP(buf_release) struct buf chain_pem = BUF(PEM_MAX);
    CLEANUP(buf_release) struct buf key_pem = BUF(PEM_MAX);
    enum err result = ERR_OK;
    if (key == NULL || certificate == NULL ||
        !tls_fill_certificate(certificate, key, host, wild, VALID_DAYS) ||
        X509_sign(certificate, key, EVP_sha256()) <= 0 || !put_pem(&chain_pem, certificate, NULL) ||
        !put_pem(&key_pem, NULL, key)) {
        char reason[160];
        ERR_error_string_n(ERR_get_error(), reason, sizeof(reason));
        result = fail(error, ERR_IO, NULL, "self-signed certificate for %s: %s", host, reason);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (result == ERR_OK) {
        *ret_chain = chain_pem;
        *ret_key = key_pem;
        chain_pem = BUF(PEM_MAX);
        key_pem = BUF(PEM_MAX);
    }
    return result;
}

/* --- requests --- */

enum err tls_make_key(struct buf *ret_key, struct error *error)
{
    CLEANUP(buf_release) struct buf pem = BUF(PEM_MAX);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    bool good = key != NULL && put_pem(&pem, NULL, key);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!good)
        return fail(error, ERR_IO, NULL, "a key could not be made");
    *ret_key = pem;
    pem = BUF(PEM_MAX);
    return ERR_OK;
}

/* "DNS:a.example,DNS:b.example" as an extension that is asked for (RFC 2985 5.4.2). */
static bool request_names(X509_REQ *request, const char *names)
{
    CLEANUP(buf_release) struct buf text = BUF(SETTINGS_FILE_MAX);
    struct slice rest = slice_cstr(names);
    struct slice name;
    while (rest.n > 0) {
        slice_cut(rest, ' ', &name, &rest);
        buf_printf(&text, "%sDNS:%.*s", text.n > 0 ? "," : "", SLICE_ARGS(name));
    }
    const char *value = buf_cstr(&text);
    X509_EXTENSION *extension =
        value != NULL ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value) : NULL;
    STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
    bool good = extension != NULL && list != NULL && sk_X509_EXTENSION_push(list, extension) > 0 &&
                X509_REQ_add_extensions(request, list) == 1;
    sk_X509_EXTENSION_free(list);
    X509_EXTENSION_free(extension);
    return good;
}

/* Asks at no terminal. */
static int no_pass_phrase(char *to UNUSED, int size UNUSED, int writing UNUSED, void *context UNUSED)
{
    return -1;
}

enum err tls_make_request(struct slice key_pem, const char *names, struct buf *ret_request,
                          struct error *error)
{
    must(key_pem.n <= INT32_MAX);
    BIO *bio = BIO_new_mem_buf(key_pem.n > 0 ? key_pem.p : "", (int)key_pem.n);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL) : NULL;
    X509_REQ *request = X509_REQ_new();
    unsigned char *der = NULL;
    int n = 0;
    if (key != NULL && request != NULL && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1 &&
        X509_REQ_set_pubkey(request, key) == 1 && request_names(request, names) &&
        X509_REQ_sign(request, key, EVP_sha256()) > 0)
        n = i2d_X509_REQ(request, &der);
    if (n > 0)
        buf_put(ret_request, slice_of(der, (size_t)n));
    OPENSSL_free(der);
    X509_REQ_free(request);
    EVP_PKEY_free(key);
    BIO_free(bio);
    ERR_clear_error();
    return n > 0 && !buf_failed(ret_request)
               ? ERR_OK
               : fail(error, ERR_INVALID, NULL, "no request for %.100s can be made with this key", names);
}
