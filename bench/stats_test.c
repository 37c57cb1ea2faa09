#include "base/test.h"
#include "bench/stats.h"

static void test_percentiles_are_nearest_ranks(void **state)
{
    (void)state;
    CLEANUP(samples_release) struct samples samples = {0};
    for (int i = 1000; i >= 1; i--)
        samples_add(&samples, i);
    assert_true(samples_percentile(&samples, 50) == 500);
    assert_true(samples_percentile(&samples, 99) == 990);
    assert_true(samples_percentile(&samples, 0) == 1);
    assert_true(samples_percentile(&samples, 100) == 1000);
}

static void test_median_of_three_is_the_middle(void **state)
{
    (void)state;
    CLEANUP(samples_release) struct samples samples = {0};
    samples_add(&samples, 9);
    samples_add(&samples, 1);
    samples_add(&samples, 4);
    assert_true(samples_percentile(&samples, 50) == 4);
}

static void test_no_sample_is_zero(void **state)
{
    (void)state;
    struct samples samples = {0};
    assert_true(samples_percentile(&samples, 50) == 0);
}

static void test_joined_samples_count_all(void **state)
{
    (void)state;
    CLEANUP(samples_release) struct samples first = {0};
    CLEANUP(samples_release) struct samples second = {0};
    samples_add(&first, 1);
    samples_add(&second, 2);
    samples_add(&second, 3);
    samples_join(&first, &second);
    assert_int_equal(first.count, 3);
    assert_true(samples_percentile(&first, 100) == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles_are_nearest_ranks),
        cmocka_unit_test(test_median_of_three_is_the_middle),
        cmocka_unit_test(test_no_sample_is_zero),
        cmocka_unit_test(test_joined_samples_count_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
