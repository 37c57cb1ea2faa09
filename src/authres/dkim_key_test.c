#include "authres/dkim_testing.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "authres/dkim_key.h"
#include "base/base64.h"

/* "" for a good key, else "word: reason". */
static void assert_record(const char *record, enum dkim_algorithm algorithm, const char *wanted)
{
    struct dkim_key key = {0};
    struct dkim_outcome why;
    char said[100] = "";
    if (!dkim_key_parse(slice_cstr(record), algorithm, &key, &why))
        snprintf(said, sizeof(said), "%s: %s", dkim_result_word(why.result), why.reason);
    assert_string_equal(said, wanted);
    dkim_key_release(&key);
}

#define ED "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void test_reads_records(void **state)
{
    (void)state;
    assert_record(TEST_ED25519_RECORD, DKIM_ED25519_SHA256, "");
    assert_record(TEST_RSA_RECORD, DKIM_RSA_SHA256, "");
    assert_record(TEST_OLD_RECORD, DKIM_RSA_SHA256, "");
    assert_record("k=ed25519;" ED ";n=a note;g=*;unknown=1", DKIM_ED25519_SHA256, "");
    assert_record("k=ed25519;h=sha1:sha256;s=other:email;" ED, DKIM_ED25519_SHA256, "");
    assert_record("k=ed25519;s=*;t=;" ED, DKIM_ED25519_SHA256, "");
}

static void test_refuses_records(void **state)
{
    const enum dkim_algorithm ed = DKIM_ED25519_SHA256;
    (void)state;
    assert_record("v=DKIM2;k=ed25519;" ED, ed, "permerror: incompatible key version");
    assert_record("k=ed25519;v=DKIM1;" ED, ed, "permerror: incompatible key version");
    assert_record("k=ed25519", ed, "permerror: key syntax error");
    assert_record("hello world", ed, "permerror: key syntax error");
    assert_record("k=ed25519;p=", ed, "permerror: key revoked");
    assert_record("k=ed25519;p=AAAA", ed, "permerror: key syntax error");
    assert_record("k=ed25519;p=*", ed, "permerror: key syntax error");
    assert_record(ED, ed, "permerror: inappropriate key algorithm");
    assert_record("k=ed25519;" ED, DKIM_RSA_SHA256, "permerror: inappropriate key algorithm");
    assert_record("k=rsa;" ED, DKIM_RSA_SHA256, "permerror: key syntax error");
    assert_record("k=ed25519;h=sha1;" ED, ed, "permerror: inappropriate hash algorithm");
    assert_record("k=ed25519;s=tlsrpt;" ED, ed, "permerror: key is not for mail");
}

static void test_reads_flags(void **state)
{
    struct dkim_key key = {0};
    struct dkim_outcome why;
    (void)state;
    assert_true(dkim_key_parse(S("k=ed25519; t=y : s;" ED), DKIM_ED25519_SHA256, &key, &why));
    assert_true(key.testing && key.strict);
    dkim_key_release(&key);
    assert_true(dkim_key_parse(S("k=ed25519; t=x;" ED), DKIM_ED25519_SHA256, &key, &why));
    assert_false(key.testing || key.strict);
    dkim_key_release(&key);
}

