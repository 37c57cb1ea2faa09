/* MTA-STS: the record, the policy's text, and whom it names. */
#include "send/sts.h"

#include <stdio.h>

#include "base/test.h"

/* --- records --- */

static bool read_one(struct slice record, char id[STS_ID_MAX + 1])
{
    return sts_read_records(&record, 1, id);
}

static void test_reads_the_id(void **state UNUSED)
{
    char id[STS_ID_MAX + 1];
    assert_true(read_one(S("\x1cv=STSv1; id=20160831085700Z;"), id));
    assert_string_equal(id, "20160831085700Z");
    assert_true(read_one(S("\x08v=STSv1;\x07"
                           "id=ab12\x06"
                           "; x=y;"),
                         id)); /* several strings */
    assert_string_equal(id, "ab12");
}

static void test_refuses_records_that_tell_of_no_policy(void **state UNUSED)
{
    static const struct slice records[] = {
        S(""),
        S("\x0bv=spf1 -all"),
        S("\x07v=STSv1"),
        S("\x0bv=STSv1;id="),
        S("\x0ev=STSv1; id=a-"),
        S("\x0cv=STSv2;id=a"),
    };
    char id[STS_ID_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        assert_false(read_one(records[i], id));
    assert_false(read_one(S("\x40v=STSv1;id=a"), id)); /* longer than it is */
    assert_true(read_one(S("\x0dv=STSv1 ;id=a"), id));
}

static void test_bounds_the_id(void **state UNUSED)
{
    char record[64] = {8 + 3 + STS_ID_MAX};
    char id[STS_ID_MAX + 1];
    snprintf(record + 1, sizeof(record) - 1, "v=STSv1;id=%.*s", STS_ID_MAX,
             "0123456789012345678901234567890123");
    assert_true(read_one(slice_of(record, 1 + 8 + 3 + STS_ID_MAX), id));
    assert_int_equal(strlen(id), STS_ID_MAX);
    record[0]++;
    record[1 + 8 + 3 + STS_ID_MAX] = 'x';
    assert_false(read_one(slice_of(record, 1 + 8 + 3 + STS_ID_MAX + 1), id));
}

static void test_several_records_are_none(void **state UNUSED)
{
    const struct slice two[] = {S("\x0dv=STSv1;id=a;"), S("\x0dv=STSv1;id=b;")};
    const struct slice other[] = {S("\x0bv=spf1 -all"), S("\x0dv=STSv1;id=b;"), S("\x01x")};
    char id[STS_ID_MAX + 1];
    assert_false(sts_read_records(two, 2, id));
    assert_true(sts_read_records(other, 3, id));
    assert_string_equal(id, "b");
    assert_false(sts_read_records(NULL, 0, id));
}

/* --- policies --- */

static bool read(struct slice text, struct arena *arena, struct sts_policy *ret)
{
    *arena = ARENA(4 * 1024 * 1024);
    return sts_read_policy(text, arena, ret);
}

static void test_reads_a_policy(void **state UNUSED)
{
    struct arena arena;
    struct sts_policy policy;
    assert_true(read(S("version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx:*.example.net \r\n"
                       "mx: dot.example.\r\nfuture: ok\r\nmax_age: 604800\r\n"),
                     &arena, &policy));
    assert_int_equal(policy.mode, STS_ENFORCE);
    assert_int_equal(policy.max_age, 604800);
    assert_int_equal(policy.mx_count, 3);
    assert_true(slice_eq(policy.mx[1], S("*.example.net")));
    assert_true(slice_eq(policy.mx[2], S("dot.example")));
    arena_release(&arena);
    assert_true(
        read(S("version: STSv1\nmode: none\nmax_age: 1\nmode: enforce\nmax_age: 9"), &arena, &policy));
    assert_int_equal(policy.mode, STS_NONE);
    assert_int_equal(policy.max_age, 1);
    arena_release(&arena);
    assert_true(read(S("version: STSv1\nmode: none\nmax_age: 99999999999"), &arena, &policy));
    assert_int_equal(policy.max_age, STS_AGE_MAX);
    arena_release(&arena);
}

static void test_refuses_what_is_no_policy(void **state UNUSED)
{
    static const struct slice texts[] = {
        S(""),
        S("<html>not found</html>"),
        S("version: STSv1\nmode: enforce\nmax_age: 1\n"), /* whom? */
        S("version: STSv1\nmode: testing\nmax_age: 1\n"),
        S("version: STSv2\nmode: none\nmax_age: 1\n"),
        S("mode: none\nmax_age: 1\n"),
        S("version: STSv1\nmax_age: 1\n"),
        S("version: STSv1\nmode: none\n"),
        S("version: STSv1\nmode: Enforce\nmx: a\nmax_age: 1\n"),
        S("version: STSv1\nmode: none\nmax_age: -1\n"),
        S("version: STSv1\nmode: none\nmax_age: 1\nmx: two words\n"),
        S("version: STSv1\nmode: none\nmax_age: 1\nmx:\n"),
        S("version: STSv1\nmode: none\nmax_age: 1\nwhat is this\n"),
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct arena arena;
        struct sts_policy policy;
        assert_false(read(texts[i], &arena, &policy));
        arena_release(&arena);
    }
}

static void test_bounds_the_text(void **state UNUSED)
{
    static char text[STS_TEXT_MAX + 1];
    static const char policy_text[] = "version: STSv1\nmode: none\nmax_age: 1\n";
    struct arena arena;
    struct sts_policy policy;
    memset(text, '\n', sizeof(text));
    memcpy(text, policy_text, sizeof(policy_text) - 1);
    assert_true(read(slice_of(text, STS_TEXT_MAX), &arena, &policy));
    arena_release(&arena);
    assert_false(read(slice_of(text, STS_TEXT_MAX + 1), &arena, &policy));
    arena_release(&arena);
}

static void test_a_star_is_one_label(void **state UNUSED)
{
    struct slice mx[] = {S("mail.example.com"), S("*.example.net")};
    const struct sts_policy policy = {.mx = mx, .mx_count = 2};
    assert_true(sts_names_host(&policy, S("MAIL.example.com")));
    assert_true(sts_names_host(&policy, S("mail.example.com.")));
    assert_true(sts_names_host(&policy, S("a.Example.net")));
    assert_false(sts_names_host(&policy, S("a.b.example.net")));
    assert_false(sts_names_host(&policy, S("example.net")));
    assert_false(sts_names_host(&policy, S(".example.net")));
    assert_false(sts_names_host(&policy, S("x.mail.example.com")));
    assert_false(sts_names_host(&policy, S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_the_id),    cmocka_unit_test(test_refuses_records_that_tell_of_no_policy),
        cmocka_unit_test(test_bounds_the_id),   cmocka_unit_test(test_several_records_are_none),
        cmocka_unit_test(test_reads_a_policy),  cmocka_unit_test(test_refuses_what_is_no_policy),
        cmocka_unit_test(test_bounds_the_text), cmocka_unit_test(test_a_star_is_one_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
