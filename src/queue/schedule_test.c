/* What its sender has put off (RFC 4865): when it goes, and what an administrator's hurry does to it. */
#include "queue/testing.h"

static enum err schedule(struct house *t, struct account_id account, struct queue_release release,
                         const char *to, struct queue_id *ret_id)
{
    struct queue_recipient recipient = {.address = slice_cstr(to)};
    struct queue_envelope envelope = {.sender = S("anna@demo.example"),
                                      .recipients = &recipient,
                                      .recipient_count = 1,
                                      .account = account,
                                      .release = release};
    return queue_accept(t->queue, &envelope, MESSAGE, 0, ret_id, &t->error);
}

static const char *state_of(struct house *t)
{
    struct queue_entry *entries;
    return house_list(t, &entries) > 0 ? entries[0].state.p : "gone";
}

static void test_waits_for_its_time_and_goes_then(void **state)
{
    struct house *t = *state;
    struct queue_entry *entries;
    struct queue_id id;
    int64_t at = clock_wall_us() + CLOCK_HOUR;
    ASSERT_OK(t, schedule(t, t->anna, (struct queue_release){at, 3600}, "otto@demo.example", &id));
    house_settle(t);
    assert_int_equal(house_list(t, &entries), 1);
    assert_string_equal(entries[0].state.p, "scheduled");
    assert_int_equal(entries[0].next_us, at);
    ASSERT_OK(t, queue_flush(t->queue, id, &t->error)); /* nobody's hurry but his own */
    ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
    house_settle(t);
    assert_string_equal(state_of(t), "scheduled");
    house_close(t);
    house_open(t);
    house_settle(t);
    assert_string_equal(state_of(t), "scheduled");
    assert_int_equal(house_count(t, t->otto), 0);
    house_close(t);
    clock_shift(CLOCK_HOUR);
    house_open(t);
    int64_t deadline = clock_mono_us() + 30 * CLOCK_SECOND;
    while (house_left(t) > 0 && clock_mono_us() < deadline) /* a filer has to find it first */
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->otto), 1);
}

static void test_may_be_dropped_before(void **state)
{
    struct house *t = *state;
    struct queue_id id;
    ASSERT_OK(t, schedule(t, t->anna, (struct queue_release){clock_wall_us() + CLOCK_HOUR, 0},
                          "otto@demo.example", &id));
    ASSERT_OK(t, queue_drop(t->queue, id, &t->error));
    assert_string_equal(state_of(t), "gone");
}

/* RFC 4865: as it was asked for. */
static void test_report_says_what_was_asked_for(void **state)
{
    struct house *t = *state;
    struct queue_id id;
    int64_t now = clock_wall_us() / CLOCK_SECOND * CLOCK_SECOND;
    ASSERT_OK(t, schedule(t, t->anna, (struct queue_release){now, 60}, "who@demo.example", &id));
    house_settle(t);
    ASSERT_HAS(house_read(t, t->anna), "\r\nFuture-Release-Request: for;60\r\n");
    ASSERT_OK(t, schedule(t, t->anna, (struct queue_release){UINT64_C(1700000000000000), 0},
                          "who@demo.example", &id));
    house_settle(t);
    ASSERT_HAS(house_read(t, t->anna), "\r\nFuture-Release-Request: until;2023-11-14T22:13:20Z\r\n");
}

static void test_for_too_long_or_by_a_stranger_is_refused(void **state)
{
    struct house *t = *state;
    struct queue_id id;
    int64_t most = clock_wall_us() + QUEUE_RELEASE_DAYS_MAX * CLOCK_DAY;
    const struct account_id stranger = {0};
    ASSERT_OK(t, schedule(t, t->anna, (struct queue_release){most, 0}, "otto@demo.example", &id));
    assert_int_equal(
        schedule(t, t->anna, (struct queue_release){most + CLOCK_MINUTE, 0}, "otto@demo.example", &id),
        ERR_INVALID);
    assert_int_equal(schedule(t, t->anna, (struct queue_release){-1, 0}, "otto@demo.example", &id),
                     ERR_INVALID);
    assert_int_equal(
        schedule(t, stranger, (struct queue_release){clock_wall_us(), 0}, "otto@demo.example", &id),
        ERR_INVALID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_free)
    const struct CMUnitTest tests[] = {
        TEST(test_waits_for_its_time_and_goes_then),
        TEST(test_may_be_dropped_before),
        TEST(test_report_says_what_was_asked_for),
        TEST(test_for_too_long_or_by_a_stranger_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
