#include "queue/hold.h"
#include "queue/outbound.h"
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

/* Neither waits because something went wrong. */
static void test_what_is_held_or_scheduled_is_not_deferred(void **state)
{
    struct house *t = *state;
    struct queue_figures figures;
    CLEANUP(arena_release) struct arena arena = ARENA(100000);
    struct outbound_batch batch;
    ASSERT_OK(t, queue_hold(t->queue, HOLD_DOMAIN, S("other.example"), &t->error));
    house_send(t, "anna@demo.example", "max@other.example");
    house_settle(t);
    ASSERT_OK(t, queue_outbound_take(t->queue, 7, 0, 10, clock_mono_us(), &arena, &batch, &t->error));
    assert_int_equal(batch.count, 0);
    struct queue_recipient to = {.address = S("otto@demo.example")};
    struct queue_envelope envelope = {.recipients = &to,
                                      .recipient_count = 1,
                                      .account = t->anna,
                                      .release = {clock_wall_us() + CLOCK_HOUR, 3600}};
    struct queue_id id;
    ASSERT_OK(t, queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error));
    ASSERT_OK(t, queue_figures(t->queue, &figures, &t->error));
    assert_int_equal(figures.count[QUEUE_HELD], 1);
    assert_int_equal(figures.count[QUEUE_SCHEDULED], 1);
    assert_int_equal(figures.count[QUEUE_DEFERRED], 0);
    assert_int_equal(figures.count[QUEUE_WAITING], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_by_state_with_the_oldest, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_what_is_held_or_scheduled_is_not_deferred, house_make,
                                        house_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
