/* An identity provider's side of a token, for tests: keys, their JSON, signing. */
#ifndef POSTHORN_DIRECTORY_JWT_TESTING_H
#define POSTHORN_DIRECTORY_JWT_TESTING_H

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "base/must.h"
#include "directory/jwt.h"

enum { TESTING_TEXT_MAX = 16 * 1024 };

static inline void put_base64url(struct buf *out, struct slice in)
{
    size_t from = out->n;
    base64_encode(out, in);
    while (out->n > from && out->p[out->n - 1] == '=')
        out->n--;
    for (size_t i = from; i < out->n; i++)
        out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
}

static inline EVP_PKEY *testing_key(enum jwt_algorithm algorithm)
{
    EVP_PKEY *key = algorithm == JWT_RS256   ? EVP_RSA_gen(JWK_RSA_BITS_LEAST)
                    : algorithm == JWT_ES256 ? EVP_EC_gen("P-256")
                                             : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    must(key != NULL);
    return key;
}

static inline void put_number(struct buf *out, const EVP_PKEY *key, const char *name, const char *parameter,
                              int n)
{
    unsigned char bytes[JWK_RSA_BITS_MOST / 8 + 1];
    BIGNUM *number = NULL;
    must(EVP_PKEY_get_bn_param(key, parameter, &number) == 1);
    n = n > 0 ? n : BN_num_bytes(number);
    must(BN_bn2binpad(number, bytes, n) == n);
    BN_free(number);
    buf_printf(out, ",\"%s\":\"", name);
    put_base64url(out, slice_of(bytes, (size_t)n));
    buf_putc(out, '"');
}

/* {"kty":...,"kid":...}; more: further members, each with a comma before it. */
static inline void put_jwk(struct buf *out, const EVP_PKEY *key, enum jwt_algorithm algorithm, const char *id,
                           const char *more)
{
    static const char *const heads[] = {[JWT_RS256] = "RSA\"",
                                        [JWT_ES256] = "EC\",\"crv\":\"P-256\"",
                                        [JWT_EDDSA] = "OKP\",\"crv\":\"Ed25519\""};
    unsigned char raw[32];
    size_t n = sizeof(raw);
    buf_printf(out, "{\"kid\":\"%s\"%s,\"kty\":\"%s", id, more, heads[algorithm]);
    if (algorithm == JWT_RS256) {
        put_number(out, key, "n", OSSL_PKEY_PARAM_RSA_N, 0);
        put_number(out, key, "e", OSSL_PKEY_PARAM_RSA_E, 0);
    } else if (algorithm == JWT_ES256) {
        put_number(out, key, "x", OSSL_PKEY_PARAM_EC_PUB_X, 32);
        put_number(out, key, "y", OSSL_PKEY_PARAM_EC_PUB_Y, 32);
    } else {
        must(EVP_PKEY_get_raw_public_key(key, raw, &n) == 1);
        buf_printf(out, ",\"x\":\"");
        put_base64url(out, slice_of(raw, n));
        buf_putc(out, '"');
    }
    buf_putc(out, '}');
}

/* DER to r and s, 32 bytes each. */
static inline void put_ecdsa(struct buf *out, struct slice der)
{
    const unsigned char *at = (const unsigned char *)der.p;
    unsigned char both[64];
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)der.n);
    must(pair != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(pair), both, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(pair), both + 32, 32) == 32);
    ECDSA_SIG_free(pair);
    put_base64url(out, slice_of(both, sizeof(both)));
}

static inline void put_token(struct buf *out, EVP_PKEY *key, enum jwt_algorithm algorithm, const char *header,
                             const char *claims)
{
    unsigned char signature[JWK_RSA_BITS_MOST / 8];
    size_t n = sizeof(signature);
    size_t from = out->n;
    put_base64url(out, slice_cstr(header));
    buf_putc(out, '.');
    put_base64url(out, slice_cstr(claims));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *digest = algorithm == JWT_EDDSA ? NULL : EVP_sha256();
    must(EVP_DigestSignInit(context, NULL, digest, NULL, key) == 1 &&
         EVP_DigestSign(context, signature, &n, (const unsigned char *)out->p + from, out->n - from) == 1);
    EVP_MD_CTX_free(context);
    buf_putc(out, '.');
    if (algorithm == JWT_ES256)
        put_ecdsa(out, slice_of(signature, n));
    else
        put_base64url(out, slice_of(signature, n));
    must(!buf_failed(out));
}

#endif
