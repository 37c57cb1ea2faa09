#include "base/test.h"

#include "base/spelling.h"

static void test_counts_edits_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(spelling_distance(S("account"), S("account")), 0);
    assert_int_equal(spelling_distance(S("acount"), S("account")), 1);
    assert_int_equal(spelling_distance(S("acocunt"), S("account")), 1);
    assert_int_equal(spelling_distance(S(""), S("list")), 4);
}

static void test_offers_the_nearest(void **state)
{
    (void)state;
    struct spelling spelling = {0};
    spelling_offer(&spelling, S("remvoe"), "rename");
    spelling_offer(&spelling, S("remvoe"), "remove");
    spelling_offer(&spelling, S("remvoe"), "list");
    assert_string_equal(spelling.nearest, "remove");
}

static void test_offers_nothing_far_or_too_long(void **state)
{
    (void)state;
    struct spelling spelling = {0};
    char longest[SPELLING_WORD_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    spelling_offer(&spelling, S("zebra"), "list");
    spelling_offer(&spelling, S("ab"), "cd");
    spelling_offer(&spelling, slice_of(longest, sizeof(longest)), "aaaa");
    assert_null(spelling.nearest);
    assert_int_equal(spelling_distance(slice_of(longest, sizeof(longest)), S("a")), SPELLING_WORD_MAX);
    assert_int_equal(spelling_distance(slice_of(longest, SPELLING_WORD_MAX), S("a")), SPELLING_WORD_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_edits_and_swaps),
        cmocka_unit_test(test_offers_the_nearest),
        cmocka_unit_test(test_offers_nothing_far_or_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
