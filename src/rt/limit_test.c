#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "base/clock.h"
#include "rt/limit.h"

#include <cmocka.h> /* last: it defines fail() */

static void test_lets_max_in_and_no_more(void **state)
{
    (void)state;
    struct limit *limit = limit_create(2);
    assert_true(limit_enter(limit, S("a")));
    assert_true(limit_enter(limit, S("a")));
    assert_false(limit_enter(limit, S("a")));
    assert_true(limit_enter(limit, S("b")));
    assert_int_equal(limit_count(limit, S("a")), 2);
    limit_leave(limit, S("a"));
    assert_int_equal(limit_count(limit, S("a")), 1);
    assert_true(limit_enter(limit, S("a")));
    limit_leave(limit, S("a"));
    limit_leave(limit, S("a"));
    limit_leave(limit, S("a")); /* one more than entered: harmless */
    assert_int_equal(limit_count(limit, S("a")), 0);
    limit_destroy(limit);
}

static struct slice number_key(uint32_t *number)
{
    return slice_of(number, sizeof(*number));
}

static void test_a_full_table_locks_nobody_out(void **state)
{
    (void)state;
    struct limit *limit = limit_create(1);
    for (uint32_t i = 0; i < LIMIT_KEYS_MAX; i++)
        assert_true(limit_enter(limit, number_key(&i)));
    uint32_t one_more = LIMIT_KEYS_MAX;
    assert_true(limit_enter(limit, number_key(&one_more)));
    assert_true(limit_enter(limit, number_key(&one_more)));
    assert_int_equal(limit_count(limit, number_key(&one_more)), 0);
    uint32_t counted = 7;
    assert_false(limit_enter(limit, number_key(&counted)));
    limit_destroy(limit);
}

static void test_penalty_doubles_and_fades(void **state)
{
    (void)state;
    struct rate *rate = rate_create(CLOCK_SECOND, 5 * CLOCK_SECOND, CLOCK_MINUTE);
    assert_int_equal(rate_penalty_us(rate, S("k")), 0);
    int64_t wanted[] = {1, 2, 4, 5, 5};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        rate_failed(rate, S("k"));
        assert_in_range(rate_penalty_us(rate, S("k")), wanted[i] * 990000, wanted[i] * CLOCK_SECOND);
    }
    clock_shift(CLOCK_MINUTE);
    assert_in_range(rate_penalty_us(rate, S("k")), 2400000, 2500000);
    clock_shift(5 * CLOCK_MINUTE);
    assert_int_equal(rate_penalty_us(rate, S("k")), 0);
    rate_failed(rate, S("k"));
    assert_true(rate_penalty_us(rate, S("k")) > 0);
    rate_succeeded(rate, S("k"));
    assert_int_equal(rate_penalty_us(rate, S("k")), 0);
    assert_int_equal(rate_penalty_us(rate, S("other")), 0);
    rate_destroy(rate);
}

static void test_faded_penalties_make_room(void **state)
{
    (void)state;
    struct rate *rate = rate_create(CLOCK_SECOND, 5 * CLOCK_SECOND, CLOCK_MINUTE);
    for (uint32_t i = 0; i < LIMIT_KEYS_MAX; i++)
        rate_failed(rate, number_key(&i));
    rate_failed(rate, S("no room"));
    assert_int_equal(rate_penalty_us(rate, S("no room")), 0);
    clock_shift(10 * CLOCK_MINUTE);
    rate_failed(rate, S("room"));
    assert_true(rate_penalty_us(rate, S("room")) > 0);
    rate_destroy(rate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lets_max_in_and_no_more),
        cmocka_unit_test(test_a_full_table_locks_nobody_out),
        cmocka_unit_test(test_penalty_doubles_and_fades),
        cmocka_unit_test(test_faded_penalties_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
