#include "base/slice.h"
#include "base/test.h"

static void test_equality_counts_length_and_bytes(void **state UNUSED)
{
    assert_true(slice_eq(S("abc"), S("abc")));
    assert_false(slice_eq(S("abc"), S("ab")));
    assert_false(slice_eq(S("abc"), S("abC")));
    assert_true(slice_eq(slice_none(), S("")));
    assert_true(slice_eq(S("a\0b"), S("a\0b")));
    assert_false(slice_eq(S("a\0b"), S("a\0c")));
}

static void test_nocase_folds_ascii_letters_only(void **state UNUSED)
{
    assert_true(slice_eq_nocase(S("AzZa"), S("aZzA")));
    assert_false(slice_eq_nocase(S("["), S("{"))); /* differ by 32, as letters do */
    assert_false(slice_eq_nocase(S("@"), S("`")));
    assert_false(slice_eq_nocase(S("\xc4"), S("\xe4"))); /* Latin-1 umlauts */
}

static void test_starts_and_ends(void **state UNUSED)
{
    assert_true(slice_starts(S("abc"), S("ab")));
    assert_true(slice_starts(S("abc"), S("")));
    assert_false(slice_starts(S("ab"), S("abc")));
    assert_true(slice_starts_nocase(S("From: x"), S("FROM:")));
    assert_true(slice_ends(S("abc"), S("bc")));
    assert_true(slice_ends(S("abc"), S("abc")));
    assert_false(slice_ends(S("bc"), S("abc")));
    assert_true(slice_ends_nocase(S("a.EXAMPLE"), S(".example")));
    assert_true(slice_starts(slice_none(), S("")));
    assert_true(slice_ends(slice_none(), S("")));
}

static void test_order_is_bytes_then_length(void **state UNUSED)
{
    assert_int_equal(slice_cmp(S("a"), S("a")), 0);
    assert_true(slice_cmp(S("a"), S("b")) < 0);
    assert_true(slice_cmp(S("ab"), S("a")) > 0);
    assert_true(slice_cmp(S(""), S("a")) < 0);
    assert_true(slice_cmp(S("\x7f"), S("\x80")) < 0); /* bytes are unsigned */
}

static void test_find_gives_offset_or_minus_one(void **state UNUSED)
{
    assert_int_equal(slice_find_char(S("a.b.c"), '.'), 1);
    assert_int_equal(slice_rfind_char(S("a.b.c"), '.'), 3);
    assert_int_equal(slice_find_char(S("abc"), '.'), -1);
    assert_int_equal(slice_rfind_char(slice_none(), '.'), -1);
    assert_int_equal(slice_find_char(slice_none(), '.'), -1);
    assert_int_equal(slice_find(S("xxabc"), S("abc")), 2);
    assert_int_equal(slice_find(S("ab"), S("abc")), -1);
    assert_int_equal(slice_find(S("ab"), S("")), 0);
    assert_int_equal(slice_find(slice_none(), S("a")), -1);
    assert_int_equal(slice_find_nocase(S("xxABc"), S("abC")), 2);
    assert_int_equal(slice_find_nocase(S("ab"), S("abc")), -1);
    assert_int_equal(slice_find_nocase(slice_none(), S("a")), -1);
    assert_int_equal(slice_find_nocase(S("aab"), S("AB")), 1);
}

static void test_sub_is_cut_to_what_there_is(void **state UNUSED)
{
    assert_true(slice_eq(slice_sub(S("abcdef"), 2, 3), S("cde")));
    assert_true(slice_eq(slice_sub(S("abc"), 1, SIZE_MAX), S("bc")));
    assert_int_equal(slice_sub(S("abc"), 3, 1).n, 0);
    assert_int_equal(slice_sub(S("abc"), SIZE_MAX, SIZE_MAX).n, 0);
    assert_int_equal(slice_from(slice_none(), 5).n, 0);
    assert_true(slice_eq(slice_from(S("abc"), 1), S("bc")));
}

static void test_trim_takes_blanks_at_both_ends(void **state UNUSED)
{
    assert_true(slice_eq(slice_trim(S(" \t\r\na b\n ")), S("a b")));
    assert_int_equal(slice_trim(S(" \t ")).n, 0);
    assert_int_equal(slice_trim(slice_none()).n, 0);
}

static void test_cut_at_first(void **state UNUSED)
{
    struct slice head;
    struct slice tail;
    assert_true(slice_cut(S("key=a=b"), '=', &head, &tail));
    assert_true(slice_eq(head, S("key")));
    assert_true(slice_eq(tail, S("a=b")));
    assert_false(slice_cut(S("key"), '=', &head, &tail));
    assert_true(slice_eq(head, S("key")));
    assert_int_equal(tail.n, 0);
    assert_true(slice_cut(S("="), '=', &head, &tail));
    assert_int_equal(head.n, 0);
    assert_int_equal(tail.n, 0);
}

