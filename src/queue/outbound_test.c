/* Mail for other servers: what the relay is given, and what its results do. */
#include "queue/outbound.h"

#include <fcntl.h>

#include "queue/testing.h"

enum { HAND = 7 };

static struct outbound_batch take_now(struct house *t, uint64_t hand)
{
    struct outbound_batch batch;
    ASSERT_OK(t, queue_outbound_take(t->queue, hand, t->seen, 10, clock_mono_us() + 100 * CLOCK_MS, &t->arena,
                                     &batch, &t->error));
    t->seen = batch.number;
    return batch;
}

static void finish(struct house *t, const struct outbound_parcel *parcel, enum outbound_outcome outcome,
                   const char *status, const char *text)
{
    struct outbound_result results[OUTBOUND_RECIPIENTS_MAX];
    for (size_t i = 0; i < parcel->recipient_count; i++)
        results[i] = (struct outbound_result){.recipient = parcel->recipients[i].number,
                                              .outcome = outcome,
                                              .status = slice_cstr(status),
                                              .text = slice_cstr(text),
                                              .peer = S("mx.elsewhere.example"),
                                              .after_us = clock_wall_us() + CLOCK_HOUR};
    ASSERT_OK(
        t, queue_outbound_done(t->queue, HAND, parcel->entry, results, parcel->recipient_count, &t->error));
}

static struct outbound_parcel one_parcel(struct house *t, const char *sender)
{
    house_send(t, sender, "max@elsewhere.example");
    house_settle(t);
    struct outbound_batch batch = take_now(t, HAND);
    assert_int_equal(batch.count, 1);
    return batch.parcels[0];
}

static void test_one_parcel_per_domain(void **state)
{
    struct house *t = *state;
    struct queue_recipient to[] = {{.address = S("a@one.example")},
                                   {.address = S("b@Two.example")},
                                   {.address = S("c@ONE.example")},
                                   {.address = S("anna@demo.example")}};
    house_send_to(t, "otto@demo.example", to, 4, MESSAGE);
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 1);
    struct outbound_batch batch = take_now(t, HAND);
    assert_int_equal(batch.count, 2);
    assert_true(slice_eq(batch.parcels[0].domain, S("one.example")));
    assert_int_equal(batch.parcels[0].recipient_count, 2);
    assert_true(slice_eq(batch.parcels[0].recipients[1].address, S("c@ONE.example")));
    assert_true(slice_eq(batch.parcels[1].domain, S("two.example")));
    assert_true(slice_eq(batch.parcels[1].sender, S("otto@demo.example")));
    assert_int_equal(take_now(t, HAND).count, 0); /* they are leased */
    finish(t, &batch.parcels[0], OUTBOUND_RELAYED, "2.0.0", "250 ok");
    assert_int_equal(house_left(t), 1);
    finish(t, &batch.parcels[1], OUTBOUND_RELAYED, "2.0.0", "250 ok");
    assert_int_equal(house_left(t), 0);
}

static void test_a_parcel_has_a_hundred_recipients_at_most(void **state)
{
    struct house *t = *state;
    struct queue_recipient to[OUTBOUND_RECIPIENTS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(to); i++)
        to[i] = (struct queue_recipient){.address = S("a@one.example")};
    house_send_to(t, "otto@demo.example", to, ARRAY_LEN(to), MESSAGE);
    house_settle(t);
    struct outbound_batch batch = take_now(t, HAND);
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.parcels[0].recipient_count, OUTBOUND_RECIPIENTS_MAX);
    assert_int_equal(batch.parcels[1].recipient_count, 1);
}

static void test_message_comes_with_its_trace_and_without_ours(void **state)
{
    struct house *t = *state;
    CLEANUP(outbound_message_release) struct outbound_message message = {.fd = -1};
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    ASSERT_OK(t, queue_outbound_open(t->queue, HAND, parcel.entry, &message, &t->error));
    const char *text = buf_cstr(&message.text);
    assert_int_equal(message.fd, -1);
    ASSERT_HAS(text, "Received: from client.example");
    ASSERT_HAS(text, "Subject: x\r\n\r\nhello\r\n");
    assert_null(strstr(text, "Return-Path"));
    assert_null(strstr(text, "Delivered-To"));
}

