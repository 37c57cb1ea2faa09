/* Sets of keys: JSON in, OpenSSL's keys out. */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/must.h"
#include "directory/jwt_key.h"
#include "rt/json.h"

enum {
    RSA_EXPONENT_BYTES_MAX = 8,
    COORDINATE = 32, /* bytes: P-256, Ed25519 */
    POINT = 1 + 2 * COORDINATE,
    MEMBER_BYTES_MAX = JWK_RSA_BITS_MOST / 8 + 1,
};

static const struct {
    const char *algorithm;
    const char *type;
    const char *curve;
} kinds[] = {
#define X(name, text, type, curve) {text, type, curve},
    JWT_ALGORITHM_TABLE(X)
#undef X
};

bool jwt_algorithm_find(const char *name, enum jwt_algorithm *ret)
{
    for (unsigned i = 0; name != NULL && i < JWT_ALGORITHMS; i++) {
        if (strcmp(name, kinds[i].algorithm) == 0) {
            *ret = (enum jwt_algorithm)i;
            return true;
        }
    }
    return false;
}

/* A member's text, or NULL. */
static const char *member(json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* A member that is base64url of bytes. */
static bool member_bytes(json_t *object, const char *name, struct buf *out)
{
    const char *text = member(object, name);
    return text != NULL && base64_decode_url(out, slice_cstr(text)) && !buf_failed(out) && out->n > 0;
}

/* NULL: the parameters make no key. Takes builder. */
static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (parameters == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    return key;
}

static EVP_PKEY *make_rsa(json_t *object)
{
    CLEANUP(buf_release) struct buf modulus = BUF(MEMBER_BYTES_MAX);
    CLEANUP(buf_release) struct buf exponent = BUF(RSA_EXPONENT_BYTES_MAX);
    if (!member_bytes(object, "n", &modulus) || !member_bytes(object, "e", &exponent))
        return NULL;
    EVP_PKEY *key = NULL;
    BIGNUM *n = BN_bin2bn((const unsigned char *)modulus.p, (int)modulus.n, NULL);
    BIGNUM *e = BN_bin2bn((const unsigned char *)exponent.p, (int)exponent.n, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool good = n != NULL && e != NULL && builder != NULL && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e);
    good = good && BN_num_bits(n) >= JWK_RSA_BITS_LEAST && BN_num_bits(n) <= JWK_RSA_BITS_MOST;
    good = good && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
           OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1;
    if (good)
        key = make_key("RSA", take(builder));
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *make_ec(json_t *object)
{
    CLEANUP(buf_release) struct buf point = BUF(POINT);
    CLEANUP(buf_release) struct buf x = BUF(COORDINATE);
    CLEANUP(buf_release) struct buf y = BUF(COORDINATE);
    if (!member_bytes(object, "x", &x) || !member_bytes(object, "y", &y) || x.n != COORDINATE ||
        y.n != COORDINATE)
        return NULL;
    buf_putc(&point, POINT_CONVERSION_UNCOMPRESSED);
    buf_put(&point, buf_slice(&x));
    buf_put(&point, buf_slice(&y));
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    if (builder != NULL && !buf_failed(&point) &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1)
        return make_key("EC", builder);
    OSSL_PARAM_BLD_free(builder);
    return NULL;
}

static EVP_PKEY *make_ed25519(json_t *object)
{
    CLEANUP(buf_release) struct buf x = BUF(COORDINATE);
    if (!member_bytes(object, "x", &x) || x.n != COORDINATE)
        return NULL;
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, (const unsigned char *)x.p, x.n);
}

/* What the key is for, by "kty" and "crv"; "alg" and "use" may only agree (RFC 7517 4.2, 4.4). */
static bool find_kind(json_t *object, enum jwt_algorithm *ret)
{
    const char *type = member(object, "kty");
    const char *curve = member(object, "crv");
    const char *algorithm = member(object, "alg");
    const char *use = member(object, "use");
    if (type == NULL || (use != NULL && strcmp(use, "sig") != 0))
        return false;
    for (unsigned i = 0; i < JWT_ALGORITHMS; i++) {
        bool fits = strcmp(type, kinds[i].type) == 0 &&
                    (kinds[i].curve == NULL || (curve != NULL && strcmp(curve, kinds[i].curve) == 0));
        if (fits && (algorithm == NULL || strcmp(algorithm, kinds[i].algorithm) == 0)) {
            *ret = (enum jwt_algorithm)i;
            return true;
        }
    }
    return false;
}

static bool read_key(json_t *object, struct jwt_key *key)
{
    const char *id = member(object, "kid");
    if (!find_kind(object, &key->algorithm) || (id != NULL && strlen(id) > JWK_ID_MAX))
        return false;
    switch (key->algorithm) {
    case JWT_RS256:
        key->key = make_rsa(object);
        break;
    case JWT_ES256:
        key->key = make_ec(object);
        break;
    case JWT_EDDSA:
    case JWT_ALGORITHMS:
        key->key = make_ed25519(object);
        break;
    }
    ERR_clear_error();
    snprintf(key->id, sizeof(key->id), "%s", id != NULL ? id : "");
    return key->key != NULL;
}

enum err jwt_keys_parse(struct slice text, struct jwt_keys **ret_keys, struct error *error)
{
    json_t *set = NULL;
    if (json_read(text, &set, error) == ERR_NOMEM)
        return ERR_NOMEM;
    json_t *list = json_object_get(set, "keys");
    size_t count = json_array_size(list);
    struct jwt_keys *keys = NULL;
    enum err err = ERR_OK;
    if (!json_is_array(list) || count > JWK_KEYS_MAX)
        err = fail(error, ERR_INVALID, NULL, "not a set of at most %d keys", JWK_KEYS_MAX);
    else if ((keys = calloc(1, sizeof(*keys) + count * sizeof(keys->at[0]))) == NULL)
        err = fail_nomem(error);
    if (err == ERR_OK) {
        atomic_init(&keys->holders, 1);
        for (size_t i = 0; i < count; i++)
            if (read_key(json_array_get(list, i), &keys->at[keys->count]))
                keys->count++;
        *ret_keys = keys;
    }
    json_decref(set);
    return err;
}

struct jwt_keys *jwt_keys_hold(struct jwt_keys *keys)
{
    if (keys != NULL)
        atomic_fetch_add(&keys->holders, 1);
    return keys;
}

void jwt_keys_release(struct jwt_keys *keys)
{
    if (keys == NULL || atomic_fetch_sub(&keys->holders, 1) > 1)
        return;
    for (size_t i = 0; i < keys->count; i++)
        EVP_PKEY_free(keys->at[i].key);
    free(keys);
}

size_t jwt_keys_count(const struct jwt_keys *keys)
{
    return keys->count;
}