static void test_numbers_up_to_the_limit(void **state UNUSED)
{
    uint64_t wide = 7;
    uint32_t narrow = 7;
    assert_true(slice_to_u64(S("18446744073709551615"), &wide));
    assert_int_equal(wide, UINT64_MAX);
    assert_false(slice_to_u64(S("18446744073709551616"), &wide));
    assert_false(slice_to_u64(S("99999999999999999999999"), &wide));
    assert_int_equal(wide, UINT64_MAX); /* written only on success */
    assert_true(slice_to_u32(S("4294967295"), &narrow));
    assert_int_equal(narrow, UINT32_MAX);
    assert_false(slice_to_u32(S("4294967296"), &narrow));
    assert_int_equal(narrow, UINT32_MAX);
    assert_true(slice_to_u64(S("0007"), &wide));
    assert_int_equal(wide, 7);
}

static void test_numbers_are_digits_and_nothing_else(void **state UNUSED)
{
    static const char *const wrong[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1a", "a"};
    uint64_t value = 5;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(slice_to_u64(slice_cstr(wrong[i]), &value));
    assert_int_equal(value, 5);
}

static void test_cstr_refuses_nul(void **state UNUSED)
{
    char *text = slice_to_cstr(S("abc"));
    assert_string_equal(text, "abc");
    free(text);
    text = slice_to_cstr(slice_none());
    assert_string_equal(text, "");
    free(text);
    assert_null(slice_to_cstr(S("a\0b")));
}

static void test_cursor_stays_within_its_bounds(void **state UNUSED)
{
    struct cursor c = cursor_of(S("ab"));
    assert_int_equal(cursor_peek(&c), 'a');
    assert_int_equal(cursor_peek_at(&c, 1), 'b');
    assert_int_equal(cursor_peek_at(&c, 2), -1);
    assert_int_equal(cursor_peek_at(&c, SIZE_MAX), -1);
    assert_int_equal(cursor_next(&c), 'a');
    assert_false(cursor_skip_char(&c, 'a'));
    assert_true(cursor_skip_char(&c, 'b'));
    assert_false(cursor_skip_char(&c, 0));
    assert_true(cursor_done(&c));
    assert_int_equal(cursor_peek(&c), -1);
    assert_int_equal(cursor_next(&c), -1);
    assert_int_equal(cursor_take(&c, SIZE_MAX).n, 0);
}

static void test_cursor_over_nothing(void **state UNUSED)
{
    struct cursor c = cursor_of(slice_none());
    uint64_t value;
    assert_true(cursor_done(&c));
    assert_int_equal(cursor_left(&c), 0);
    assert_true(cursor_skip(&c, S("")));
    assert_true(cursor_skip_nocase(&c, slice_none()));
    assert_false(cursor_skip(&c, S("a")));
    assert_int_equal(cursor_take(&c, 1).n, 0);
    assert_int_equal(cursor_take_until(&c, S("x")).n, 0);
    assert_int_equal(cursor_take_while(&c, S("x")).n, 0);
    assert_false(cursor_u64(&c, &value));
}

static void test_cursor_gives_high_bytes_as_positive(void **state UNUSED)
{
    struct cursor c = cursor_of(S("\xff\xff"));
    assert_int_equal(cursor_peek(&c), 255);
    assert_int_equal(cursor_peek_at(&c, 1), 255);
    assert_int_equal(cursor_next(&c), 255);
}

static void test_cursor_takes_by_set(void **state UNUSED)
{
    struct cursor c = cursor_of(S("  name=value"));
    assert_int_equal(cursor_take_while(&c, S(" \t")).n, 2);
    assert_true(slice_eq(cursor_take_until(&c, S("=;")), S("name")));
    assert_true(cursor_skip(&c, S("=")));
    assert_true(cursor_skip_nocase(&c, S("VAL")));
    assert_false(cursor_skip(&c, S("uex")));
    assert_true(slice_eq(cursor_rest(&c), S("ue")));
    assert_true(slice_eq(cursor_take(&c, 9), S("ue")));
}

static void test_cursor_number_leaves_place_on_failure(void **state UNUSED)
{
    uint32_t narrow = 1;
    uint64_t wide = 1;
    struct cursor c = cursor_of(S("4294967296x"));
    assert_false(cursor_u32(&c, &narrow));
    assert_int_equal(cursor_left(&c), 11);
    assert_true(cursor_u64(&c, &wide));
    assert_int_equal(wide, UINT64_C(4294967296));
    assert_int_equal(cursor_peek(&c), 'x');
    assert_false(cursor_u64(&c, &wide));
    assert_int_equal(cursor_left(&c), 1);
    assert_int_equal(narrow, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality_counts_length_and_bytes),
        cmocka_unit_test(test_nocase_folds_ascii_letters_only),
        cmocka_unit_test(test_starts_and_ends),
        cmocka_unit_test(test_order_is_bytes_then_length),
        cmocka_unit_test(test_find_gives_offset_or_minus_one),
        cmocka_unit_test(test_sub_is_cut_to_what_there_is),
        cmocka_unit_test(test_trim_takes_blanks_at_both_ends),
        cmocka_unit_test(test_cut_at_first),
        cmocka_unit_test(test_numbers_up_to_the_limit),
        cmocka_unit_test(test_numbers_are_digits_and_nothing_else),
        cmocka_unit_test(test_cstr_refuses_nul),
        cmocka_unit_test(test_cursor_stays_within_its_bounds),
        cmocka_unit_test(test_cursor_over_nothing),
        cmocka_unit_test(test_cursor_gives_high_bytes_as_positive),
        cmocka_unit_test(test_cursor_takes_by_set),
        cmocka_unit_test(test_cursor_number_leaves_place_on_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
