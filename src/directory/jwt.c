#include "directory/jwt.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include "base/base64.h"
#include "directory/jwt_key.h"
#include "rt/json.h"

enum { ECDSA_HALF = 32 /* bytes of r and of s (RFC 7518 3.4) */, DER_MAX = 80 };

/* A token taken apart; nothing in it is proven. */
struct token {
    struct slice signed_part; /* header "." claims, as sent */
    struct buf header;
    struct buf claims;
    struct buf signature;
};

static void token_release(struct token *token)
{
    buf_release(&token->header);
    buf_release(&token->claims);
    buf_release(&token->signature);
}

/* RFC 7515 3.1: three parts in base64url. */
static bool split(struct slice text, struct token *token)
{
    struct slice header, claims, signature, rest;
    if (text.n > JWT_MAX || !slice_cut(text, '.', &header, &rest) ||
        !slice_cut(rest, '.', &claims, &signature))
        return false;
    token->signed_part = slice_sub(text, 0, header.n + 1 + claims.n);
    return base64_decode_url(&token->header, header) && base64_decode_url(&token->claims, claims) &&
           base64_decode_url(&token->signature, signature) && !buf_failed(&token->header) &&
           !buf_failed(&token->claims) && !buf_failed(&token->signature);
}

/* `what` is not an object: a wrong token. */
static enum err load_object(const struct buf *text, const char *what, json_t **ret_object,
                            struct error *error)
{
    json_t *value = NULL;
    if (json_read(buf_slice(text), &value, error) == ERR_NOMEM)
        return ERR_NOMEM;
    if (json_is_object(value)) {
        *ret_object = value;
        return ERR_OK;
    }
    json_decref(value);
    return fail(error, ERR_AUTH, NULL, "the token's %s no JSON object", what);
}

/* JWS has r and s as they are (RFC 7518 3.4), OpenSSL wants them in DER. 0: it can't be one. */
static size_t ecdsa_to_der(struct slice signature, unsigned char ret[static DER_MAX])
{
    if (signature.n != 2 * (size_t)ECDSA_HALF)
        return 0;
    const unsigned char *bytes = (const unsigned char *)signature.p;
    unsigned char *at = ret;
    int n = 0;
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes, ECDSA_HALF, NULL);
    BIGNUM *s = BN_bin2bn(bytes + ECDSA_HALF, ECDSA_HALF, NULL);
    if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* the pair's now */
        if (i2d_ECDSA_SIG(pair, NULL) <= DER_MAX)
            n = i2d_ECDSA_SIG(pair, &at);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return n > 0 ? (size_t)n : 0;
}

static bool signature_is_right(const struct token *token, const struct jwt_key *key)
{
    unsigned char der[DER_MAX];
    struct slice signature = buf_slice(&token->signature);
    const EVP_MD *digest = key->algorithm == JWT_EDDSA ? NULL : EVP_sha256();
    if (key->algorithm == JWT_ES256)
        signature = slice_of(der, ecdsa_to_der(signature, der));
    if (signature.n == 0)
        return false;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right = context != NULL && EVP_DigestVerifyInit(context, NULL, digest, NULL, key->key) == 1 &&
                 EVP_DigestVerify(context, (const unsigned char *)signature.p, signature.n,
                                  (const unsigned char *)token->signed_part.p, token->signed_part.n) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return right;
}

/* Says which keys to try, and tries them. */
static enum err verify(const struct token *token, json_t *header, const struct jwt_keys *keys,
                       struct error *error)
{
    enum jwt_algorithm algorithm;
    const char *id = json_string_value(json_object_get(header, "kid"));
    unsigned tries = 0;
    if (!jwt_algorithm_find(json_string_value(json_object_get(header, "alg")), &algorithm))
        return fail(error, ERR_AUTH, NULL, "the token's algorithm is none of RS256, ES256, EdDSA");
    /* Extensions that must be understood; we understand none (RFC 7515 4.1.11). */
    if (json_object_get(header, "crit") != NULL)
        return fail(error, ERR_AUTH, NULL, "the token has a critical extension");
    for (size_t i = 0; i < keys->count && tries < JWT_TRIES_MAX; i++) {
        const struct jwt_key *key = &keys->at[i];
        if (key->algorithm != algorithm || (id != NULL && strcmp(id, key->id) != 0))
            continue;
        tries++;
        if (signature_is_right(token, key))
            return ERR_OK;
    }
    if (id != NULL && tries > 0)
        return fail(error, ERR_AUTH, NULL, "the token's signature is wrong");
    return fail(error, ERR_NOT_FOUND, NULL, "no key for the token");
}

enum err jwt_verify(struct slice text, const struct jwt_keys *keys, json_t **ret_claims, struct error *error)
{
    CLEANUP(token_release)
    struct token token = {.header = BUF(JWT_MAX), .claims = BUF(JWT_MAX), .signature = BUF(JWT_MAX)};
    bool whole = split(text, &token);
    if (buf_no_memory(&token.header) || buf_no_memory(&token.claims) || buf_no_memory(&token.signature))
        return fail_nomem(error);
    if (!whole)
        return fail(error, ERR_AUTH, NULL, "not a token of three parts");
    json_t *header;
    enum err err = load_object(&token.header, "header is", &header, error);
    if (err != ERR_OK)
        return err;
    err = verify(&token, header, keys, error);
    json_decref(header);
    return err == ERR_OK ? load_object(&token.claims, "claims are", ret_claims, error) : err;
}
