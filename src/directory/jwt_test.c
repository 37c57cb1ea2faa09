#include "base/test.h"

#include "directory/jwt.h"

#include <openssl/hmac.h>

#include "directory/jwt_testing.h"

/* Two keys of each algorithm, since making them takes long; the first of each is in the set, by its name. */
struct provider {
    EVP_PKEY *ours[JWT_ALGORITHMS];
    EVP_PKEY *others[JWT_ALGORITHMS];
    struct buf set;
    struct jwt_keys *keys;
    struct buf token;
};

static const char *const names[] = {"RS256", "ES256", "EdDSA"};

static int setup(void **state)
{
    struct provider *t = calloc(1, sizeof(*t));
    struct error error;
    assert_non_null(t);
    t->set = BUF(TESTING_TEXT_MAX);
    t->token = BUF(2 * JWT_MAX);
    buf_printf(&t->set, "{\"keys\":[");
    for (unsigned i = 0; i < JWT_ALGORITHMS; i++) {
        t->ours[i] = testing_key((enum jwt_algorithm)i);
        t->others[i] = testing_key((enum jwt_algorithm)i);
        buf_printf(&t->set, i > 0 ? "," : "");
        put_jwk(&t->set, t->ours[i], (enum jwt_algorithm)i, names[i], ",\"use\":\"sig\",\"x5t\":7");
    }
    buf_printf(&t->set, "]}");
    assert_int_equal(jwt_keys_parse(buf_slice(&t->set), &t->keys, &error), ERR_OK);
    assert_int_equal(jwt_keys_count(t->keys), JWT_ALGORITHMS);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct provider *t = *state;
    for (unsigned i = 0; i < JWT_ALGORITHMS; i++) {
        EVP_PKEY_free(t->ours[i]);
        EVP_PKEY_free(t->others[i]);
    }
    jwt_keys_release(t->keys);
    buf_release(&t->set);
    buf_release(&t->token);
    free(t);
    return 0;
}

static enum err verify_text(const struct provider *t, struct slice token)
{
    json_t *claims = NULL;
    struct error error;
    enum err err = jwt_verify(token, t->keys, &claims, &error);
    if (err == ERR_OK)
        assert_string_equal(json_string_value(json_object_get(claims, "sub")), "anna");
    json_decref(claims);
    return err;
}

static enum err verify(struct provider *t, EVP_PKEY *key, enum jwt_algorithm algorithm, const char *header)
{
    buf_clear(&t->token);
    put_token(&t->token, key, algorithm, header, "{\"sub\":\"anna\"}");
    return verify_text(t, buf_slice(&t->token));
}

static enum err verify_named(struct provider *t, EVP_PKEY *key, enum jwt_algorithm algorithm, const char *id)
{
    char header[100];
    snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"typ\":\"JWT\"%s}", names[algorithm], id);
    return verify(t, key, algorithm, header);
}

static void test_accepts_each_algorithm(void **state)
{
    struct provider *t = *state;
    for (unsigned i = 0; i < JWT_ALGORITHMS; i++) {
        char id[40];
        snprintf(id, sizeof(id), ",\"kid\":\"%s\"", names[i]);
        assert_int_equal(verify_named(t, t->ours[i], (enum jwt_algorithm)i, id), ERR_OK);
        assert_int_equal(verify_named(t, t->ours[i], (enum jwt_algorithm)i, ""),
                         ERR_OK); /* no name: all are tried */
    }
}

static void test_refuses_other_keys(void **state)
{
    struct provider *t = *state;
    for (unsigned i = 0; i < JWT_ALGORITHMS; i++) {
        char id[40];
        snprintf(id, sizeof(id), ",\"kid\":\"%s\"", names[i]);
        assert_int_equal(verify_named(t, t->others[i], (enum jwt_algorithm)i, id), ERR_AUTH);
        assert_int_equal(verify_named(t, t->others[i], (enum jwt_algorithm)i, ""), ERR_NOT_FOUND);
        assert_int_equal(verify_named(t, t->ours[i], (enum jwt_algorithm)i, ",\"kid\":\"new\""),
                         ERR_NOT_FOUND);
        /* a name that is a key's of another algorithm */
        assert_int_equal(verify_named(t, t->ours[i], (enum jwt_algorithm)i,
                                      i == JWT_RS256 ? ",\"kid\":\"ES256\"" : ",\"kid\":\"RS256\""),
                         ERR_NOT_FOUND);
    }
}

