/* What is forwarded, or goes to members of a group outside: under which sender, with which header, how often.
 */
#include "directory/forward.h"
#include "queue/testing.h"

static void forward_to(struct house *t, const char *from, bool keep, const char *target)
{
    struct slice to = slice_cstr(target);
    const struct forward forward = {.targets = &to, .target_count = 1, .keep_copy = keep};
    ASSERT_OK(t, forward_set(t->directory, slice_cstr(from), &forward, &t->error));
}

/* The one entry that is left, for that one recipient, and its message. */
static const char *only_left(struct house *t, const char *recipient, struct queue_entry *ret_entry)
{
    struct queue_entry *entries;
    char *body = NULL;
    house_settle(t);
    assert_int_equal(house_list(t, &entries), 1);
    ASSERT_OK(t, queue_get(t->queue, entries[0].id, &t->arena, ret_entry, &body, &t->error));
    assert_int_equal(ret_entry->recipient_count, 1);
    assert_true(slice_eq(ret_entry->recipients[0], slice_cstr(recipient)));
    assert_true(slice_eq(ret_entry->state, S("waiting")));
    char *text = arena_alloc(&t->arena, ret_entry->size + 1);
    memcpy(text, body, ret_entry->size);
    text[ret_entry->size] = 0;
    free(body);
    return text;
}

static void test_forwarded_to_the_outside_under_a_rewritten_sender(void **state)
{
    struct house *t = *state;
    struct queue_entry entry;
    forward_to(t, "anna@demo.example", false, "friend@far.example");
    house_send(t, "max@other.example", "anna+lists@demo.example");
    const char *text = only_left(t, "friend@far.example", &entry);
    assert_true(slice_starts(entry.sender, S("SRS0=")));
    assert_true(slice_ends(entry.sender, S("=other.example=max@demo.example")));
    ASSERT_HAS(text, "Delivered-To: anna@demo.example\r\nReceived: from client.example ([192.0.2.1])\r\n");
    ASSERT_HAS(text, "\tfor <anna+lists@demo.example>;");
    ASSERT_HAS(text, "\r\nSubject: x\r\n\r\nhello\r\n");
    assert_int_equal(house_count(t, t->anna), 0);
}

static void test_a_copy_stays_and_forwards_inside_need_no_queue(void **state)
{
    struct house *t = *state;
    forward_to(t, "anna@demo.example", true, "otto@demo.example");
    house_send(t, "max@other.example", "anna@demo.example");
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_int_equal(house_count(t, t->otto), 1);
    ASSERT_HAS(house_read(t, t->otto),
               "Return-Path: <max@other.example>\r\nDelivered-To: anna@demo.example\r\n");
}

static void test_a_circle_leaves_it_with_whom_it_was_for(void **state)
{
    struct house *t = *state;
    forward_to(t, "anna@demo.example", false, "otto@demo.example");
    forward_to(t, "otto@demo.example", false, "anna@demo.example");
    house_send(t, "max@other.example", "anna@demo.example");
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_int_equal(house_count(t, t->otto), 0);
}

/* Outside it was sent back to us. */
static void test_what_comes_back_stays(void **state)
{
    struct house *t = *state;
    struct queue_entry entry;
    forward_to(t, "anna@demo.example", false, "friend@far.example");
    house_send(t, "max@other.example", "anna@demo.example");
    const char *text = only_left(t, "friend@far.example", &entry);
    ASSERT_OK(t, queue_drop(t->queue, entry.id, &t->error));
    struct queue_recipient to = {.address = S("ANNA@demo.example")};
    house_send_to(t, "max@other.example", &to, 1, slice_cstr(text));
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->anna), 1);
}

static void test_our_own_sender_and_nobody_stay_as_they_are(void **state)
{
    struct house *t = *state;
    struct queue_entry entry;
    forward_to(t, "anna@demo.example", false, "friend@far.example");
    house_send(t, "otto@demo.example", "anna@demo.example");
    only_left(t, "friend@far.example", &entry);
    assert_true(slice_eq(entry.sender, S("otto@demo.example")));
    ASSERT_OK(t, queue_drop(t->queue, entry.id, &t->error));
    house_send(t, "", "anna@demo.example");
    only_left(t, "friend@far.example", &entry);
    assert_int_equal(entry.sender.n, 0);
}

static void test_a_bounce_goes_back_to_the_first_sender(void **state)
{
    struct house *t = *state;
    struct queue_entry entry;
    char rewritten[ADDRESS_MAX + 1];
    forward_to(t, "anna@demo.example", false, "friend@far.example");
    house_send(t, "max@other.example", "anna@demo.example");
    only_left(t, "friend@far.example", &entry);
    snprintf(rewritten, sizeof(rewritten), "%.*s", SLICE_ARGS(entry.sender));
    ASSERT_OK(t, queue_drop(t->queue, entry.id, &t->error));
    enum recipient_answer answer;
    struct account_id stranger = {0};
    ASSERT_OK(t, queue_recipient_check(t->queue, stranger, slice_cstr(rewritten), 0, &answer, &t->error));
    assert_int_equal(answer, RECIPIENT_LOCAL);
    house_send(t, "", rewritten);
    only_left(t, "max@other.example", &entry);
    assert_int_equal(entry.sender.n, 0);
    rewritten[6] = rewritten[6] == 'a' ? 'b' : 'a';
    ASSERT_OK(t, queue_recipient_check(t->queue, stranger, slice_cstr(rewritten), 0, &answer, &t->error));
    assert_int_equal(answer, RECIPIENT_UNKNOWN);
}

