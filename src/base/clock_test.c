#include <pthread.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/test.h"

enum { THREADS = 4, SHIFTS = 1000 };

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

static void *shift_often(void *context UNUSED)
{
    for (int i = 0; i < SHIFTS; i++) {
        clock_shift(CLOCK_HOUR);
        clock_wall_us();
    }
    return NULL;
}

static void test_shifts_of_many_threads_add_up(void **state UNUSED)
{
    pthread_t threads[THREADS];
    int64_t before = clock_mono_us();
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, shift_often, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int64_t moved = clock_mono_us() - before;
    clock_shift(-THREADS * SHIFTS * CLOCK_HOUR);
    assert_int_equal(moved / CLOCK_HOUR, THREADS * SHIFTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_goes_on),
        cmocka_unit_test(test_shift_moves_both_clocks),
        cmocka_unit_test(test_shifts_of_many_threads_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
