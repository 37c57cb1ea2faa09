#include <pthread.h>

#include "store/testing.h"
#include "store/watch.h"

static void test_recent_goes_to_the_first_read_write_view(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    struct view *examine, *first, *second;
    OK(view_open(fixture->account, fixture->inbox.id, true, &examine, &fixture->error));
    OK(view_open(fixture->account, fixture->inbox.id, false, &first, &fixture->error));
    OK(view_open(fixture->account, fixture->inbox.id, false, &second, &fixture->error));
    assert_int_equal(view_recent(examine), 1);
    assert_int_equal(view_recent(first), 1);
    assert_int_equal(view_recent(second), 0);
    append(fixture, fixture->inbox.id, small_message);
    CLEANUP(view_changes_release) struct view_changes two = {0};
    CLEANUP(view_changes_release) struct view_changes one = {0};
    OK(view_sync(second, true, &two, &fixture->error));
    OK(view_sync(first, true, &one, &fixture->error));
    assert_int_equal(two.recent, 1);
    assert_int_equal(one.recent, 1);
    assert_true(view_is_recent(second, (struct uid){2}) && !view_is_recent(first, (struct uid){2}));
    account_check_invariants(fixture->account);
    view_close(examine);
    view_close(first);
    view_close(second);
}

static void test_own_flag_changes_are_not_told_again(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, fixture->inbox.id, small_message);
    append(fixture, fixture->inbox.id, small_message);
    struct view *view;
    OK(view_open(fixture->account, fixture->inbox.id, false, &view, &fixture->error));
    struct flagset seen = {{1 << FLAG_SEEN}};
    CLEANUP(uid_set_release) struct uid_set one = range(1, 1);
    CLEANUP(uid_set_release) struct uid_set all = range(1, 2);
    CLEANUP(flag_result_release) struct flag_result mine = {0};
    CLEANUP(flag_result_release) struct flag_result other = {0};
    OK(message_flags(fixture->account, fixture->inbox.id, &one, FLAGS_ADD, &seen, (struct change_no){0},
                     &mine, &fixture->error));
    view_told_flags(view, &mine.changed, mine.change);
    OK(message_flags(fixture->account, fixture->inbox.id, &all, FLAGS_ADD, &seen, (struct change_no){0},
                     &other, &fixture->error));
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    OK(view_sync(view, true, &changes, &fixture->error));
    assert_int_equal(uid_set_size(&changes.flags), 1);
    assert_true(uid_set_has(&changes.flags, 2));
    view_close(view);
}

static void test_deleted_folder_is_told_as_gone(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id id = make_folder(fixture, "a");
    append(fixture, id, small_message);
    struct view *view;
    OK(view_open(fixture->account, id, false, &view, &fixture->error));
    OK(folder_delete(fixture->account, S("a"), &fixture->error));
    assert_true(view_pending(view));
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    OK(view_sync(view, true, &changes, &fixture->error));
    assert_true(changes.gone);
    assert_int_equal(changes.expunged_count, 1);
    assert_false(view_pending(view));
    view_close(view);
}

static void test_first_unseen(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 4; i++)
        append(fixture, fixture->inbox.id, small_message);
    struct flagset seen = {{1 << FLAG_SEEN}};
    CLEANUP(uid_set_release) struct uid_set two = range(1, 2);
    CLEANUP(flag_result_release) struct flag_result result = {0};
    OK(message_flags(fixture->account, fixture->inbox.id, &two, FLAGS_ADD, &seen, (struct change_no){0},
                     &result, &fixture->error));
    struct view *view;
    uint32_t seq;
    OK(view_open(fixture->account, fixture->inbox.id, false, &view, &fixture->error));
    OK(view_first_unseen(view, test_account, &seq, &fixture->error));
    assert_int_equal(seq, 3);
    view_close(view);
}

/* From both ends, and after a removal that the view was not told of. */
static void test_first_unseen_is_numbered_as_the_view_numbers(void **state)
{
    struct fixture *fixture = *state;
    struct view *view;
    struct flagset seen = {{1 << FLAG_SEEN}};
    for (int i = 0; i < 10; i++)
        append(fixture, fixture->inbox.id, small_message);
    static const uint32_t seen_to[] = {2, 7, 9};
    for (size_t i = 0; i < ARRAY_LEN(seen_to); i++) {
        CLEANUP(uid_set_release) struct uid_set uids = range(1, seen_to[i]);
        CLEANUP(flag_result_release) struct flag_result result = {0};
        uint32_t seq;
        OK(message_flags(fixture->account, fixture->inbox.id, &uids, FLAGS_ADD, &seen, (struct change_no){0},
                         &result, &fixture->error));
        OK(view_open(fixture->account, fixture->inbox.id, true, &view, &fixture->error));
        OK(view_first_unseen(view, test_account, &seq, &fixture->error));
        assert_int_equal(seq, seen_to[i] + 1);
        view_close(view);
    }
    OK(view_open(fixture->account, fixture->inbox.id, true, &view, &fixture->error));
    CLEANUP(uid_set_release) struct uid_set four = range(1, 4);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    OK(message_expunge(fixture->account, fixture->inbox.id, &four, false, &removed, &fixture->error));
    uint32_t seq;
    OK(view_first_unseen(view, test_account, &seq, &fixture->error));
    assert_int_equal(seq, 10);
    view_close(view);
    OK(view_open(fixture->account, fixture->inbox.id, true, &view, &fixture->error));
    OK(view_first_unseen(view, test_account, &seq, &fixture->error));
    assert_int_equal(seq, 6);
    view_close(view);
}

