#include "store/away.h"

#include "store/testing.h"
#include "store/work.h"

static struct away set_away(struct fixture *fixture, const struct away *away)
{
    struct away now;
    OK(away_set(fixture->account, away, &fixture->error));
    OK(away_get(fixture->account, &fixture->arena, &now, &fixture->error));
    return now;
}

static void test_nobody_is_away_at_first(void **state)
{
    struct fixture *fixture = *state;
    struct away away;
    OK(away_get(fixture->account, &fixture->arena, &away, &fixture->error));
    assert_false(away.on);
    assert_int_equal(away.text.n, 0);
    assert_int_equal(away.days, AWAY_DAYS);
}

static void test_what_is_set_stays(void **state)
{
    struct fixture *fixture = *state;
    struct away away = {.on = true,
                        .from_us = 1000,
                        .until_us = 2000,
                        .subject = S("Urlaub"),
                        .text = S("Grüße\n"),
                        .days = 3};
    set_away(fixture, &away);
    fixture_again(fixture);
    OK(away_get(fixture->account, &fixture->arena, &away, &fixture->error));
    assert_true(away.on && away.from_us == 1000 && away.until_us == 2000 && away.days == 3);
    assert_true(slice_eq(away.subject, S("Urlaub")) && slice_eq(away.text, S("Grüße\n")));
    assert_true(away.since_us > 0);
}

static void test_another_absence_is_one_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct away away = {.on = true, .subject = S("x"), .text = S("y"), .days = 7};
    int64_t first = set_away(fixture, &away).since_us;
    away.days = 9;
    assert_int_equal(set_away(fixture, &away).since_us, first);
    away.text = S("z");
    int64_t second = set_away(fixture, &away).since_us;
    assert_true(second > first);
    away.until_us = 5;
    assert_true(set_away(fixture, &away).since_us > second);
    away.on = false;
    int64_t off = set_away(fixture, &away).since_us;
    away.on = true;
    assert_true(set_away(fixture, &away).since_us > off);
}

static void test_what_can_not_be_answered_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static char longest[AWAY_TEXT_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    const struct away right = {
        .on = true, .subject = slice_of(longest, AWAY_SUBJECT_MAX), .text = S("y"), .days = AWAY_DAYS_MAX};
    struct away wrong[] = {right, right, right, right, right, right, right, right, right};
    wrong[0].text = S(" \n");
    wrong[1].text = slice_of(longest, AWAY_TEXT_MAX + 1);
    wrong[2].subject = slice_of(longest, AWAY_SUBJECT_MAX + 1);
    wrong[3].subject = S("a\nb");
    wrong[4].text = S("\xff");
    wrong[5].text = S("a\0b");
    wrong[6].days = 0;
    wrong[7].days = AWAY_DAYS_MAX + 1;
    wrong[8].from_us = wrong[8].until_us = 5;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(away_set(fixture->account, &wrong[i], &fixture->error), ERR_INVALID);
    struct away most = right;
    most.text = slice_of(longest, AWAY_TEXT_MAX);
    assert_int_equal(set_away(fixture, &most).text.n, AWAY_TEXT_MAX);
    account_check_invariants(fixture->account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_nobody_is_away_at_first),
        STORE_TEST(test_what_is_set_stays),
        STORE_TEST(test_another_absence_is_one_of_its_own),
        STORE_TEST(test_what_can_not_be_answered_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
