#include "directory/saslprep.h"

#include "base/test.h"

static void assert_prepared(struct slice text, struct slice expected)
{
    CLEANUP(buf_release) struct buf out = BUF(SASLPREP_MAX);
    assert_int_equal(saslprep(text, &out), SASLPREP_OK);
    assert_true(slice_eq(buf_slice(&out), expected));
}

static void assert_refused(struct slice text)
{
    CLEANUP(buf_release) struct buf out = BUF(SASLPREP_MAX);
    assert_int_equal(saslprep(text, &out), SASLPREP_REFUSED);
    assert_int_equal(out.n, 0);
}

static void test_examples_of_rfc_4013(void **state UNUSED)
{
    assert_prepared(S("I\xc2\xadX"), S("IX"));
    assert_prepared(S("user"), S("user"));
    assert_prepared(S("USER"), S("USER"));
    assert_prepared(S("\xc2\xaa"), S("a"));
    assert_prepared(S("\xe2\x85\xa8"), S("IX"));
    assert_refused(S("\a"));
    assert_refused(S("\xd8\xa7"
                     "1"));
}

static void test_spaces_and_compatibility(void **state UNUSED)
{
    assert_prepared(S("a\xc2\xa0z"), S("a z"));
    assert_prepared(S("\xc2\xbd"), S("1\xe2\x81\x84"
                                     "2"));
    assert_prepared(S("u\xcc\x88"), S("\xc3\xbc"));
    assert_prepared(S(""), S(""));
}

static void test_refuses_what_cannot_be_typed(void **state UNUSED)
{
    assert_refused(S("\x7f"));
    assert_refused(S("\xee\x80\x80"));     /* private use */
    assert_refused(S("\xef\xbf\xbd"));     /* replacement character */
    assert_refused(S("\xe2\x80\x8e"));     /* left-to-right mark */
    assert_refused(S("\xf3\xa0\x80\x81")); /* a tag */
    assert_refused(S("\xcd\xb8"));         /* U+0378, unassigned */
    assert_refused(S("\xff"));
}

static void test_right_to_left_text_is_all_of_it(void **state UNUSED)
{
    assert_prepared(S("\xd7\x90"
                      "1"
                      "\xd7\x91"),
                    S("\xd7\x90"
                      "1"
                      "\xd7\x91"));
    assert_refused(S("\xd7\x90"
                     "a"
                     "\xd7\x91"));
    assert_refused(S("1\xd7\x91"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples_of_rfc_4013),
        cmocka_unit_test(test_spaces_and_compatibility),
        cmocka_unit_test(test_refuses_what_cannot_be_typed),
        cmocka_unit_test(test_right_to_left_text_is_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
