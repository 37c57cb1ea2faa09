#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "authres/dkim_sign.h"
#include "base/base64.h"
#include "base/must.h"

const char *dkim_algorithm_name(enum dkim_algorithm algorithm)
{
    return algorithm == DKIM_RSA_SHA256 ? "rsa-sha256" : "ed25519-sha256";
}

void dkim_private_key_release(struct dkim_private_key *key)
{
    EVP_PKEY_free(key->key);
    key->key = NULL;
}

static enum err fail_openssl(struct error *error, const char *what)
{
    char text[128];
    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    ERR_clear_error();
    return fail(error, ERR_NOMEM, NULL, "%s: %s", what, text);
}

enum err dkim_private_key_make(enum dkim_algorithm algorithm, struct dkim_private_key *ret_key,
                               struct error *error)
{
    EVP_PKEY *key =
        algorithm == DKIM_RSA_SHA256 ? EVP_RSA_gen(DKIM_SIGN_BITS) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (key == NULL)
        return fail_openssl(error, "making a key");
    *ret_key = (struct dkim_private_key){algorithm, key};
    return ERR_OK;
}

enum err dkim_private_key_write(const struct dkim_private_key *key, struct buf *out, struct error *error)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->key);
    unsigned char *der = NULL;
    int n = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
    PKCS8_PRIV_KEY_INFO_free(info);
    if (n < 0)
        return fail_openssl(error, "writing a key");
    buf_put(out, slice_of(der, (size_t)n));
    OPENSSL_clear_free(der, (size_t)n);
    return buf_failed(out) ? fail_nomem(error) : ERR_OK;
}

enum err dkim_private_key_read(struct slice der, struct dkim_private_key *ret_key, struct error *error)
{
    const unsigned char *p = (const unsigned char *)der.p;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)der.n);
    EVP_PKEY *key = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    int type = key != NULL ? EVP_PKEY_get_base_id(key) : 0;
    if (type != EVP_PKEY_RSA && type != EVP_PKEY_ED25519) {
        EVP_PKEY_free(key);
        return fail(error, ERR_INVALID, "not a private key that signs mail", "private key of type %d", type);
    }
    *ret_key = (struct dkim_private_key){type == EVP_PKEY_RSA ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256, key};
    return ERR_OK;
}

enum err dkim_private_key_record(const struct dkim_private_key *key, struct buf *out, struct error *error)
{
    unsigned char raw[DKIM_ED25519_SIZE];
    unsigned char *der = NULL;
    size_t n = sizeof(raw);
    if (key->algorithm == DKIM_ED25519_SHA256) {
        if (EVP_PKEY_get_raw_public_key(key->key, raw, &n) != 1)
            return fail_openssl(error, "a public key");
        buf_put(out, S("v=DKIM1; k=ed25519; p="));
        base64_encode(out, slice_of(raw, n));
    } else {
        int length = i2d_PUBKEY(key->key, &der);
        if (length < 0)
            return fail_openssl(error, "a public key");
        buf_put(out, S("v=DKIM1; k=rsa; p="));
        base64_encode(out, slice_of(der, (size_t)length));
        OPENSSL_free(der);
    }
    return buf_failed(out) ? fail_nomem(error) : ERR_OK;
}

/* --- signing --- */

static bool sign_rsa(EVP_PKEY *key, const unsigned char *hash, unsigned char *signature, size_t *n)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool good = context != NULL && EVP_PKEY_sign_init(context) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
                EVP_PKEY_sign(context, signature, n, hash, 32) == 1;
    EVP_PKEY_CTX_free(context);
    return good;
}

static bool sign_ed25519(EVP_PKEY *key, const unsigned char *hash, unsigned char *signature, size_t *n)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, n, hash, 32) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

enum err dkim_private_key_sign(const struct dkim_private_key *key, const unsigned char hash[static 32],
                               struct buf *out, struct error *error)
{
    unsigned char signature[DKIM_PRIVATE_MAX];
    size_t n = sizeof(signature);
    must((size_t)EVP_PKEY_get_size(key->key) <= n);
    if (key->algorithm == DKIM_RSA_SHA256 ? !sign_rsa(key->key, hash, signature, &n)
                                          : !sign_ed25519(key->key, hash, signature, &n))
        return fail_openssl(error, "signing");
    base64_encode(out, slice_of(signature, n));
    return buf_failed(out) ? fail_nomem(error) : ERR_OK;
}
