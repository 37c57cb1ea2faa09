/* What is accepted is filed, waits, or is reported. */
#include "queue/testing.h"

static void test_files_with_trace_fields(void **state)
{
    struct house *t = *state;
    house_send(t, "max@other.example", "anna@demo.example");
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->anna), 1);
    const char *text = house_read(t, t->anna);
    ASSERT_HAS(text,
               "Return-Path: <max@other.example>\r\nDelivered-To: anna@demo.example\r\n"
               "Received: from client.example ([192.0.2.1])\r\n\tby mail.example (Posthorn) with ESMTP id ");
    ASSERT_HAS(text, "\r\n\tfor <anna@demo.example>;\r\n\t");
    ASSERT_HAS(text, "\r\nSubject: x\r\n\r\nhello\r\n");
    assert_null(strstr(text, "Message-ID"));
}

/* RFC 6409 8: what our people submit gets what is missing, and no address of theirs. */
static void test_submitted_message_is_completed(void **state)
{
    struct house *t = *state;
    struct queue_recipient to = {.address = S("otto@demo.example")};
    struct queue_envelope envelope = {.sender = S("anna@demo.example"),
                                      .recipients = &to,
                                      .recipient_count = 1,
                                      .account = t->anna,
                                      .protocol = S("ESMTPSA"),
                                      .helo = S("laptop"),
                                      .peer = S("2001:db8::1"),
                                      .tls = S("TLSv1.3 with X")};
    struct queue_id id;
    ASSERT_OK(t, queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error));
    house_settle(t);
    const char *text = house_read(t, t->otto);
    ASSERT_HAS(text, "Received: from laptop\r\n\tby mail.example (Posthorn) with ESMTPSA id ");
    ASSERT_HAS(text, "\r\n\t(using TLSv1.3 with X)");
    ASSERT_HAS(text, "\r\nDate: ");
    ASSERT_HAS(text, "\r\nMessage-ID: <");
}

static void test_mail_for_an_address_that_was_renamed_meanwhile_reaches_the_account(void **state)
{
    struct house *t = *state;
    struct account_id none;
    const struct account_rename rename = {.from = S("anna@demo.example"), .to = S("anna.b@demo.example")};
    ASSERT_OK(t, account_entry_rename(t->directory, &rename, &none, &t->error));
    house_send(t, "max@other.example", "anna@demo.example");
    house_send(t, "max@other.example", "anna+lists@demo.example");
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 2);
    assert_int_equal(house_left(t), 0);
}

static void test_aliases_groups_and_catch_all_lead_to_accounts(void **state)
{
    struct house *t = *state;
    struct slice one[] = {S("anna@demo.example")};
    struct slice two[] = {S("anna@demo.example"), S("otto@demo.example")};
    house_alias(t, "info@demo.example", one, 1, false);
    house_alias(t, "all@demo.example", two, 2, true);
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S("otto@demo.example"), &t->error));
    house_send(t, "max@other.example", "info@demo.example");
    house_send(t, "max@other.example", "all@demo.example");
    house_send(t, "max@other.example", "whoever@demo.example");
    house_send(t, "max@other.example", "anna+list@demo.example");
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 3);
    assert_int_equal(house_count(t, t->otto), 2);
    assert_int_equal(house_left(t), 0);
}

static void test_one_account_gets_one_copy(void **state)
{
    struct house *t = *state;
    struct slice two[] = {S("anna@demo.example"), S("otto@demo.example")};
    house_alias(t, "all@demo.example", two, 2, true);
    struct queue_recipient to[] = {{.address = S("anna@demo.example")},
                                   {.address = S("Anna+x@demo.example")},
                                   {.address = S("all@demo.example")}};
    house_send_to(t, "max@other.example", to, 3, MESSAGE);
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_int_equal(house_count(t, t->otto), 1);
    assert_int_equal(house_left(t), 0);
    assert_null(strstr(house_read(t, t->anna), "\tfor <")); /* RFC 5321 7.2: nobody learns of the others */
}

static void test_foreign_recipients_wait(void **state)
{
    struct house *t = *state;
    struct slice out[] = {S("anna@demo.example"), S("x@elsewhere.example"), S("y@elsewhere.example")};
    house_alias(t, "both@demo.example", out, 3, true);
    house_send(t, "anna@demo.example", "max@other.example");
    house_send(t, "max@other.example", "both@demo.example");
    house_settle(t);
    struct queue_entry *entries;
    assert_int_equal(house_list(t, &entries), 2);
    assert_string_equal(entries[0].state.p, "waiting");
    assert_int_equal(entries[1].recipient_count, 2);
    assert_true(slice_eq(entries[1].recipients[1], S("y@elsewhere.example")));
    assert_int_equal(house_count(t, t->anna), 1);
    /* They are not added again by another look. */
    ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
    house_settle(t);
    assert_int_equal(house_list(t, &entries), 2);
    assert_int_equal(entries[1].recipient_count, 2);
}