static void test_members_outside_get_it_under_a_rewritten_sender(void **state)
{
    struct house *t = *state;
    struct queue_entry entry;
    struct slice members[] = {S("otto@demo.example"), S("carla@far.example")};
    house_alias(t, "all@demo.example", members, 2, true);
    house_send(t, "max@other.example", "all@demo.example");
    const char *text = only_left(t, "carla@far.example", &entry);
    assert_true(slice_ends(entry.sender, S("=other.example=max@demo.example")));
    ASSERT_HAS(text, "Delivered-To: all@demo.example\r\n");
    assert_int_equal(house_count(t, t->otto), 1);
}

static void test_a_large_message_goes_on_by_a_file_of_its_own(void **state)
{
    struct house *t = *state;
    struct queue_entry entry;
    struct queue_recipient to = {.address = S("anna@demo.example")};
    size_t n = QUEUE_INLINE_MAX;
    char *body = malloc(n);
    memset(body, 'x', n);
    memcpy(body, "Subject: x\r\n\r\n", 14);
    forward_to(t, "anna@demo.example", true, "friend@far.example");
    house_send_to(t, "max@other.example", &to, 1, slice_of(body, n));
    const char *text = only_left(t, "friend@far.example", &entry);
    ASSERT_HAS(text, "Delivered-To: anna@demo.example\r\n");
    assert_true(entry.size > n);
    assert_memory_equal(text + entry.size - n, body, n);
    house_close(t);
    house_open(t);
    assert_true(strlen(only_left(t, "friend@far.example", &entry)) > n);
    assert_int_equal(house_count(t, t->anna), 1);
    free(body);
}

/* `small` is full: the message waits for it, and is tried again, but went on already. */
static void test_trying_again_sends_nothing_twice(void **state)
{
    struct house *t = *state;
    struct queue_entry *entries;
    struct slice members[] = {S("small@demo.example"), S("anna@demo.example"), S("carla@far.example")};
    const struct account_limits limits = {.quota_messages = 1};
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.quota_messages = 1;
    ASSERT_OK(t, account_entry_set(t->directory, S("small@demo.example"), &changes, &t->error));
    house_send(t, "max@other.example", "small@demo.example");
    house_settle(t);
    store_account_limits(t->store, t->small, &limits);
    forward_to(t, "anna@demo.example", false, "friend@far.example");
    house_alias(t, "all@demo.example", members, 3, true);
    house_send(t, "max@other.example", "all@demo.example");
    house_settle(t);
    assert_int_equal(house_list(t, &entries), 3);
    for (int i = 0; i < 2; i++) {
        struct queue_id all = {0};
        ASSERT_OK(t, queue_flush(t->queue, all, &t->error));
        house_settle(t);
    }
    assert_int_equal(house_list(t, &entries), 3);
    assert_int_equal(house_count(t, t->anna), 0);
}

static void test_a_mailbox_that_only_forwards_is_never_full(void **state)
{
    struct house *t = *state;
    enum recipient_answer answer;
    struct account_id stranger = {0};
    const struct account_limits limits = {.quota_messages = 1};
    house_send(t, "max@other.example", "small@demo.example");
    house_settle(t);
    store_account_limits(t->store, t->small, &limits);
    ASSERT_OK(t, queue_recipient_check(t->queue, stranger, S("small@demo.example"), 0, &answer, &t->error));
    assert_int_equal(answer, RECIPIENT_FULL);
    forward_to(t, "small@demo.example", true, "friend@far.example");
    ASSERT_OK(t, queue_recipient_check(t->queue, stranger, S("small@demo.example"), 0, &answer, &t->error));
    assert_int_equal(answer, RECIPIENT_FULL);
    forward_to(t, "small@demo.example", false, "friend@far.example");
    ASSERT_OK(t, queue_recipient_check(t->queue, stranger, S("small@demo.example"), 0, &answer, &t->error));
    assert_int_equal(answer, RECIPIENT_LOCAL);
}

static void test_only_so_many_places_are_looked_at(void **state)
{
    struct house *t = *state;
    CLEANUP(buf_release) struct buf text = BUF(64 * 1024);
    const struct slice *been;
    size_t count;
    for (int i = 0; i <= ONWARD_BEEN_MAX; i++)
        buf_printf(&text, "delivered-to:  a%d@demo.example \r\n", i);
    buf_put(&text, S("\r\nDelivered-To: not@header.example\r\n"));
    ASSERT_OK(t, onward_been(buf_slice(&text), &t->arena, &been, &count, &t->error));
    assert_int_equal(count, ONWARD_BEEN_MAX);
    assert_true(slice_eq(been[0], S("a0@demo.example")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_forwarded_to_the_outside_under_a_rewritten_sender),
        TEST(test_a_copy_stays_and_forwards_inside_need_no_queue),
        TEST(test_a_circle_leaves_it_with_whom_it_was_for),
        TEST(test_what_comes_back_stays),
        TEST(test_our_own_sender_and_nobody_stay_as_they_are),
        TEST(test_a_bounce_goes_back_to_the_first_sender),
        TEST(test_members_outside_get_it_under_a_rewritten_sender),
        TEST(test_a_large_message_goes_on_by_a_file_of_its_own),
        TEST(test_trying_again_sends_nothing_twice),
        TEST(test_a_mailbox_that_only_forwards_is_never_full),
        TEST(test_only_so_many_places_are_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
