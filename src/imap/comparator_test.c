#include "imap/comparator.h"

#include "base/test.h"
#include "mime/summary.h"

static void test_only_collation_orders_are_valid(void **state)
{
    (void)state;
    char longest[IMAP_COMPARATOR_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    assert_true(imap_comparator_valid(S("i;basic")) && imap_comparator_valid(S("cz;*")));
    assert_true(imap_comparator_valid(S("*")) && imap_comparator_valid(S("-*;x=1.0")));
    assert_true(imap_comparator_valid(S("default")) && imap_comparator_valid(S("+i*")));
    assert_true(imap_comparator_valid(slice_of(longest, sizeof(longest) - 1)));
    assert_false(imap_comparator_valid(slice_of(longest, sizeof(longest))));
    assert_false(imap_comparator_valid(S("")) || imap_comparator_valid(S("-")) ||
                 imap_comparator_valid(S("--i;octet")));
    assert_false(imap_comparator_valid(S("**")) || imap_comparator_valid(S("1;a")) ||
                 imap_comparator_valid(S("i;a b")) || imap_comparator_valid(S("i;\xc3\xa4")));
}

static unsigned found(const char *pattern)
{
    bool descending;
    return imap_comparator_find(slice_cstr(pattern), &descending);
}

static void test_wildcards_match_any_run_of_characters(void **state)
{
    (void)state;
    assert_int_equal(found("*"), 3);
    assert_int_equal(found("i;*"), 3);
    assert_int_equal(found("*casemap"), 3);
    assert_int_equal(found("i*-c*map"), 3);
    assert_int_equal(found("*i*i*"), 3);
    assert_int_equal(found("I;Unicode-CASEMAP"), 1);
    assert_int_equal(found("*uni*"), 1);
    assert_int_equal(found("i;a*i-*p"), 2);
    assert_int_equal(found("i;ascii-casemap*"), 2);
    assert_int_equal(found("*i;ascii-casemap*x"), 0);
    assert_int_equal(found("default"), 1);
    assert_int_equal(found("defaul*"), 0);
    assert_int_equal(found("i;octet") | found("i;ascii-numeric") | found("cz;*"), 0);
}

static void test_direction_is_told(void **state)
{
    (void)state;
    bool descending = false;
    assert_int_equal(imap_comparator_find(S("-default"), &descending), 1);
    assert_true(descending);
    assert_int_equal(imap_comparator_find(S("+i;ascii-casemap"), &descending), 2);
    assert_false(descending);
}

static void test_octets_keep_their_key(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(100);
    const struct imap_comparator ascii = {.collation = 1};
    imap_comparator_key(&out, (struct imap_comparator){0},
                        S("\xff"
                          "a"));
    imap_comparator_key(&out, ascii,
                        S("\xff"
                          "a"));
    imap_comparator_key(&out, (struct imap_comparator){0}, S("a\xc3\xa4"));
    imap_comparator_key(&out, ascii, S("a\xc3\xa4"));
    assert_string_equal(buf_cstr(&out), "\xff"
                                        "a\xff"
                                        "aAA\xcc\x88"
                                        "A\xc3\xa4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_collation_orders_are_valid),
        cmocka_unit_test(test_wildcards_match_any_run_of_characters),
        cmocka_unit_test(test_direction_is_told),
        cmocka_unit_test(test_octets_keep_their_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