/* RFC 5321 6.3. */
static void test_ends_loops(void **state)
{
    struct house *t = *state;
    CLEANUP(buf_release) struct buf text = BUF(100000);
    struct queue_recipient to = {.address = S("anna@demo.example")};
    for (int i = 0; i < QUEUE_HOPS_MAX; i++)
        buf_put(&text, S("Received: from a by b; x\r\n"));
    buf_put(&text, S("\r\nReceived: in the body\r\n"));
    house_send_to(t, "otto@demo.example", &to, 1, buf_slice(&text));
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 1);
    CLEANUP(buf_release) struct buf more = BUF(100000);
    buf_put(&more, S("Received: one more\r\n"));
    buf_put(&more, buf_slice(&text));
    house_send_to(t, "otto@demo.example", &to, 1, buf_slice(&more));
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 1);
    ASSERT_HAS(house_read(t, t->otto), "Status: 5.4.6");
}

static void fill_up(struct house *t)
{
    struct account_limits limits = {.quota_messages = 2};
    struct account *account;
    ASSERT_OK(t, store_account(t->store, t->small, &account, &t->error)); /* stays open, with its limits */
    account_unref(account);
    store_account_limits(t->store, t->small, &limits);
    house_send(t, "max@other.example", "small@demo.example");
    house_send(t, "max@other.example", "small@demo.example");
    house_settle(t);
    assert_int_equal(house_count(t, t->small), 2);
}

static void test_full_mailbox_gets_it_when_there_is_room(void **state)
{
    struct house *t = *state;
    struct queue_recipient to[] = {{.address = S("small@demo.example")}, {.address = S("anna@demo.example")}};
    struct queue_entry *entries;
    fill_up(t);
    house_send_to(t, "otto@demo.example", to, 2, MESSAGE);
    house_settle(t);
    assert_int_equal(house_list(t, &entries), 1);
    assert_string_equal(entries[0].state.p, "deferred");
    assert_int_equal(entries[0].recipient_count, 1);
    assert_true(slice_eq(entries[0].recipients[0], S("small@demo.example")));
    assert_true(entries[0].reason.n > 0);
    assert_int_equal(house_count(t, t->anna), 1);
    store_account_limits(t->store, t->small, &(struct account_limits){.quota_messages = 3});
    ASSERT_OK(t, queue_flush(t->queue, entries[0].id, &t->error));
    for (int i = 0; i < 1000 && house_left(t) > 0; i++)
        usleep(10000);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->small), 3);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_int_equal(house_count(t, t->otto), 0);
}

static void test_tries_again_by_itself_and_gives_up_after_days(void **state)
{
    struct house *t = *state;
    struct queue_entry *entries;
    fill_up(t);
    house_send(t, "otto@demo.example", "small@demo.example");
    house_settle(t);
    assert_int_equal(house_list(t, &entries), 1);
    int64_t due = entries[0].next_us;
    assert_true(due > clock_wall_us() && due <= clock_wall_us() + QUEUE_DEFER_FIRST_SECONDS * CLOCK_SECOND);
    clock_shift(QUEUE_EXPIRE_DAYS * CLOCK_DAY + CLOCK_HOUR);
    ASSERT_OK(t, queue_flush(t->queue, (struct queue_id){0}, &t->error));
    for (int i = 0; i < 1000 && house_count(t, t->otto) == 0; i++)
        usleep(10000);
    clock_shift(-(QUEUE_EXPIRE_DAYS * CLOCK_DAY + CLOCK_HOUR));
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    ASSERT_HAS(house_read(t, t->otto), "Action: failed\r\nStatus: 4.4.7\r\n");
}

static enum recipient_answer ask(struct house *t, struct account_id sender, const char *address,
                                 uint64_t size)
{
    enum recipient_answer answer;
    ASSERT_OK(t, queue_recipient_check(t->queue, sender, slice_cstr(address), size, &answer, &t->error));
    return answer;
}

static void test_says_at_once_what_becomes_of_a_recipient(void **state)
{
    struct house *t = *state;
    struct slice two[] = {S("anna@demo.example"), S("small@demo.example")};
    struct account_id nobody = {0};
    enum recipient_answer answer;
    house_alias(t, "all@demo.example", two, 2, true);
    assert_int_equal(ask(t, nobody, "anna@demo.example", 0), RECIPIENT_LOCAL);
    assert_int_equal(ask(t, nobody, "who@demo.example", 0), RECIPIENT_UNKNOWN);
    assert_int_equal(ask(t, nobody, "x@elsewhere.example", 0), RECIPIENT_NO_RELAY);
    assert_int_equal(ask(t, t->anna, "x@elsewhere.example", 0), RECIPIENT_FOREIGN);
    fill_up(t);
    assert_int_equal(ask(t, nobody, "small@demo.example", 0), RECIPIENT_FULL);
    assert_int_equal(ask(t, nobody, "all@demo.example", 0), RECIPIENT_LOCAL);
    store_account_limits(t->store, t->small, &(struct account_limits){.quota_bytes = 100000});
    assert_int_equal(ask(t, nobody, "small@demo.example", 1000), RECIPIENT_LOCAL);
    assert_int_equal(ask(t, nobody, "small@demo.example", 100000), RECIPIENT_FULL);
    assert_int_equal(queue_recipient_check(t->queue, nobody, S("nonsense"), 0, &answer, &t->error),
                     ERR_INVALID);
}

