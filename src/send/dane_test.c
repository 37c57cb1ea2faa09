/* TLSA records: which of them can be used for mail. */
#include "send/dane.h"

#include "base/test.h"

#define DIGEST "0123456789abcdef0123456789abcdef"

static bool can_use(struct slice data)
{
    struct tlsa record;
    return dane_read(data, &record);
}

static void test_takes_digests_of_the_server_and_of_its_anchor(void **state UNUSED)
{
    struct tlsa record;
    assert_true(dane_read(S("\3\1\1" DIGEST), &record));
    assert_int_equal(record.usage, 3);
    assert_int_equal(record.selector, 1);
    assert_int_equal(record.matching, 1);
    assert_true(slice_eq(record.data, S(DIGEST)));
    assert_true(can_use(S("\2\0\2" DIGEST DIGEST)));
}

/* RFC 7672 3.1.3: 0 and 1 are for authorities; other numbers mean nothing yet. */
static void test_passes_over_what_has_no_meaning_for_mail(void **state UNUSED)
{
    assert_false(can_use(S("\0\1\1" DIGEST)));
    assert_false(can_use(S("\1\1\1" DIGEST)));
    assert_false(can_use(S("\4\1\1" DIGEST)));
    assert_false(can_use(S("\377\1\1" DIGEST)));
    assert_false(can_use(S("\3\2\1" DIGEST)));
    assert_false(can_use(S("\3\1\3" DIGEST)));
}

static void test_passes_over_what_is_malformed(void **state UNUSED)
{
    assert_false(can_use(S("")));
    assert_false(can_use(S("\3\1\1")));
    assert_false(can_use(S("\3\1\1x" DIGEST)));
    assert_false(can_use(S("\3\1\1" DIGEST DIGEST)));
    assert_false(can_use(S("\3\1\2" DIGEST)));
    assert_false(can_use(S("\3\0\0no certificate")));
    assert_false(can_use(S("\3\1\0no key")));
}

static void test_takes_a_whole_key_and_nothing_behind_it(void **state UNUSED)
{
    /* An Ed25519 key: SubjectPublicKeyInfo of RFC 8410. */
    struct slice key = S("\3\1\0\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0" DIGEST);
    assert_true(can_use(key));
    assert_false(can_use(S("\3\1\0\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0" DIGEST "x")));
    assert_false(can_use(S("\3\0\0\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\0" DIGEST)));
}

static void test_passes_over_what_is_too_long(void **state UNUSED)
{
    static char data[3 + TLSA_DATA_MAX + 1] = {3, 1, 0};
    assert_false(can_use(slice_of(data, sizeof(data))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_digests_of_the_server_and_of_its_anchor),
        cmocka_unit_test(test_passes_over_what_has_no_meaning_for_mail),
        cmocka_unit_test(test_passes_over_what_is_malformed),
        cmocka_unit_test(test_takes_a_whole_key_and_nothing_behind_it),
        cmocka_unit_test(test_passes_over_what_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