static void test_large_message_comes_as_its_file(void **state)
{
    struct house *t = *state;
    CLEANUP(outbound_message_release) struct outbound_message message = {.fd = -1};
    struct queue_recipient to = {.address = S("max@elsewhere.example")};
    struct queue_envelope envelope = {.sender = S("otto@demo.example"),
                                      .recipients = &to,
                                      .recipient_count = 1,
                                      .protocol = S("ESMTP"),
                                      .helo = S("c")};
    struct queue_id id;
    uint64_t spool;
    int fd;
    ASSERT_OK(t, queue_spool_create(t->queue, &spool, &fd, &t->error));
    assert_int_equal(write(fd, "Subject: y\r\n\r\nbody\r\n", 20), 20);
    close(fd);
    ASSERT_OK(t, queue_accept(t->queue, &envelope, slice_none(), spool, &id, &t->error));
    house_settle(t);
    assert_int_equal(take_now(t, HAND).count, 1);
    ASSERT_OK(t, queue_outbound_open(t->queue, HAND, id, &message, &t->error));
    char bytes[64] = {0};
    assert_int_equal(pread(message.fd, bytes, sizeof(bytes), 0), 20);
    assert_string_equal(bytes, "Subject: y\r\n\r\nbody\r\n");
    assert_null(strstr(buf_cstr(&message.text), "Subject"));
    /* Whoever sits in relay changes no message that may be sent again, or is another recipient's too. */
    assert_int_equal(fcntl(message.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(write(message.fd, "x", 1), -1);
    assert_int_equal(ftruncate(message.fd, 0), -1);
}

static struct outbound_parcel parcel_of(struct house *t, const char *message, bool require_tls, bool spooled)
{
    struct queue_recipient to = {.address = S("max@elsewhere.example")};
    struct queue_envelope envelope = {.sender = S("otto@demo.example"),
                                      .recipients = &to,
                                      .recipient_count = 1,
                                      .protocol = S("ESMTPS"),
                                      .require_tls = require_tls};
    struct queue_id id;
    uint64_t spool = 0;
    int fd = -1;
    if (spooled) {
        ASSERT_OK(t, queue_spool_create(t->queue, &spool, &fd, &t->error));
        assert_int_equal(write(fd, message, strlen(message)), strlen(message));
        close(fd);
    }
    struct slice body = spooled ? slice_none() : slice_cstr(message);
    ASSERT_OK(t, queue_accept(t->queue, &envelope, body, spool, &id, &t->error));
    house_settle(t);
    struct outbound_batch batch = take_now(t, HAND);
    assert_int_equal(batch.count, 1);
    return batch.parcels[0];
}

/* RFC 8689 4.1 */
static void test_what_a_message_says_of_tls_goes_with_it(void **state)
{
    struct house *t = *state;
    for (int spooled = 0; spooled < 2; spooled++) {
        struct outbound_parcel parcel = parcel_of(t, "Subject: x\r\n\r\nx\r\n", false, spooled != 0);
        assert_true(!parcel.tls_optional && !parcel.require_tls);
        parcel = parcel_of(t, "TLS-Required: No\r\n\r\nx\r\n", false, spooled != 0);
        assert_true(parcel.tls_optional && !parcel.require_tls);
        parcel = parcel_of(t, "TLS-Required: No\r\n\r\nx\r\n", true, spooled != 0);
        assert_true(!parcel.tls_optional && parcel.require_tls);
    }
}

static void test_failure_is_reported_with_the_peers_words(void **state)
{
    struct house *t = *state;
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    finish(t, &parcel, OUTBOUND_FAILED, "5.1.1", "550 5.1.1 no such person");
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->otto), 1);
    const char *report = house_read(t, t->otto);
    ASSERT_HAS(report, "Final-Recipient: rfc822; max@elsewhere.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
                       "Remote-MTA: dns; mx.elsewhere.example\r\n"
                       "Diagnostic-Code: smtp; 550 5.1.1 no such person\r\n");
}

static void test_nobody_is_told_of_a_failed_report(void **state)
{
    struct house *t = *state;
    struct outbound_parcel parcel = one_parcel(t, "");
    finish(t, &parcel, OUTBOUND_FAILED, "5.1.1", "550 no");
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->otto), 0);
}