static void test_keeps_the_limits_of_an_entry(void **state)
{
    struct house *t = *state;
    static char body[QUEUE_INLINE_MAX + 1];
    struct queue_recipient *to = arena_array(&t->arena, QUEUE_RECIPIENTS_MAX + 1, sizeof(*to));
    for (size_t i = 0; i <= QUEUE_RECIPIENTS_MAX; i++)
        to[i].address = S("anna@demo.example");
    struct queue_envelope envelope = {.sender = S("a@b.example"), .recipients = to};
    struct queue_id id;
    assert_int_equal(queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error), ERR_INVALID);
    envelope.recipient_count = QUEUE_RECIPIENTS_MAX + 1;
    assert_int_equal(queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error), ERR_INVALID);
    envelope.recipient_count = QUEUE_RECIPIENTS_MAX;
    memset(body, 'x', sizeof(body));
    assert_int_equal(queue_accept(t->queue, &envelope, slice_of(body, sizeof(body)), 0, &id, &t->error),
                     ERR_LIMIT);
    ASSERT_OK(t, queue_accept(t->queue, &envelope, slice_of(body, sizeof(body) - 1), 0, &id, &t->error));
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_int_equal(house_left(t), 0);
}

static void test_list_get_and_drop(void **state)
{
    struct house *t = *state;
    struct queue_entry *entries;
    struct queue_entry entry;
    size_t count;
    char *body;
    struct queue_id ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = house_send(t, "anna@demo.example", "max@other.example");
    assert_true(ids[0].v < ids[1].v && ids[1].v < ids[2].v);
    house_settle(t);
    ASSERT_OK(t, queue_list(t->queue, ids[0], 1, &t->arena, &entries, &count, &t->error));
    assert_int_equal(count, 1);
    assert_int_equal(entries[0].id.v, ids[1].v);
    assert_true(slice_eq(entries[0].sender, S("anna@demo.example")));
    ASSERT_OK(t, queue_get(t->queue, ids[2], &t->arena, &entry, &body, &t->error));
    assert_true(slice_eq(slice_of(body, entry.size), MESSAGE));
    free(body);
    ASSERT_OK(t, queue_drop(t->queue, ids[1], &t->error));
    assert_int_equal(house_left(t), 2);
    assert_int_equal(queue_drop(t->queue, ids[1], &t->error), ERR_NOT_FOUND);
    assert_int_equal(queue_get(t->queue, ids[1], &t->arena, &entry, &body, &t->error), ERR_NOT_FOUND);
}

/* A group with more foreign members than an entry has room for at first: everybody or, later, everybody. */
static void test_large_group_leaves_nobody_out(void **state)
{
    struct house *t = *state;
    enum { MEMBERS = 3000 };
    struct slice *members = arena_array(&t->arena, MEMBERS, sizeof(*members));
    for (size_t i = 0; i < MEMBERS; i++) {
        CLEANUP(buf_release) struct buf address = BUF(100);
        buf_printf(&address, "member%zu@elsewhere.example", i);
        members[i] = arena_dup(&t->arena, buf_slice(&address));
    }
    members[0] = S("anna@demo.example");
    house_alias(t, "all@demo.example", members, MEMBERS, true);
    house_send(t, "max@other.example", "all@demo.example");
    house_settle(t);
    struct queue_entry *entries;
    assert_int_equal(house_list(t, &entries), 1);
    assert_string_equal(entries[0].state.p, "waiting");
    assert_int_equal(entries[0].recipient_count, MEMBERS - 1);
    assert_int_equal(house_count(t, t->anna), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_free)
    const struct CMUnitTest tests[] = {
        TEST(test_files_with_trace_fields),
        TEST(test_submitted_message_is_completed),
        TEST(test_mail_for_an_address_that_was_renamed_meanwhile_reaches_the_account),
        TEST(test_aliases_groups_and_catch_all_lead_to_accounts),
        TEST(test_one_account_gets_one_copy),
        TEST(test_foreign_recipients_wait),
        TEST(test_ends_loops),
        TEST(test_full_mailbox_gets_it_when_there_is_room),
        TEST(test_tries_again_by_itself_and_gives_up_after_days),
        TEST(test_says_at_once_what_becomes_of_a_recipient),
        TEST(test_keeps_the_limits_of_an_entry),
        TEST(test_list_get_and_drop),
        TEST(test_large_group_leaves_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
