/* A message's story, from its arrival to its end, and how it is found and forgotten. */
#include "queue/history.h"

#include "queue/outbound.h"
#include "queue/testing.h"

enum { HAND = 7 };

static struct outbound_parcel take_one(struct house *t)
{
    struct outbound_batch batch;
    ASSERT_OK(t, queue_outbound_take(t->queue, HAND, 0, 10, clock_mono_us() + 100 * CLOCK_MS, &t->arena,
                                     &batch, &t->error));
    assert_int_equal(batch.count, 1);
    return batch.parcels[0];
}

static void finish(struct house *t, const struct outbound_parcel *parcel, enum outbound_outcome outcome,
                   const char *status, const char *text)
{
    struct outbound_result result = {.recipient = parcel->recipients[0].number,
                                     .outcome = outcome,
                                     .status = slice_cstr(status),
                                     .text = slice_cstr(text),
                                     .via = S("mx.elsewhere.example [192.0.2.7]"),
                                     .tls = S("TLSv1.3 X"),
                                     .tried = S("mx0.elsewhere.example: nobody there")};
    ASSERT_OK(t, queue_outbound_done(t->queue, HAND, parcel->entry, &result, 1, &t->error));
}

static size_t story(struct house *t, struct queue_id id, struct history_message *ret_message,
                    struct history_event **ret_events)
{
    size_t count;
    ASSERT_OK(t, queue_history_read(t->queue, id, &t->arena, ret_message, ret_events, &count, &t->error));
    return count;
}

static void assert_kinds(struct house *t, struct queue_id id, const char *kinds)
{
    CLEANUP(buf_release) struct buf text = BUF(1000);
    struct history_message message;
    struct history_event *events;
    size_t count = story(t, id, &message, &events);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%s", i > 0 ? " " : "", history_kind_name(events[i].kind));
    assert_string_equal(buf_cstr(&text), kinds);
}

static void test_tells_all_of_a_message_that_left(void **state)
{
    struct house *t = *state;
    struct history_message message;
    struct history_event *events;
    struct queue_recipient to = {.address = S("Max@elsewhere.example")};
    struct queue_id id = house_send_to(t, "anna@demo.example", &to, 1,
                                       S("Message-ID: <one@demo.example>\r\nSubject: x\r\n\r\nhello\r\n"));
    house_settle(t);
    struct outbound_parcel parcel = take_one(t);
    finish(t, &parcel, OUTBOUND_DEFERRED, "4.3.0", "451 4.3.0 later");
    ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
    parcel = take_one(t);
    finish(t, &parcel, OUTBOUND_RELAYED, "2.0.0", "250 2.0.0 taken");
    assert_int_equal(house_left(t), 0);
    assert_kinds(t, id, "accepted deferred relayed");
    assert_int_equal(story(t, id, &message, &events), 3);
    assert_true(slice_eq(message.sender, S("anna@demo.example")));
    assert_true(slice_eq(message.message_id, S("<one@demo.example>")));
    assert_true(slice_eq(message.peer, S("192.0.2.1")) && slice_eq(message.helo, S("client.example")));
    assert_true(slice_eq(message.protocol, S("ESMTP")) && message.size > 0 && message.tls.n == 0);
    assert_true(slice_eq(events[1].address, S("Max@elsewhere.example")));
    assert_true(slice_eq(events[1].text, S("451 4.3.0 later")) && events[1].next_us > events[1].at_us);
    assert_true(slice_eq(events[2].peer, S("mx.elsewhere.example [192.0.2.7]")) && events[2].next_us == 0);
    assert_true(slice_eq(events[2].tls, S("TLSv1.3 X")) && slice_eq(events[2].status, S("2.0.0")));
    assert_true(slice_starts(events[2].tried, S("mx0.")));
}

static void test_tells_of_filing_and_of_reports(void **state)
{
    struct house *t = *state;
    struct history_message message;
    struct history_event *events;
    struct queue_id id = house_send(t, "otto@demo.example", "anna@demo.example");
    house_settle(t);
    assert_kinds(t, id, "accepted filed");
    id = house_send(t, "otto@demo.example", "nobody@demo.example");
    house_settle(t);
    assert_kinds(t, id, "accepted failed reported");
    size_t count = story(t, id, &message, &events);
    assert_true(slice_eq(events[1].status, S("5.1.1")));
    struct queue_id report = events[count - 1].other;
    assert_kinds(t, report, "accepted filed");
    story(t, report, &message, &events);
    assert_int_equal(message.sender.n, 0);
}

static size_t found(struct house *t, const struct history_question *question, struct queue_id **ret_ids)
{
    size_t count;
    struct history_question asked = *question;
    asked.max = asked.max > 0 ? asked.max : 100;
    ASSERT_OK(t, queue_history_find(t->queue, &asked, &t->arena, ret_ids, &count, &t->error));
    return count;
}

