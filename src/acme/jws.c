#include "acme/jws.h"

#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/must.h"

enum { COORDINATE = 32 /* bytes, P-256 */, SECRET_MAX = 1024, DIGEST = 32 };

struct acme_key {
    EVP_PKEY *key;
    unsigned char x[COORDINATE];
    unsigned char y[COORDINATE];
};

/* Asks at no terminal. */
static int no_pass_phrase(char *to UNUSED, int size UNUSED, int writing UNUSED, void *context UNUSED)
{
    return -1;
}

static bool coordinate(const EVP_PKEY *key, const char *name, unsigned char ret[static COORDINATE])
{
    BIGNUM *number = NULL;
    bool good =
        EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_bn2binpad(number, ret, COORDINATE) == COORDINATE;
    BN_free(number);
    return good;
}

enum err acme_key_read(struct slice pem, struct acme_key **ret_key, struct error *error)
{
    char group[32] = "";
    struct acme_key *key = calloc(1, sizeof(*key));
    BIO *bio = pem.n > 0 && pem.n <= INT32_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    if (key != NULL && bio != NULL)
        key->key = PEM_read_bio_PrivateKey(bio, NULL, no_pass_phrase, NULL);
    BIO_free(bio);
    bool good = key != NULL && key->key != NULL &&
                EVP_PKEY_get_group_name(key->key, group, sizeof(group), NULL) == 1 &&
                strcmp(group, "prime256v1") == 0 && coordinate(key->key, OSSL_PKEY_PARAM_EC_PUB_X, key->x) &&
                coordinate(key->key, OSSL_PKEY_PARAM_EC_PUB_Y, key->y);
    ERR_clear_error();
    if (!good) {
        acme_key_free(key);
        return fail(error, ERR_INVALID, NULL, "the account's key is none for ECDSA with P-256");
    }
    *ret_key = key;
    return ERR_OK;
}

void acme_key_free(struct acme_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->key);
    free(key);
}

/* RFC 7638 3: these members, in this order, without blanks. */
static void put_jwk(const struct acme_key *key, struct buf *out)
{
    buf_put(out, S("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\""));
    base64_encode_url(out, slice_of(key->x, COORDINATE));
    buf_put(out, S("\",\"y\":\""));
    base64_encode_url(out, slice_of(key->y, COORDINATE));
    buf_put(out, S("\"}"));
}

void acme_key_put_thumbprint(const struct acme_key *key, struct buf *out)
{
    CLEANUP(buf_release) struct buf jwk = BUF(1024);
    unsigned char digest[EVP_MAX_MD_SIZE];
    put_jwk(key, &jwk);
    must(!buf_failed(&jwk) && EVP_Digest(jwk.p, jwk.n, digest, NULL, EVP_sha256(), NULL) == 1);
    base64_encode_url(out, slice_of(digest, DIGEST));
}

/* --- messages --- */

/* A member and its text, which may be anything. */
static void put_text(struct buf *out, const char *name, struct slice text)
{
    json_t *string = json_stringn(text.n > 0 ? text.p : "", text.n);
    char *quoted = string != NULL ? json_dumps(string, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    if (quoted != NULL)
        buf_printf(out, ",\"%s\":%s", name, quoted);
    else
        out->failed = true;
    free(quoted);
    json_decref(string);
}

/* RFC 7518 3.4: both numbers, each in full length. */
static bool sign(const struct acme_key *key, struct slice input, struct buf *out)
{
    unsigned char der[256];
    unsigned char raw[2 * COORDINATE];
    size_t n = sizeof(der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->key) == 1 &&
                EVP_DigestSign(context, der, &n, (const unsigned char *)input.p, input.n) == 1;
    const unsigned char *at = der;
    ECDSA_SIG *signature = good ? d2i_ECDSA_SIG(NULL, &at, (long)n) : NULL;
    good = signature != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, COORDINATE) == COORDINATE &&
           BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + COORDINATE, COORDINATE) == COORDINATE;
    if (good)
        base64_encode_url(out, slice_of(raw, sizeof(raw)));
    ECDSA_SIG_free(signature);
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}

