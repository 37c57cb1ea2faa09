#include "queue/testing.h"

static void test_counts_by_state_with_the_oldest(void **state)
{
    struct house *t = *state;
    struct queue_figures figures;
    ASSERT_OK(t, queue_figures(t->queue, &figures, &t->error));
    assert_int_equal(figures.count[QUEUE_WAITING], 0);
    assert_int_equal(figures.oldest_us[QUEUE_WAITING], 0);
    int64_t begin = clock_wall_us();
    house_send(t, "anna@demo.example", "max@other.example");
    house_send(t, "anna@demo.example", "eva@other.example");
    house_settle(t);
    ASSERT_OK(t, queue_figures(t->queue, &figures, &t->error));
    assert_int_equal(figures.count[QUEUE_FILING], 0);
    assert_int_equal(figures.count[QUEUE_DEFERRED], 0);
    assert_int_equal(figures.count[QUEUE_WAITING], 2);
    assert_in_range(figures.oldest_us[QUEUE_WAITING], begin, clock_wall_us());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_by_state_with_the_oldest, house_make, house_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
