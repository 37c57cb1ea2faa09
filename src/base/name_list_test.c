#include "base/test.h"

#include "base/name_list.h"

static void assert_list(const char *written, const char *expected)
{
    CLEANUP(buf_release) struct buf list = BUF(100);
    assert_true(name_list_add(&list, slice_cstr(written)));
    assert_string_equal(buf_cstr(&list), expected);
}

static void test_commas_and_blanks_divide(void **state)
{
    (void)state;
    assert_list("", "");
    assert_list(" , ,", "");
    assert_list("condstore", "CONDSTORE");
    assert_list("CONDSTORE,QResync", "CONDSTORE QRESYNC");
    assert_list(" sort=display ,\tid", "SORT=DISPLAY ID");
}

static void test_each_name_is_once_in_the_list(void **state)
{
    (void)state;
    assert_list("id, ID, idle Id", "ID IDLE");
}

static void test_refuses_what_is_no_name(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf list = BUF(100);
    assert_false(name_list_add(&list, S("gr\303\274n")));
    assert_false(name_list_add(&list, S("a\nb")));
    assert_false(name_list_add(&list, S("a\0b")));
}

static void test_full_list_fails(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf list = BUF(5);
    assert_true(name_list_add(&list, S("abc d")));
    assert_false(buf_failed(&list));
    assert_true(name_list_add(&list, S("e")));
    assert_true(buf_failed(&list));
}

static void test_finds_whole_names_only(void **state)
{
    (void)state;
    struct slice list = S("SORT SORT=DISPLAY IDLE");
    assert_true(name_list_has(list, S("sort")));
    assert_true(name_list_has(list, S("IDLE")));
    assert_false(name_list_has(list, S("ID")));
    assert_false(name_list_has(list, S("DISPLAY")));
    assert_false(name_list_has(list, S("")));
    assert_false(name_list_has(slice_none(), S("ID")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commas_and_blanks_divide), cmocka_unit_test(test_each_name_is_once_in_the_list),
        cmocka_unit_test(test_refuses_what_is_no_name),  cmocka_unit_test(test_full_list_fails),
        cmocka_unit_test(test_finds_whole_names_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