static void test_deferred_is_tried_again_later_and_less_and_less_often(void **state)
{
    struct house *t = *state;
    struct queue_entry *entries;
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    int64_t waits[3];
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        finish(t, &parcel, OUTBOUND_DEFERRED, "4.3.0", "451 later, please");
        assert_int_equal(take_now(t, HAND).count, 0);
        assert_int_equal(house_list(t, &entries), 1);
        assert_true(slice_eq(entries[0].state, S("deferred")));
        assert_true(slice_eq(entries[0].reason, S("451 later, please")));
        waits[i] = (entries[0].next_us - clock_wall_us()) / CLOCK_SECOND;
        clock_shift((waits[i] + 2) * CLOCK_SECOND);
        struct outbound_batch batch = take_now(t, HAND);
        assert_int_equal(batch.count, 1);
        parcel = batch.parcels[0];
    }
    assert_in_range(waits[0], QUEUE_DEFER_FIRST_SECONDS - 5, QUEUE_DEFER_FIRST_SECONDS);
    assert_true(waits[1] > waits[0] && waits[2] > waits[1]);
}

static void test_delay_is_told_once_and_the_end_as_well(void **state)
{
    struct house *t = *state;
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    for (int i = 0; i < 3; i++) {
        clock_shift((OUTBOUND_DELAY_HOURS + 1) * CLOCK_HOUR);
        finish(t, &parcel, OUTBOUND_DEFERRED, "4.4.1", "nobody answers");
        house_settle(t);
        assert_int_equal(house_count(t, t->otto), 1);
        clock_shift(2 * CLOCK_HOUR);
        parcel = take_now(t, HAND).parcels[0];
    }
    ASSERT_HAS(house_read(t, t->otto), "Action: delayed\r\nStatus: 4.4.1\r\n");
    clock_shift(QUEUE_EXPIRE_DAYS * CLOCK_DAY);
    finish(t, &parcel, OUTBOUND_DEFERRED, "4.4.1", "nobody answers");
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    ASSERT_HAS(house_read(t, t->otto), "Action: failed\r\nStatus: 4.4.7\r\n");
}

static void test_untried_costs_no_attempt(void **state)
{
    struct house *t = *state;
    struct queue_entry *entries;
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    finish(t, &parcel, OUTBOUND_UNTRIED, "4.4.1", "in trouble");
    assert_int_equal(take_now(t, HAND).count, 0);
    assert_int_equal(house_list(t, &entries), 1);
    assert_int_equal(entries[0].reason.n, 0);
    clock_shift(CLOCK_HOUR + CLOCK_SECOND);
    assert_int_equal(take_now(t, HAND).count, 1);
}

static void test_flush_makes_everything_due(void **state)
{
    struct house *t = *state;
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    finish(t, &parcel, OUTBOUND_DEFERRED, "4.3.0", "451 later");
    uint64_t flushes = take_now(t, HAND).flushes;
    ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
    struct outbound_batch batch = take_now(t, HAND);
    assert_int_equal(batch.count, 1);
    assert_int_not_equal(batch.flushes, flushes);
}

static void test_a_new_hand_gets_what_the_old_one_had(void **state)
{
    struct house *t = *state;
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    struct outbound_message message;
    assert_int_equal(take_now(t, HAND + 1).count, 1);
    struct outbound_result result = {.recipient = parcel.recipients[0].number};
    assert_int_equal(queue_outbound_done(t->queue, HAND, parcel.entry, &result, 1, &t->error), ERR_NOT_FOUND);
    assert_int_equal(queue_outbound_open(t->queue, HAND, parcel.entry, &message, &t->error), ERR_NOT_FOUND);
    assert_int_equal(house_left(t), 1);
}

static void test_a_batch_that_did_not_arrive_is_given_again(void **state)
{
    struct house *t = *state;
    struct outbound_parcel had = one_parcel(t, "otto@demo.example");
    uint64_t seen = t->seen;
    house_send(t, "otto@demo.example", "two@elsewhere.example");
    house_settle(t);
    assert_int_equal(take_now(t, HAND).count, 1);
    t->seen = seen; /* its answer was lost */
    struct outbound_batch again = take_now(t, HAND);
    assert_int_equal(again.count, 1);
    assert_true(slice_eq(again.parcels[0].recipients[0].address, S("two@elsewhere.example")));
    assert_int_equal(take_now(t, HAND).count, 0); /* it has both now */
    assert_int_equal(take_now(t, HAND).count, 0);
    finish(t, &had, OUTBOUND_RELAYED, "2.0.0", "250 ok");
    finish(t, &again.parcels[0], OUTBOUND_RELAYED, "2.0.0", "250 ok");
    assert_int_equal(house_left(t), 0);
}