static void test_any_changed_byte_is_noticed(void **state)
{
    struct provider *t = *state;
    for (unsigned i = 0; i < JWT_ALGORITHMS; i++) {
        assert_int_equal(verify_named(t, t->ours[i], (enum jwt_algorithm)i, ""), ERR_OK);
        for (size_t at = 0; at < t->token.n; at += 3) {
            char before = t->token.p[at];
            t->token.p[at] = before == 'A' ? 'B' : 'A';
            assert_int_not_equal(verify_text(t, buf_slice(&t->token)), ERR_OK);
            t->token.p[at] = before;
            assert_int_not_equal(verify_text(t, slice_sub(buf_slice(&t->token), 0, at)), ERR_OK);
        }
    }
}

static void test_none_is_no_algorithm(void **state)
{
    struct provider *t = *state;
    static const char *const algorithms[] = {"none", "None", "HS256", "RS512", "PS256", "ES384", "rs256", ""};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        char header[100];
        snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"RS256\"}", algorithms[i]);
        assert_int_equal(verify(t, t->ours[JWT_RS256], JWT_RS256, header), ERR_AUTH);
    }
    assert_int_equal(verify(t, t->ours[JWT_RS256], JWT_RS256, "{}"), ERR_AUTH);
    assert_int_equal(verify(t, t->ours[JWT_RS256], JWT_RS256, "{\"alg\":7}"), ERR_AUTH);
    buf_clear(&t->token);
    put_base64url(&t->token, S("{\"alg\":\"none\"}"));
    buf_putc(&t->token, '.');
    put_base64url(&t->token, S("{\"sub\":\"anna\"}"));
    buf_putc(&t->token, '.');
    assert_int_equal(verify_text(t, buf_slice(&t->token)), ERR_AUTH);
}

/* The public key as HMAC's password: the classic. */
static void test_public_key_is_no_password(void **state)
{
    struct provider *t = *state;
    unsigned char mac[32];
    unsigned n = 0;
    buf_clear(&t->token);
    put_base64url(&t->token, S("{\"alg\":\"HS256\",\"kid\":\"RS256\"}"));
    buf_putc(&t->token, '.');
    put_base64url(&t->token, S("{\"sub\":\"anna\"}"));
    HMAC(EVP_sha256(), t->set.p, (int)t->set.n, (const unsigned char *)t->token.p, t->token.n, mac, &n);
    buf_putc(&t->token, '.');
    put_base64url(&t->token, slice_of(mac, n));
    assert_int_equal(verify_text(t, buf_slice(&t->token)), ERR_AUTH);
}

