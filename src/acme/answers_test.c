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

static void test_records_wait_until_they_are_set(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf found = BUF(100);
    struct acme_record record;
    struct acme_answers *answers;
    struct error error;
    bool all = true;
    assert_int_equal(acme_answers_create(&answers, &error), ERR_OK);
    assert_int_equal(acme_answers_add_record(answers, S("a.example"), S("token.thumb"), &error), ERR_OK);
    assert_int_equal(acme_answers_add_record(answers, S("a.example"), S("other.thumb"), &error), ERR_OK);
    assert_true(acme_answers_record(answers, 0, &record));
    assert_string_equal(record.name, "_acme-challenge.a.example");
    assert_string_equal(record.value, "lCdftpJCXapaZHkBGIZbcubeKW8RmA0jSG_aZN01zbU");
    assert_false(record.set);
    assert_false(acme_answers_record(answers, 2, &record));
    assert_false(acme_answers_by_token(answers, S(""), &found));
    assert_false(acme_answers_by_name(answers, S("_acme-challenge.a.example"), &found));
    acme_answers_set(answers, slice_cstr(record.value));
    assert_int_equal(acme_answers_records(answers, &all, &error), ERR_OK);
    assert_false(all);
    assert_true(acme_answers_record(answers, 1, &record));
    acme_answers_set(answers, slice_cstr(record.value));
    assert_int_equal(acme_answers_records(answers, &all, &error), ERR_OK);
    assert_true(all);
    acme_answers_give_up(answers, S("no key for the zone"));
    assert_int_equal(acme_answers_records(answers, &all, &error), ERR_UNAVAILABLE);
    assert_string_equal(error.client, "no key for the zone");
    acme_answers_clear(answers);
    acme_answers_give_up(answers, S("too late"));
    assert_int_equal(acme_answers_records(answers, &all, &error), ERR_OK);
    acme_answers_destroy(answers);
}

static void test_a_name_too_long_for_a_record_is_refused(void **state UNUSED)
{
    struct acme_answers *answers;
    struct error error;
    char name[ACME_RECORD_NAME_MAX];
    memset(name, 'a', sizeof(name));
    assert_int_equal(acme_answers_create(&answers, &error), ERR_OK);
    assert_int_equal(acme_answers_add_record(answers, slice_of(name, 253), S("x"), &error), ERR_OK);
    assert_int_equal(acme_answers_add_record(answers, slice_of(name, 254), S("x"), &error), ERR_INVALID);
    acme_answers_destroy(answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_so_many_and_no_more),
        cmocka_unit_test(test_the_newest_answer_of_a_name_counts),
        cmocka_unit_test(test_records_wait_until_they_are_set),
        cmocka_unit_test(test_a_name_too_long_for_a_record_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