static void test_a_new_queue_goes_on_with_what_waits(void **state)
{
    struct house *t = *state;
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    house_send(t, "otto@demo.example", "two@elsewhere.example");
    house_settle(t);
    finish(t, &parcel, OUTBOUND_DEFERRED, "4.3.0", "451 later");
    house_close(t);
    house_open(t);
    assert_int_equal(take_now(t, HAND).count, 1);
    clock_shift(CLOCK_HOUR);
    assert_int_equal(take_now(t, HAND).count, 1);
}

static void test_results_that_fit_nobody_are_refused(void **state)
{
    struct house *t = *state;
    struct outbound_parcel parcel = one_parcel(t, "otto@demo.example");
    struct outbound_result wrong[] = {{.recipient = 1}, {.recipient = 0, .outcome = OUTBOUND_OUTCOMES}};
    struct outbound_result twice[] = {{.recipient = 0}, {.recipient = 0}};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(queue_outbound_done(t->queue, HAND, parcel.entry, &wrong[i], 1, &t->error),
                         ERR_INVALID);
    assert_int_equal(queue_outbound_done(t->queue, HAND, parcel.entry, twice, 2, &t->error), ERR_INVALID);
    finish(t, &parcel, OUTBOUND_RELAYED, "2.0.0", "250 ok");
    assert_int_equal(house_left(t), 0);
}

/* small@ is full, so its copy is deferred; the rest goes out meanwhile. */
static void test_local_and_foreign_recipients_of_one_message_are_kept_apart(void **state)
{
    struct house *t = *state;
    struct account_limits limits = {.quota_messages = 1};
    struct queue_recipient to[] = {{.address = S("small@demo.example")}, {.address = S("x@one.example")}};
    house_send(t, "otto@demo.example", "small@demo.example");
    house_settle(t);
    store_account_limits(t->store, t->small, &limits);
    house_send_to(t, "otto@demo.example", to, 2, MESSAGE);
    house_settle(t);
    struct outbound_batch batch = take_now(t, HAND);
    assert_int_equal(batch.count, 1);
    store_account_limits(t->store, t->small, &(struct account_limits){0});
    clock_shift(2 * QUEUE_DEFER_FIRST_SECONDS * CLOCK_SECOND); /* the filers want it while it is leased */
    ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
    house_settle(t);
    assert_int_equal(house_count(t, t->small), 1);
    finish(t, &batch.parcels[0], OUTBOUND_RELAYED, "2.0.0", "250 ok");
    clock_shift(2 * QUEUE_DEFER_FIRST_SECONDS * CLOCK_SECOND);
    ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
    for (int i = 0; i < 100 && house_left(t) > 0; i++) {
        house_settle(t);
        nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
    }
    assert_int_equal(house_count(t, t->small), 2);
    assert_int_equal(house_left(t), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_parcel_per_domain),
        TEST(test_a_parcel_has_a_hundred_recipients_at_most),
        TEST(test_message_comes_with_its_trace_and_without_ours),
        TEST(test_large_message_comes_as_its_file),
        TEST(test_what_a_message_says_of_tls_goes_with_it),
        TEST(test_failure_is_reported_with_the_peers_words),
        TEST(test_nobody_is_told_of_a_failed_report),
        TEST(test_deferred_is_tried_again_later_and_less_and_less_often),
        TEST(test_delay_is_told_once_and_the_end_as_well),
        TEST(test_untried_costs_no_attempt),
        TEST(test_flush_makes_everything_due),
        TEST(test_a_new_hand_gets_what_the_old_one_had),
        TEST(test_a_batch_that_did_not_arrive_is_given_again),
        TEST(test_a_new_queue_goes_on_with_what_waits),
        TEST(test_results_that_fit_nobody_are_refused),
        TEST(test_local_and_foreign_recipients_of_one_message_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
