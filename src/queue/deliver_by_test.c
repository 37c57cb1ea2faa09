/* Mail that is to be there by a time (RFC 2852): what becomes of it here and on its way out. */
#include "queue/outbound.h"
#include "queue/testing.h"

enum { HAND = 7 };

static struct queue_id send_by(struct house *t, const char *to, unsigned notify, struct deliver_by by)
{
    struct queue_recipient recipient = {.address = slice_cstr(to), .notify = notify};
    struct queue_envelope envelope = {
        .sender = S("anna@demo.example"), .recipients = &recipient, .recipient_count = 1, .by = by};
    struct queue_id id = {0};
    ASSERT_OK(t, queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error));
    house_settle(t);
    return id;
}

static struct deliver_by in_an_hour(enum deliver_by_mode mode, bool trace)
{
    return (struct deliver_by){mode, trace, clock_wall_us() + CLOCK_HOUR};
}

static struct outbound_parcel take_one(struct house *t)
{
    struct outbound_batch batch;
    ASSERT_OK(t, queue_outbound_take(t->queue, HAND, 0, 10, clock_mono_us() + 10 * CLOCK_SECOND, &t->arena,
                                     &batch, &t->error));
    assert_int_equal(batch.count, 1);
    return batch.parcels[0];
}

static void finish(struct house *t, const struct outbound_parcel *parcel, enum outbound_outcome outcome,
                   bool passed_on)
{
    const struct outbound_result result = {.recipient = parcel->recipients[0].number,
                                           .outcome = outcome,
                                           .status = S("4.4.1"),
                                           .text = S("nobody is there"),
                                           .told_on = true,
                                           .by_passed_on = passed_on};
    ASSERT_OK(t, queue_outbound_done(t->queue, HAND, parcel->entry, &result, 1, &t->error));
    house_settle(t);
}

static void test_what_is_too_late_comes_back(void **state)
{
    struct house *t = *state;
    (void)send_by(t, "otto@demo.example", 0, (struct deliver_by){DELIVER_BY_RETURN, false, 1700000000000000});
    assert_int_equal(house_count(t, t->otto), 0);
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text, "\r\nDeliver-By-Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n");
    ASSERT_HAS(text, "Action: failed\r\nStatus: 5.4.7\r\n");
}

static void test_what_is_in_time_or_only_told_of_is_filed(void **state)
{
    struct house *t = *state;
    (void)send_by(t, "otto@demo.example", 0, in_an_hour(DELIVER_BY_RETURN, true));
    (void)send_by(t, "otto@demo.example", 0, (struct deliver_by){DELIVER_BY_NOTIFY, false, 1});
    assert_int_equal(house_count(t, t->otto), 2);
    assert_int_equal(house_count(t, t->anna), 0);
}

/* The next attempt is not after the end of the time; then the sender has it back. */
static void test_on_its_way_out_it_comes_back_in_time(void **state)
{
    struct house *t = *state;
    struct queue_entry *entries;
    struct deliver_by by = {DELIVER_BY_RETURN, false, clock_wall_us() + 30 * CLOCK_SECOND};
    (void)send_by(t, "max@far.example", 0, by);
    struct outbound_parcel parcel = take_one(t);
    assert_true(parcel.by.mode == DELIVER_BY_RETURN && parcel.by.until_us == by.until_us);
    finish(t, &parcel, OUTBOUND_DEFERRED, false);
    assert_int_equal(house_list(t, &entries), 1);
    assert_int_equal(entries[0].next_us, by.until_us);
    clock_shift(31 * CLOCK_SECOND);
    ASSERT_OK(t, queue_flush(t->queue, entries[0].id, &t->error));
    parcel = take_one(t);
    finish(t, &parcel, OUTBOUND_DEFERRED, false);
    assert_int_equal(house_left(t), 0);
    ASSERT_HAS(house_read(t, t->anna), "Action: failed\r\nStatus: 4.4.7\r\n");
}

static void test_delay_is_told_once(void **state)
{
    struct house *t = *state;
    struct queue_id id = send_by(t, "max@far.example", 0, (struct deliver_by){DELIVER_BY_NOTIFY, false, 1});
    for (int i = 0; i < 2; i++) {
        struct outbound_parcel parcel = take_one(t);
        finish(t, &parcel, OUTBOUND_DEFERRED, false);
        ASSERT_OK(t, queue_flush(t->queue, id, &t->error));
    }
    assert_int_equal(house_count(t, t->anna), 1);
    ASSERT_HAS(house_read(t, t->anna), "Action: delayed\r\n");
}

/* RFC 2852 4.1.4 */
static void test_who_passes_it_on_tells_where_nobody_else_would_or_is_asked_to(void **state)
{
    struct house *t = *state;
    static const struct {
        bool trace, passed_on;
        unsigned notify;
        size_t told;
    } cases[] = {{false, true, 0, 0}, {false, false, 0, 1}, {true, true, 0, 1}, {true, false, DSN_NEVER, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t before = house_count(t, t->anna);
        (void)send_by(t, "max@far.example", cases[i].notify, in_an_hour(DELIVER_BY_NOTIFY, cases[i].trace));
        struct outbound_parcel parcel = take_one(t);
        finish(t, &parcel, OUTBOUND_RELAYED, cases[i].passed_on);
        assert_int_equal(house_count(t, t->anna), before + cases[i].told);
        if (cases[i].told > 0)
            ASSERT_HAS(house_read(t, t->anna), "Action: relayed\r\n");
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_free)
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_too_late_comes_back),
        TEST(test_what_is_in_time_or_only_told_of_is_filed),
        TEST(test_on_its_way_out_it_comes_back_in_time),
        TEST(test_delay_is_told_once),
        TEST(test_who_passes_it_on_tells_where_nobody_else_would_or_is_asked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