/* --- many threads, for ThreadSanitizer --- */

enum { THREADS = 4, THREAD_STEPS = 150 };

struct worker {
    struct fixture *fixture;
    unsigned number;
    pthread_t thread;
    bool failed;
};

static enum err work_once(struct worker *worker, struct view *view, unsigned i, struct error *error)
{
    struct account *account = worker->fixture->account;
    struct folder_id inbox = worker->fixture->inbox.id;
    struct append_item item = {.folder = inbox, .body = small_message};
    struct append_result appended;
    enum err err = message_append(account, &item, 1, &appended, error);
    if (err != ERR_OK)
        return err;
    CLEANUP(uid_set_release) struct uid_set uids = range(appended.uid.v - i % 3, appended.uid.v);
    CLEANUP(flag_result_release) struct flag_result flagged = {0};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    struct flagset seen = {{1 << FLAG_SEEN}};
    err = message_flags(account, inbox, &uids, FLAGS_ADD, &seen, (struct change_no){0}, &flagged, error);
    if (err == ERR_OK && i % 2 == 0)
        err = message_expunge(account, inbox, &uids, false, &removed, error);
    if (err == ERR_OK && view_pending(view))
        err = view_sync(view, i % 4 != 0, &changes, error);
    struct uid uid;
    if (err == ERR_OK && view_exists(view) > 0)
        err = view_uid(view, view_exists(view), &uid, error);
    if (err == ERR_OK && i % 20 == 0)
        err = worker->number == 0 ? store_sync(worker->fixture->store, error) : account_sync(account, error);
    return err;
}

static void *worker_run(void *context)
{
    struct worker *worker = context;
    struct error error;
    for (unsigned i = 0; i < THREAD_STEPS && !worker->failed;) {
        struct view *view;
        worker->failed = view_open(worker->fixture->account, worker->fixture->inbox.id, worker->number == 1,
                                   &view, &error) != ERR_OK;
        for (unsigned j = 0; j < 25 && !worker->failed; j++)
            worker->failed = work_once(worker, view, i++, &error) != ERR_OK;
        view_close(view);
    }
    if (worker->failed)
        fprintf(stderr, "%s\n", error.detail);
    return NULL;
}

static void test_threads_share_an_account(void **state)
{
    struct fixture *fixture = *state;
    struct worker workers[THREADS] = {0};
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].fixture = fixture;
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_false(workers[i].failed);
    }
    account_check_invariants(fixture->account);
    struct view *view;
    OK(view_open(fixture->account, fixture->inbox.id, true, &view, &fixture->error));
    view_check(view);
    view_close(view);
}

static void change_something(struct fixture *fixture, bool on)
{
    CLEANUP(uid_set_release) struct uid_set one = range(1, 1);
    CLEANUP(flag_result_release) struct flag_result result = {0};
    const struct flagset flagged = {{1 << FLAG_FLAGGED}};
    OK(message_flags(fixture->account, fixture->inbox.id, &one, on ? FLAGS_ADD : FLAGS_REMOVE, &flagged,
                     (struct change_no){0}, &result, &fixture->error));
}

static void *change_as_other(void *fixture)
{
    change_something(fixture, false);
    return NULL;
}

static void test_watch_knows_its_own_changes(void **state)
{
    struct fixture *fixture = *state;
    struct watch *watch;
    pthread_t other;
    append(fixture, fixture->inbox.id, small_message);
    OK(account_watch(fixture->account, NULL, (struct place){0}, &watch, &fixture->error));
    for (int i = 0; i <= WATCH_OWN_MAX; i++) {
        watch_act(watch);
        change_something(fixture, true);
        struct change_no own = watch_change(watch);
        assert_int_equal(pthread_create(&other, NULL, change_as_other, fixture), 0);
        assert_int_equal(pthread_join(other, NULL), 0);
        watch_rest(watch);
        assert_int_equal(watch_is_own(watch, own), i < WATCH_OWN_MAX);
        assert_false(watch_is_own(watch, watch_change(watch))); /* another thread's */
        change_something(fixture, true);
        assert_false(watch_is_own(watch, watch_change(watch))); /* resting */
        change_something(fixture, false);
    }
    watch_forget_own(watch);
    watch_act(watch);
    struct change_no before = watch_change(watch);
    for (int i = 0; i < 2 * WATCH_OWN_MAX; i++) /* in a row: one range */
        change_something(fixture, i % 2 == 0);
    watch_rest(watch);
    assert_false(watch_is_own(watch, before));
    assert_true(watch_is_own(watch, (struct change_no){before.v + 1}));
    assert_true(watch_is_own(watch, watch_change(watch)));
    account_unwatch(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_recent_goes_to_the_first_read_write_view),
        STORE_TEST(test_own_flag_changes_are_not_told_again),
        STORE_TEST(test_deleted_folder_is_told_as_gone),
        STORE_TEST(test_first_unseen),
        STORE_TEST(test_first_unseen_is_numbered_as_the_view_numbers),
        STORE_TEST(test_threads_share_an_account),
        STORE_TEST(test_watch_knows_its_own_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