static void test_refuses_headers_that_say_more_than_we_know(void **state)
{
    struct provider *t = *state;
    static const char *const headers[] = {
        "{\"alg\":\"RS256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"RS256\",\"crit\":[]}",
        "{\"alg\":\"RS256\",\"alg\":\"RS256\"}",
        "[\"RS256\"]",
        "\"RS256\"",
        "",
        "{\"alg\":\"RS256\"} x",
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        assert_int_equal(verify(t, t->ours[JWT_RS256], JWT_RS256, headers[i]), ERR_AUTH);
}

static void test_refuses_what_is_no_token(void **state)
{
    struct provider *t = *state;
    static const char *const texts[] = {"",        ".",           "..",           "a.b",
                                        "a.b.c.d", "e30.e30.e30", "e30=.e30.e30", "e 0.e30.e30"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_int_equal(verify_text(t, slice_cstr(texts[i])), ERR_AUTH);
}

static void test_token_limit(void **state)
{
    struct provider *t = *state;
    static char claims[JWT_MAX];
    /* Length of everything but the claims, which grow by 4 for 3. */
    int fill = snprintf(claims, sizeof(claims), "{\"sub\":\"anna\",\"x\":\"");
    size_t n = 8500;
    memset(claims + fill, 'x', n);
    snprintf(claims + fill + n, sizeof(claims) - (size_t)fill - n, "\"}");
    buf_clear(&t->token);
    put_token(&t->token, t->ours[JWT_EDDSA], JWT_EDDSA, "{\"alg\":\"EdDSA\"}", claims);
    assert_true(t->token.n <= JWT_MAX);
    assert_int_equal(verify_text(t, buf_slice(&t->token)), ERR_OK);
    buf_clear(&t->token);
    n = 9200;
    memset(claims + fill, 'x', n);
    snprintf(claims + fill + n, sizeof(claims) - (size_t)fill - n, "\"}");
    put_token(&t->token, t->ours[JWT_EDDSA], JWT_EDDSA, "{\"alg\":\"EdDSA\"}", claims);
    assert_true(t->token.n > JWT_MAX);
    assert_int_equal(verify_text(t, buf_slice(&t->token)), ERR_AUTH);
}

/* --- sets of keys --- */

static size_t count_of(const char *set)
{
    struct jwt_keys *keys;
    struct error error;
    if (jwt_keys_parse(slice_cstr(set), &keys, &error) != ERR_OK)
        return SIZE_MAX;
    size_t count = jwt_keys_count(keys);
    jwt_keys_release(keys);
    return count;
}

static void test_passes_over_keys_that_are_none(void **state)
{
    static const char *const keys[] = {
        "{}",
        "7",
        "{\"kty\":\"oct\",\"k\":\"AAAA\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"not base64\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}",
        /* not on the curve */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAE\",\"y\":\"AAE\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAE\"}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        char set[400];
        snprintf(set, sizeof(set), "{\"keys\":[%s]}", keys[i]);
        assert_int_equal(count_of(set), 0);
    }
}

static size_t count_with(EVP_PKEY *key, const char *id, const char *more)
{
    CLEANUP(buf_release) struct buf set = BUF(TESTING_TEXT_MAX);
    buf_printf(&set, "{\"keys\":[");
    put_jwk(&set, key, JWT_ES256, id, more);
    buf_printf(&set, "]}");
    return count_of(buf_cstr(&set));
}

static void test_takes_only_keys_for_signatures(void **state)
{
    struct provider *t = *state;
    static char id[JWK_ID_MAX + 2];
    EVP_PKEY *key = t->ours[JWT_ES256];
    assert_int_equal(count_with(key, "a", ""), 1);
    assert_int_equal(count_with(key, "a", ",\"alg\":\"ES256\",\"use\":\"sig\""), 1);
    assert_int_equal(count_with(key, "a", ",\"alg\":\"ECDH-ES\""), 0);
    assert_int_equal(count_with(key, "a", ",\"use\":\"enc\""), 0);
    memset(id, 'i', JWK_ID_MAX);
    assert_int_equal(count_with(key, id, ""), 1);
    id[JWK_ID_MAX] = 'i';
    assert_int_equal(count_with(key, id, ""), 0);
}

static void test_rsa_keys_have_a_least_size(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf set = BUF(TESTING_TEXT_MAX);
    EVP_PKEY *small = EVP_RSA_gen(1024);
    buf_printf(&set, "{\"keys\":[");
    put_jwk(&set, small, JWT_RS256, "small", "");
    buf_printf(&set, "]}");
    EVP_PKEY_free(small);
    assert_int_equal(count_of(buf_cstr(&set)), 0);
}

static void test_refuses_what_is_no_set(void **state)
{
    static const char *const sets[] = {"",      "{", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[],\"keys\":[]}",
                                       "<html>"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        assert_int_equal(count_of(sets[i]), SIZE_MAX);
    CLEANUP(buf_release) struct buf many = BUF(TESTING_TEXT_MAX);
    buf_printf(&many, "{\"keys\":[7");
    for (int i = 1; i < JWK_KEYS_MAX; i++)
        buf_printf(&many, ",7");
    size_t n = many.n;
    buf_printf(&many, "]}");
    assert_int_equal(count_of(buf_cstr(&many)), 0);
    many.n = n;
    buf_printf(&many, ",7]}");
    assert_int_equal(count_of(buf_cstr(&many)), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts_each_algorithm),
        cmocka_unit_test(test_refuses_other_keys),
        cmocka_unit_test(test_any_changed_byte_is_noticed),
        cmocka_unit_test(test_none_is_no_algorithm),
        cmocka_unit_test(test_public_key_is_no_password),
        cmocka_unit_test(test_refuses_headers_that_say_more_than_we_know),
        cmocka_unit_test(test_refuses_what_is_no_token),
        cmocka_unit_test(test_token_limit),
        cmocka_unit_test(test_passes_over_keys_that_are_none),
        cmocka_unit_test(test_takes_only_keys_for_signatures),
        cmocka_unit_test(test_rsa_keys_have_a_least_size),
        cmocka_unit_test(test_refuses_what_is_no_set),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
