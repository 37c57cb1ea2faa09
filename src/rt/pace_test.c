#include "rt/pace.h"

#include "base/clock.h"
#include "base/test.h"

static const struct pace_limit three_a_minute = {3, CLOCK_MINUTE};

static void test_so_many_then_evenly(void **state)
{
    (void)state;
    struct pace *pace = pace_create();
    assert_non_null(pace);
    for (int i = 0; i < 3; i++)
        assert_true(pace_take(pace, S("a"), three_a_minute));
    assert_false(pace_take(pace, S("a"), three_a_minute));
    assert_true(pace_take(pace, S("b"), three_a_minute));
    clock_shift(21 * CLOCK_SECOND);
    assert_true(pace_take(pace, S("a"), three_a_minute));
    assert_false(pace_take(pace, S("a"), three_a_minute));
    clock_shift(2 * CLOCK_MINUTE);
    for (int i = 0; i < 3; i++)
        assert_true(pace_take(pace, S("a"), three_a_minute));
    assert_false(pace_take(pace, S("a"), three_a_minute));
    pace_destroy(pace);
}

static void test_no_limit_counts_nothing(void **state)
{
    (void)state;
    struct pace *pace = pace_create();
    assert_non_null(pace);
    for (int i = 0; i < 1000; i++)
        assert_true(pace_take(pace, S("a"), (struct pace_limit){0, 0}));
    assert_true(pace_take(pace, S("a"), (struct pace_limit){1, CLOCK_SECOND}));
    assert_false(pace_take(pace, S("a"), (struct pace_limit){1, CLOCK_SECOND}));
    pace_destroy(pace);
}

static void test_full_table_locks_nobody_out(void **state)
{
    (void)state;
    struct pace *pace = pace_create();
    assert_non_null(pace);
    const struct pace_limit one = {1, CLOCK_HOUR};
    for (uint64_t i = 0; i < PACE_KEYS_MAX; i++)
        assert_true(pace_take(pace, slice_of(&i, sizeof(i)), one));
    for (int i = 0; i < 3; i++)
        assert_true(pace_take(pace, S("one more"), one));
    uint64_t known = 7;
    assert_false(pace_take(pace, slice_of(&known, sizeof(known)), one));
    clock_shift(2 * CLOCK_HOUR);
    assert_true(pace_take(pace, S("one more"), one));
    assert_false(pace_take(pace, S("one more"), one));
    pace_destroy(pace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_so_many_then_evenly),
        cmocka_unit_test(test_no_limit_counts_nothing),
        cmocka_unit_test(test_full_table_locks_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