static void assert_rsa_bits(unsigned bits, const char *wanted, bool bare)
{
    CLEANUP(buf_release) struct buf record = BUF(DKIM_KEY_RECORD_MAX + 1);
    unsigned char *der = NULL;
    EVP_PKEY *key = EVP_RSA_gen(bits);
    int n = bare ? i2d_PublicKey(key, &der) : i2d_PUBKEY(key, &der);
    assert_true(n > 0);
    buf_put(&record, S("p="));
    base64_encode(&record, slice_of(der, (size_t)n));
    assert_record(buf_cstr(&record), DKIM_RSA_SHA256, wanted);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

/* RFC 8301 3.2. */
static void test_limits_rsa_bits(void **state)
{
    (void)state;
    assert_rsa_bits(DKIM_RSA_BITS_MIN, "", false);
    assert_rsa_bits(DKIM_RSA_BITS_MIN - 1, "policy: key too short", false);
    assert_rsa_bits(DKIM_RSA_BITS_MAX, "", false);
    assert_rsa_bits(DKIM_RSA_BITS_MAX + 8, "policy: key too long", false);
    assert_rsa_bits(2048, "", true);
}

static void test_limits_record(void **state)
{
    CLEANUP(buf_release) struct buf record = BUF(DKIM_KEY_RECORD_MAX + 1);
    (void)state;
    buf_put(&record, S("k=ed25519;" ED ";n="));
    while (record.n < DKIM_KEY_RECORD_MAX)
        buf_putc(&record, 'x');
    assert_record(buf_cstr(&record), DKIM_ED25519_SHA256, "");
    buf_putc(&record, 'x');
    assert_record(buf_cstr(&record), DKIM_ED25519_SHA256, "permerror: key syntax error");
}

static void assert_fetch(struct test_zone *zone, const char *selector, const char *wanted)
{
    const struct authres_dns dns = {test_records, zone};
    struct dkim_key key = {0};
    struct dkim_outcome why;
    char said[100] = "";
    if (!dkim_key_fetch(&dns, S("example.com"), slice_cstr(selector), DKIM_ED25519_SHA256, 0, &key, &why))
        snprintf(said, sizeof(said), "%s: %s", dkim_result_word(why.result), why.reason);
    assert_string_equal(said, wanted);
    dkim_key_release(&key);
}

static void test_fetches_by_selector(void **state)
{
    struct test_zone zone = {.names = {
                                 {"one._domainkey.example.com", TEST_ED25519_RECORD, ERR_OK},
                                 {"a.b._domainkey.example.com", TEST_ED25519_RECORD, ERR_OK},
                                 {"two._domainkey.example.com", "v=spf1 -all", ERR_OK},
                                 {"two._domainkey.example.com", TEST_ED25519_RECORD, ERR_OK},
                                 {"slow._domainkey.example.com", NULL, ERR_TIMEOUT},
                                 {"forged._domainkey.example.com", NULL, ERR_AUTH},
                                 {"wild._domainkey.example.com", "v=spf1 -all", ERR_OK},
                                 {"long._domainkey.example.com", NULL, ERR_INVALID},
                             }};
    char long_selector[RESOLVER_NAME_MAX + 1] = "";
    (void)state;
    assert_fetch(&zone, "one", "");
    assert_fetch(&zone, "a.b", "");
    assert_fetch(&zone, "two", "");
    assert_fetch(&zone, "none", "permerror: no key for signature");
    assert_fetch(&zone, "slow", "temperror: key unavailable");
    assert_fetch(&zone, "forged", "temperror: key unavailable");
    assert_fetch(&zone, "wild", "permerror: incompatible key version");
    assert_fetch(&zone, "long", "permerror: no key for signature");
    memset(long_selector, 'x', RESOLVER_NAME_MAX);
    size_t asked = zone.asked;
    assert_fetch(&zone, long_selector, "permerror: no key for signature");
    assert_int_equal(zone.asked, asked);
}

static void assert_published(struct test_zone *zone, const char *selector, const char *wanted)
{
    const struct authres_dns dns = {test_records, zone};
    struct dkim_outcome why = {DKIM_PASS, ""};
    bool published =
        dkim_key_is_published(&dns, S("example.com"), slice_cstr(selector), S(TEST_ED25519_RECORD), 0, &why);
    assert_string_equal(published ? "" : why.reason, wanted);
}

static void test_looks_whether_a_key_is_published(void **state)
{
    struct test_zone zone = {.names = {
                                 {"one._domainkey.example.com", "t=s; k=ed25519; " ED, ERR_OK},
                                 {"two._domainkey.example.com", "v=spf1 -all", ERR_OK},
                                 {"two._domainkey.example.com", TEST_ED25519_RECORD, ERR_OK},
                                 {"other._domainkey.example.com", TEST_RSA_RECORD, ERR_OK},
                                 {"gone._domainkey.example.com", "k=ed25519; p=", ERR_OK},
                                 {"slow._domainkey.example.com", NULL, ERR_TIMEOUT},
                             }};
    (void)state;
    assert_published(&zone, "one", "");
    assert_published(&zone, "two", "");
    assert_published(&zone, "other", "the DNS has another record");
    assert_published(&zone, "gone", "the DNS has another record");
    assert_published(&zone, "none", "the DNS has no such record");
    assert_published(&zone, "slow", "the DNS does not answer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_records),
        cmocka_unit_test(test_refuses_records),
        cmocka_unit_test(test_reads_flags),
        cmocka_unit_test(test_limits_rsa_bits),
        cmocka_unit_test(test_limits_record),
        cmocka_unit_test(test_fetches_by_selector),
        cmocka_unit_test(test_looks_whether_a_key_is_published),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
