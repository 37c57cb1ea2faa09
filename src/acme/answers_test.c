#include "acme/answers.h"

#include "base/test.h"

static void test_holds_so_many_and_no_more(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf found = BUF(100);
    struct acme_answers *answers;
    struct error error;
    char token[16];
    assert_int_equal(acme_answers_create(&answers, &error), ERR_OK);
    for (unsigned i = 0; i < ACME_ANSWERS_MAX; i++) {
        snprintf(token, sizeof(token), "t%u", i);
        assert_int_equal(acme_answers_add(answers, S("a.example"), slice_cstr(token), S("x"), &error),
                         ERR_OK);
    }
    assert_int_equal(acme_answers_add(answers, S("a.example"), S("more"), S("x"), &error), ERR_LIMIT);
    assert_false(acme_answers_by_token(answers, S("more"), &found));
    acme_answers_clear(answers);
    assert_false(acme_answers_by_token(answers, S("t0"), &found));
    assert_int_equal(acme_answers_add(answers, S("a.example"), S("more"), S("x"), &error), ERR_OK);
    acme_answers_destroy(answers);
}

static void test_the_newest_answer_of_a_name_counts(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf found = BUF(100);
    struct acme_answers *answers;
    struct error error;
    assert_int_equal(acme_answers_create(&answers, &error), ERR_OK);
    assert_int_equal(acme_answers_add(answers, S("a.example"), S("one"), S("first"), &error), ERR_OK);
    assert_int_equal(acme_answers_add(answers, S("a.example"), S("two"), S("second"), &error), ERR_OK);
    assert_true(acme_answers_by_name(answers, S("A.example"), &found));
    assert_true(slice_eq(buf_slice(&found), S("second")));
    buf_clear(&found);
    assert_false(acme_answers_by_token(answers, S("ONE"), &found)); /* tokens are exact */
    assert_false(acme_answers_by_name(answers, S("b.example"), &found));
    acme_answers_destroy(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_so_many_and_no_more),
        cmocka_unit_test(test_the_newest_answer_of_a_name_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
