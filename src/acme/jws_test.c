#include "acme/jws.h"

#include <jansson.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "base/base64.h"
#include "base/test.h"
#include "rt/tls_request.h"

/* RFC 7517 A.2's key for P-256. */
static const char known_key[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg870MB6gfuTJ4HtUn\n"
                                "UvYMyJpr5eUZNP4Bk43bVdj3eAGhRANCAAQwoEJM0hwpRIOKLXXJKzfnbqINnwCJ\n"
                                "OjtO7oo8Cq/sPuBLZekkVtmIi1Kzeb371R7oae8fD8ZbZllpW2zOCBcj\n"
                                "-----END PRIVATE KEY-----\n";

static struct slice text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_string(value));
    return slice_of(json_string_value(value), json_string_length(value));
}

static json_t *decode(struct slice coded)
{
    CLEANUP(buf_release) struct buf plain = BUF(ACME_MESSAGE_MAX);
    assert_true(base64_decode_url(&plain, coded));
    json_t *object = json_loadb(plain.p, plain.n, 0, NULL);
    assert_non_null(object);
    return object;
}

static json_t *load(const struct buf *message)
{
    json_t *object = json_loadb(message->p, message->n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    return object;
}

/* With OpenSSL alone: the signature is that of "protected.payload". */
static bool verifies(const json_t *message, const char *pem)
{
    CLEANUP(buf_release) struct buf raw = BUF(100);
    CLEANUP(buf_release) struct buf input = BUF(ACME_MESSAGE_MAX);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    unsigned char *der = NULL;
    assert_true(base64_decode_url(&raw, text_of(message, "signature")));
    assert_int_equal(raw.n, 64);
    ECDSA_SIG *signature = ECDSA_SIG_new();
    ECDSA_SIG_set0(signature, BN_bin2bn((unsigned char *)raw.p, 32, NULL),
                   BN_bin2bn((unsigned char *)raw.p + 32, 32, NULL));
    int n = i2d_ECDSA_SIG(signature, &der);
    buf_printf(&input, "%.*s.%.*s", SLICE_ARGS(text_of(message, "protected")),
               SLICE_ARGS(text_of(message, "payload")));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    bool good = EVP_DigestVerify(context, der, (size_t)n, (unsigned char *)input.p, input.n) == 1;
    EVP_MD_CTX_free(context);
    ECDSA_SIG_free(signature);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    BIO_free(bio);
    return good;
}

static void test_signs_for_others_to_verify(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf message = BUF(ACME_MESSAGE_MAX);
    struct acme_key *key;
    struct error error;
    assert_int_equal(acme_key_read(slice_cstr(known_key), &key, &error), ERR_OK);
    const struct acme_signing first = {
        .url = S("https://ca.test/a\"b"), .nonce = S("n1"), .payload = S("{\"a\":1}")};
    assert_int_equal(acme_sign(key, &first, &message, &error), ERR_OK);
    json_t *object = load(&message);
    assert_true(verifies(object, known_key));
    json_t *head = decode(text_of(object, "protected"));
    assert_true(slice_eq(text_of(head, "alg"), S("ES256")));
    assert_true(slice_eq(text_of(head, "url"), S("https://ca.test/a\"b")));
    assert_null(json_object_get(head, "kid"));
    assert_true(slice_eq(text_of(json_object_get(head, "jwk"), "x"),
                         S("MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4")));
    json_decref(head);
    json_decref(object);
    buf_clear(&message);
    const struct acme_signing later = {
        .url = S("https://ca.test/b"), .nonce = S("n2"), .kid = S("https://ca.test/1")};
    assert_int_equal(acme_sign(key, &later, &message, &error), ERR_OK);
    object = load(&message);
    assert_true(verifies(object, known_key));
    assert_int_equal(text_of(object, "payload").n, 0); /* POST-as-GET */
    head = decode(text_of(object, "protected"));
    assert_null(json_object_get(head, "jwk"));
    assert_true(slice_eq(text_of(head, "kid"), S("https://ca.test/1")));
    json_decref(head);
    json_decref(object);
    acme_key_free(key);
}

/* What RFC 7638 3.1 prescribes, made another way. */
static void test_thumbprint_is_of_the_key_alone(void **state UNUSED)
{
    static const char json[] =
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
        "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}";
    CLEANUP(buf_release) struct buf found = BUF(100);
    CLEANUP(buf_release) struct buf wanted = BUF(100);
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct acme_key *key;
    struct error error;
    assert_int_equal(acme_key_read(slice_cstr(known_key), &key, &error), ERR_OK);
    acme_key_put_thumbprint(key, &found);
    assert_int_equal(EVP_Digest(json, sizeof(json) - 1, digest, NULL, EVP_sha256(), NULL), 1);
    base64_encode_url(&wanted, slice_of(digest, 32));
    assert_string_equal(buf_cstr(&found), buf_cstr(&wanted));
    acme_key_free(key);
}

static void test_binds_an_account_that_was_given(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf message = BUF(ACME_MESSAGE_MAX);
    CLEANUP(buf_release) struct buf input = BUF(ACME_MESSAGE_MAX);
    CLEANUP(buf_release) struct buf wanted = BUF(100);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct acme_key *key;
    struct error error;
    assert_int_equal(acme_key_read(slice_cstr(known_key), &key, &error), ERR_OK);
    assert_int_equal(acme_bind(key, S("https://ca.test/new"), S("k1"), S("c2VjcmV0"), &message, &error),
                     ERR_OK);
    json_t *object = load(&message);
    buf_printf(&input, "%.*s.%.*s", SLICE_ARGS(text_of(object, "protected")),
               SLICE_ARGS(text_of(object, "payload")));
    assert_non_null(HMAC(EVP_sha256(), "secret", 6, (unsigned char *)input.p, input.n, mac, &n));
    base64_encode_url(&wanted, slice_of(mac, n));
    assert_true(slice_eq(text_of(object, "signature"), buf_slice(&wanted)));
    json_decref(object);
    assert_int_equal(acme_bind(key, S("https://ca.test/new"), S("k1"), S("a b"), &message, &error),
                     ERR_INVALID);
    acme_key_free(key);
}

static void test_refuses_keys_of_another_kind(void **state UNUSED)
{
    struct acme_key *key;
    struct error error;
    EVP_PKEY *other = EVP_EC_gen("P-384");
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, other, NULL, NULL, 0, NULL, NULL), 1);
    long n = BIO_get_mem_data(bio, &pem);
    assert_int_equal(acme_key_read(slice_of(pem, (size_t)n), &key, &error), ERR_INVALID);
    assert_int_equal(acme_key_read(S("no key"), &key, &error), ERR_INVALID);
    assert_int_equal(acme_key_read(slice_none(), &key, &error), ERR_INVALID);
    BIO_free(bio);
    EVP_PKEY_free(other);
}

static void test_too_long_a_message_is_refused(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf message = BUF(ACME_MESSAGE_MAX);
    static char payload[ACME_MESSAGE_MAX + 1];
    struct acme_key *key;
    struct error error;
    assert_int_equal(acme_key_read(slice_cstr(known_key), &key, &error), ERR_OK);
    const struct acme_signing signing = {.url = S("https://ca.test/"),
                                         .payload = slice_of(payload, sizeof(payload))};
    assert_int_equal(acme_sign(key, &signing, &message, &error), ERR_LIMIT);
    acme_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signs_for_others_to_verify),
        cmocka_unit_test(test_thumbprint_is_of_the_key_alone),
        cmocka_unit_test(test_binds_an_account_that_was_given),
        cmocka_unit_test(test_refuses_keys_of_another_kind),
        cmocka_unit_test(test_too_long_a_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
