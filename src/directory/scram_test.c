#include "directory/scram.h"

#include "base/base64.h"
#include "base/test.h"

static const char client_first[] = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
static const char server_nonce[] = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
static const char client_final[] = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="
                                   "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

static struct scram_keys keys_for(enum scram_hash hash)
{
    struct scram_keys keys = {.hash = hash, .iterations = 4096};
    CLEANUP(buf_release) struct buf salt = BUF(64);
    assert_true(base64_decode(&salt, S("W22ZaJ0SNY7soEsUEjb6gQ==")));
    assert_int_equal(salt.n, SCRAM_SALT);
    memcpy(keys.salt, salt.p, SCRAM_SALT);
    assert_true(scram_keys_make(S("pencil"), &keys));
    return keys;
}

static struct scram_keys rfc_keys(void)
{
    return keys_for(SCRAM_SHA_256);
}

/* RFC 7677 3. */
static void test_example_of_rfc_7677(void **state UNUSED)
{
    struct scram_server scram;
    CLEANUP(buf_release) struct buf answer = BUF(SCRAM_ANSWER_MAX);
    scram_init(&scram, SCRAM_SHA_256, false, slice_none(), slice_none());
    assert_true(scram_first(&scram, slice_cstr(client_first), &answer));
    assert_true(slice_eq(buf_slice(&scram.user), S("user")));
    scram.keys = rfc_keys();
    scram_challenge(&scram, slice_cstr(server_nonce), &answer);
    assert_string_equal(
        buf_cstr(&answer),
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    buf_clear(&answer);
    assert_true(scram_final(&scram, slice_cstr(client_final), &answer));
    assert_string_equal(buf_cstr(&answer), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    scram_release(&scram);
}

/* The example of RFC 5802 5 has a salt of 12 bytes; ours are of 16. So this is RFC 7677's with SHA-1,
 * reckoned by Python's hashlib. */
static void test_example_with_sha_1(void **state UNUSED)
{
    struct scram_server scram;
    CLEANUP(buf_release) struct buf answer = BUF(SCRAM_ANSWER_MAX);
    scram_init(&scram, SCRAM_SHA_1, false, slice_none(), slice_none());
    assert_true(scram_first(&scram, slice_cstr(client_first), &answer));
    scram.keys = keys_for(SCRAM_SHA_1);
    scram_challenge(&scram, slice_cstr(server_nonce), &answer);
    buf_clear(&answer);
    assert_false(scram_final(&scram, slice_cstr(client_final), &answer)); /* SHA-256's proof */
    assert_string_equal(buf_cstr(&answer), "e=invalid-proof");
    buf_clear(&answer);
    assert_true(scram_final(&scram,
                            S("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p="
                              "NxII6noLm3UpyIjcNk1DjtdZIIQ="),
                            &answer));
    assert_string_equal(buf_cstr(&answer), "v=Tq1dKKdFondzApGMADAzcCNmCr4=");
    scram_release(&scram);
}

static void assert_final(const char *message, const char *expected)
{
    struct scram_server scram;
    CLEANUP(buf_release) struct buf answer = BUF(SCRAM_ANSWER_MAX);
    scram_init(&scram, SCRAM_SHA_256, false, slice_none(), slice_none());
    assert_true(scram_first(&scram, slice_cstr(client_first), &answer));
    scram.keys = rfc_keys();
    scram_challenge(&scram, slice_cstr(server_nonce), &answer);
    buf_clear(&answer);
    assert_false(scram_final(&scram, slice_cstr(message), &answer));
    assert_string_equal(buf_cstr(&answer), expected);
    scram_release(&scram);
}

#define NONCE "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"

static void test_refuses_wrong_finals(void **state UNUSED)
{
    assert_final("c=biws," NONCE ",p=AHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "e=invalid-proof");
    assert_final("c=biws," NONCE ",p=", "e=invalid-proof");
    assert_final("c=biws," NONCE ",p=dHzb", "e=invalid-proof");
    assert_final("c=biws," NONCE ",x=1,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "e=invalid-proof");
    assert_final("c=biws," NONCE, "e=other-error");
    assert_final("c=biws,r=rOprNGfwEbeRWgbNEkqO,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                 "e=other-error");
    assert_final("c=eSws," NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                 "e=channel-bindings-dont-match");
    assert_final("c=?," NONCE ",p=dHzb", "e=channel-bindings-dont-match");
    assert_final("c=biws", "e=other-error");
    assert_final("", "e=other-error");
}

static void assert_first(const char *message, bool plus, const char *offered, const char *expected)
{
    struct scram_server scram;
    CLEANUP(buf_release) struct buf answer = BUF(SCRAM_ANSWER_MAX);
    scram_init(&scram, SCRAM_SHA_256, plus, slice_cstr(offered), S("data"));
    bool good = scram_first(&scram, slice_cstr(message), &answer);
    assert_string_equal(good ? "" : buf_cstr(&answer), expected);
    scram_release(&scram);
}

static void test_reads_first_messages(void **state UNUSED)
{
    assert_first("n,,n=user,r=abc", false, "", "");
    assert_first("n,,n=user,r=abc", false, "tls-exporter", "");
    assert_first("y,,n=user,r=abc", false, "", "");
    assert_first("y,,n=user,r=abc", false, "tls-exporter", "e=server-does-support-channel-binding");
    assert_first("y,,n=user,r=abc", true, "tls-exporter", "e=server-does-support-channel-binding");
    assert_first("n,,n=user,r=abc", true, "tls-exporter", "e=channel-bindings-dont-match");
    assert_first("p=tls-exporter,,n=user,r=abc", true, "tls-exporter", "");
    assert_first("p=tls-unique,,n=user,r=abc", true, "tls-exporter", "e=unsupported-channel-binding-type");
    assert_first("p=tls-exporter,,n=user,r=abc", false, "tls-exporter", "e=channel-binding-not-supported");
    assert_first("n,a=other,n=user,r=abc,x=extension", false, "", "");
    assert_first("n,,m=new,n=user,r=abc", false, "", "e=extensions-not-supported");
    assert_first("n,,n=us=2Cer=3D,r=abc", false, "", "");
    assert_first("n,,n=us=er,r=abc", false, "", "e=invalid-username-encoding");
    assert_first("n,,n=,r=abc", false, "", "e=invalid-username-encoding");
    assert_first("n,,n=\xff,r=abc", false, "", "e=invalid-username-encoding");
    assert_first("n,,n=user,r=", false, "", "e=other-error");
    assert_first("n,,n=user,r=a b", false, "", "e=other-error");
    assert_first("n,,n=user", false, "", "e=other-error");
    assert_first("n,n=user,r=abc", false, "", "e=other-error");
    assert_first("x,,n=user,r=abc", false, "", "e=other-error");
    assert_first("", false, "", "e=other-error");
}

static void test_first_message_limit(void **state UNUSED)
{
    char message[SCRAM_FIRST_MAX + 2];
    memset(message, 'r', sizeof(message));
    memcpy(message, "n,,n=user,r=", 12);
    message[SCRAM_FIRST_MAX] = 0;
    assert_first(message, false, "", "");
    message[SCRAM_FIRST_MAX] = 'r';
    message[SCRAM_FIRST_MAX + 1] = 0;
    assert_first(message, false, "", "e=other-error");
}

static void test_keys_match_only_their_password(void **state UNUSED)
{
    struct scram_keys keys = rfc_keys();
    assert_true(scram_keys_match(&keys, S("pencil")));
    assert_true(scram_keys_match(&keys, S("pen\xc2\xad"
                                          "cil"))); /* SASLprep maps it to nothing */
    assert_false(scram_keys_match(&keys, S("Pencil")));
    assert_false(scram_keys_match(&keys, S("")));
}

/* What SASLprep refuses is used byte for byte; a long password is hashed first (RFC 2104). */
static void test_any_bytes_can_be_a_password(void **state UNUSED)
{
    char longest[1000];
    memset(longest, 'x', sizeof(longest));
    struct slice passwords[] = {S("\xff\xfe"), S("a\ab"), slice_of(longest, sizeof(longest))};
    for (size_t i = 0; i < ARRAY_LEN(passwords); i++) {
        struct scram_keys keys = {.iterations = 4096};
        assert_true(scram_keys_make(passwords[i], &keys));
        assert_true(scram_keys_match(&keys, passwords[i]));
        assert_false(scram_keys_match(&keys, slice_from(passwords[i], 1)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_of_rfc_7677),
        cmocka_unit_test(test_example_with_sha_1),
        cmocka_unit_test(test_refuses_wrong_finals),
        cmocka_unit_test(test_reads_first_messages),
        cmocka_unit_test(test_first_message_limit),
        cmocka_unit_test(test_keys_match_only_their_password),
        cmocka_unit_test(test_any_bytes_can_be_a_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
