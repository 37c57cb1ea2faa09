#include "base/attr.h"
#include "base/clock.h"
#include "base/test.h"

static void test_time_goes_on(void **state UNUSED)
{
    int64_t before = clock_mono_us();
    assert_true(clock_mono_us() >= before);
    assert_true(clock_wall_us() > INT64_C(1700000000) * CLOCK_SECOND);
}

static void test_shift_moves_both_clocks(void **state UNUSED)
{
    int64_t wall = clock_wall_us();
    int64_t mono = clock_mono_us();
    clock_shift(CLOCK_DAY);
    assert_true(clock_wall_us() >= wall + CLOCK_DAY && clock_wall_us() < wall + CLOCK_DAY + CLOCK_HOUR);
    assert_true(clock_mono_us() >= mono + CLOCK_DAY && clock_mono_us() < mono + CLOCK_DAY + CLOCK_HOUR);
    clock_shift(-CLOCK_DAY);
    assert_true(clock_mono_us() < mono + CLOCK_HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_goes_on),
        cmocka_unit_test(test_shift_moves_both_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