static void test_is_found_by_id_address_and_time(void **state)
{
    struct house *t = *state;
    struct queue_id *ids;
    struct queue_recipient to[] = {{.address = S("Anna@demo.example")}, {.address = S("otto@demo.example")}};
    struct queue_id first =
        house_send_to(t, "x@client.example", to, 2, S("Message-ID: <one@client.example>\r\n\r\nhello\r\n"));
    struct queue_id second = house_send(t, "anna@demo.example", "otto@demo.example");
    house_settle(t);
    assert_int_equal(found(t, &(struct history_question){.message_id = S("one@client.example")}, &ids), 1);
    assert_int_equal(ids[0].v, first.v);
    assert_int_equal(found(t, &(struct history_question){.message_id = S("<one@client.example>")}, &ids), 1);
    assert_int_equal(found(t, &(struct history_question){.message_id = S("two@client.example")}, &ids), 0);
    assert_int_equal(found(t, &(struct history_question){.address = S("ANNA@demo.example")}, &ids), 2);
    assert_int_equal(ids[0].v, second.v);
    assert_int_equal(found(t, &(struct history_question){.address = S("x@client.example")}, &ids), 1);
    assert_int_equal(found(t, &(struct history_question){.max = 1}, &ids), 1);
    assert_int_equal(ids[0].v, second.v);
    struct history_question until = {.address = S("otto@demo.example"), .until_us = (int64_t)second.v};
    assert_int_equal(found(t, &until, &ids), 1);
    assert_int_equal(ids[0].v, first.v);
    assert_int_equal(found(t, &(struct history_question){.since_us = (int64_t)second.v}, &ids), 1);
}

static void test_outlives_a_restart_and_is_forgotten_in_the_end(void **state)
{
    struct house *t = *state;
    bool more;
    struct history_message message;
    struct history_event *events;
    size_t count;
    struct queue_id first = house_send(t, "otto@demo.example", "anna@demo.example");
    house_settle(t);
    house_close(t);
    house_open(t);
    assert_kinds(t, first, "accepted filed");
    struct queue_id second = house_send(t, "otto@demo.example", "anna@demo.example");
    house_settle(t);
    history_flush(t->queue->history);
    ASSERT_OK(t, history_database_trim(t->queue->history, (int64_t)second.v, UINT64_MAX, &more, &t->error));
    assert_false(more);
    assert_int_equal(queue_history_read(t->queue, first, &t->arena, &message, &events, &count, &t->error),
                     ERR_NOT_FOUND);
    assert_kinds(t, second, "accepted filed");
    ASSERT_OK(t, history_database_trim(t->queue->history, 0, 1, &more, &t->error)); /* too large */
    assert_true(more);
    assert_int_equal(queue_history_read(t->queue, second, &t->arena, &message, &events, &count, &t->error),
                     ERR_NOT_FOUND);
    ASSERT_OK(t, history_database_trim(t->queue->history, 0, 1, &more, &t->error));
    assert_false(more);
}

static void test_keeps_no_more_than_fits(void **state)
{
    struct house *t = *state;
    struct history *history = t->queue->history;
    CLEANUP(buf_release) struct buf large = BUF(HISTORY_TEXT_MAX + 1);
    for (size_t i = 0; i <= HISTORY_TEXT_MAX; i++)
        buf_putc(&large, 'x');
    struct history_event event = {.kind = HISTORY_FAILED, .text = buf_slice(&large)};
    struct history_message message;
    struct history_event *events;
    struct queue_id id = house_send(t, "otto@demo.example", "max@elsewhere.example");
    house_settle(t);
    history_put(history, id, &event);
    size_t count = story(t, id, &message, &events);
    assert_int_equal(events[count - 1].text.n, HISTORY_TEXT_MAX);
    pthread_mutex_lock(&history->flush_lock); /* nothing is written meanwhile */
    for (int i = 0; i < HISTORY_PENDING_MAX / HISTORY_TEXT_MAX + 1; i++)
        history_put(history, id, &event);
    assert_true(history->pending.records.n <= HISTORY_PENDING_MAX && history->pending.lost > 0);
    pthread_mutex_unlock(&history->flush_lock);
    assert_true(story(t, id, &message, &events) > count); /* what fitted */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tells_all_of_a_message_that_left, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_tells_of_filing_and_of_reports, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_is_found_by_id_address_and_time, house_make, house_free),
        cmocka_unit_test_setup_teardown(test_outlives_a_restart_and_is_forgotten_in_the_end, house_make,
                                        house_free),
        cmocka_unit_test_setup_teardown(test_keeps_no_more_than_fits, house_make, house_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
