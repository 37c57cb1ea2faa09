/* Never lost, never twice: many at once, crashes, and a database that fails. */
#include <signal.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "queue/testing.h"

enum { SENDERS = 16, MESSAGES_EACH = 25, KILLS = 3 };

static void *send_some(void *context)
{
    struct house *t = context;
    struct queue_recipient to = {.address = S("anna@demo.example")};
    struct queue_envelope envelope = {
        .sender = S("max@other.example"), .recipients = &to, .recipient_count = 1, .protocol = S("ESMTP")};
    for (int i = 0; i < MESSAGES_EACH; i++) {
        struct queue_id id;
        struct error error;
        assert_int_equal(queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &error), ERR_OK);
    }
    return NULL;
}

static int count_commit(void *context)
{
    atomic_int *commits = context;
    (*commits)++;
    return 0;
}

static void test_many_share_a_transaction(void **state)
{
    struct house *t = *state;
    pthread_t threads[SENDERS];
    atomic_int commits = 0;
    pthread_mutex_lock(&t->queue->database_lock);
    sqlite3_commit_hook(t->queue->database.sqlite, count_commit, &commits);
    pthread_mutex_unlock(&t->queue->database_lock);
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_some, t), 0);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), SENDERS * MESSAGES_EACH);
    assert_int_equal(house_left(t), 0);
    /* Each message is inserted and deleted; one transaction for each would be twice as many. */
    assert_true(commits < SENDERS * MESSAGES_EACH);
}

/* The same entry filed once more, as after a power loss that undid its removal. */
static void test_filing_again_changes_nothing(void **state)
{
    struct house *t = *state;
    struct queue_recipient to[] = {{.address = S("anna@demo.example")},
                                   {.address = S("x@elsewhere.example")}};
    struct queue_id id = house_send_to(t, "max@other.example", to, 2, MESSAGE);
    struct queue_id again = house_send(t, "max@other.example", "y@elsewhere.example");
    house_settle(t);
    assert_int_equal(house_count(t, t->anna), 1);
    assert_true(again.v > id.v);
    /* As it was when it was accepted: the recipient is new. */
    CLEANUP(entry_release) struct entry *entry = NULL;
    CLEANUP(buf_release) struct buf encoded = BUF(ENTRY_ARENA_MAX);
    ASSERT_OK(t, database_load(t->queue, id, true, &entry, &t->error));
    entry->recipients[0].state = RECIPIENT_NEW;
    entry->recipients[0].given.address = S("anna@demo.example");
    entry_encode(entry, &encoded);
    struct job job = {.kind = JOB_UPDATE, .id = id, .next_us = 1, .envelope = buf_slice(&encoded)};
    ASSERT_OK(t, intake_submit(t->queue, &job, 1, &t->error));
    house_close(t);
    house_open(t);
    house_settle(t);
    for (int i = 0; i < 500 && house_left(t) > 1; i++)
        usleep(10000);
    assert_int_equal(house_left(t), 1);
    assert_int_equal(house_count(t, t->anna), 1);
}

static int refuse_commit(void *context)
{
    atomic_int *left = context;
    return (*left)-- > 0;
}

/* What can't be written down is filed again, and that changes nothing. */
static void test_failed_settling_is_tried_again(void **state)
{
    struct house *t = *state;
    atomic_int left = 0;
    struct queue_envelope envelope = {.sender = S("max@other.example")};
    struct queue_recipient to = {.address = S("anna@demo.example")};
    struct queue_id id;
    pthread_mutex_lock(&t->queue->database_lock);
    sqlite3_commit_hook(t->queue->database.sqlite, refuse_commit, &left);
    pthread_mutex_unlock(&t->queue->database_lock);
    envelope.recipients = &to;
    envelope.recipient_count = 1;
    left = 1;
    assert_int_not_equal(queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error), ERR_OK);
    assert_int_equal(house_left(t), 0);
    left = -1000000;
    ASSERT_OK(t, queue_accept(t->queue, &envelope, MESSAGE, 0, &id, &t->error));
    left = 1; /* now the filer's end of it, if it was not faster: either way it comes out right */
    for (int i = 0; i < 1000 && house_left(t) > 0; i++)
        usleep(10000);
    house_settle(t);
    assert_int_equal(house_left(t), 0);
    assert_int_equal(house_count(t, t->anna), 1);
}

/* The child: accepts without end, and writes down each id when it was accepted. */
static void child_main(struct house *t, int out)
{
    struct queue_recipient to[] = {{.address = S("anna@demo.example")}, {.address = S("otto@demo.example")}};
    house_open(t);
    for (uint64_t i = 0;; i++) {
        struct queue_id id = house_send_to(t, "max@other.example", to, 2, MESSAGE);
        if (write(out, &id.v, sizeof(id.v)) != sizeof(id.v))
            _exit(1);
    }
}

static size_t run_and_kill(struct house *t, useconds_t after)
{
    int ends[2];
    uint64_t id;
    size_t accepted = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_main(t, ends[1]);
    close(ends[1]);
    usleep(after);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    while (read(ends[0], &id, sizeof(id)) == sizeof(id))
        accepted++;
    close(ends[0]);
    return accepted;
}

/* All that was accepted is there, and at most the one more whose acceptance nobody heard. */
static void test_crash_loses_and_doubles_nothing(void **state)
{
    struct house *t = *state;
    size_t accepted = 0;
    for (size_t round = 1; round <= KILLS; round++) {
        house_close(t);
        size_t now = run_and_kill(t, 250000 + 70000 * (useconds_t)round);
        assert_true(now > 0);
        accepted += now;
        house_open(t);
        house_settle(t);
        assert_int_equal(house_left(t), 0);
        size_t anna = house_count(t, t->anna);
        assert_in_range(anna, accepted, accepted + round);
        assert_int_equal(anna, house_count(t, t->otto));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, house_make, house_free)
    const struct CMUnitTest tests[] = {
        TEST(test_many_share_a_transaction),
        TEST(test_filing_again_changes_nothing),
        TEST(test_failed_settling_is_tried_again),
        TEST(test_crash_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