/* The two parts that are signed, with the dot between them; *ret_dot is where it stands. */
static void put_input(struct buf *input, const struct buf *header, struct slice payload, size_t *ret_dot)
{
    base64_encode_url(input, buf_slice(header));
    *ret_dot = input->n;
    buf_putc(input, '.');
    base64_encode_url(input, payload);
}

static enum err finish(const struct buf *input, size_t dot, const struct buf *signature, struct buf *out,
                       struct error *error)
{
    if (buf_failed(input) || buf_failed(signature))
        return fail(error, ERR_LIMIT, NULL, "too long a message");
    buf_printf(out, "{\"protected\":\"%.*s\",\"payload\":\"%.*s\",\"signature\":\"%.*s\"}",
               SLICE_ARGS(slice_sub(buf_slice(input), 0, dot)),
               SLICE_ARGS(slice_from(buf_slice(input), dot + 1)), SLICE_ARGS(buf_slice(signature)));
    return buf_failed(out) ? fail(error, ERR_LIMIT, NULL, "too long a message") : ERR_OK;
}

enum err acme_sign(const struct acme_key *key, const struct acme_signing *signing, struct buf *out,
                   struct error *error)
{
    CLEANUP(buf_release) struct buf header = BUF(ACME_MESSAGE_MAX);
    CLEANUP(buf_release) struct buf input = BUF(ACME_MESSAGE_MAX);
    CLEANUP(buf_release) struct buf signature = BUF(256);
    size_t dot;
    buf_put(&header, S("{\"alg\":\"ES256\""));
    put_text(&header, "nonce", signing->nonce);
    put_text(&header, "url", signing->url);
    if (signing->kid.n > 0) {
        put_text(&header, "kid", signing->kid);
    } else {
        buf_put(&header, S(",\"jwk\":"));
        put_jwk(key, &header);
    }
    buf_putc(&header, '}');
    put_input(&input, &header, signing->payload, &dot);
    if (buf_failed(&header))
        return fail(error, ERR_LIMIT, NULL, "too long a message");
    if (!buf_failed(&input) && !sign(key, buf_slice(&input), &signature))
        return fail(error, ERR_IO, NULL, "the account's key does not sign");
    return finish(&input, dot, &signature, out, error);
}

enum err acme_bind(const struct acme_key *key, struct slice url, struct slice kid, struct slice secret,
                   struct buf *out, struct error *error)
{
    CLEANUP(buf_release) struct buf mac_key = BUF(SECRET_MAX);
    CLEANUP(buf_release) struct buf header = BUF(ACME_MESSAGE_MAX);
    CLEANUP(buf_release) struct buf jwk = BUF(1024);
    CLEANUP(buf_release) struct buf input = BUF(ACME_MESSAGE_MAX);
    CLEANUP(buf_release) struct buf signature = BUF(256);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    size_t dot;
    while (slice_ends(secret, S("="))) /* some authorities print padding */
        secret.n--;
    if (!base64_decode_url(&mac_key, secret) || buf_failed(&mac_key) || mac_key.n == 0)
        return fail(error, ERR_INVALID, NULL, "the key of acme-account is not in base64url");
    buf_put(&header, S("{\"alg\":\"HS256\""));
    put_text(&header, "kid", kid);
    put_text(&header, "url", url);
    buf_putc(&header, '}');
    put_jwk(key, &jwk);
    put_input(&input, &header, buf_slice(&jwk), &dot);
    if (buf_failed(&header) || buf_failed(&input))
        return fail(error, ERR_LIMIT, NULL, "too long a message");
    if (HMAC(EVP_sha256(), mac_key.p, (int)mac_key.n, (const unsigned char *)input.p, input.n, mac, &n) ==
        NULL)
        return fail_nomem(error);
    base64_encode_url(&signature, slice_of(mac, n));
    return finish(&input, dot, &signature, out, error);
}
