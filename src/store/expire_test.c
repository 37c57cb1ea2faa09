#include "store/expire.h"

#include "base/clock.h"
#include "store/registry.h"
#include "store/testing.h"
#include "store/tidy.h"

static const atomic_bool go_on = false;

static struct folder_id folder_of(struct fixture *fixture, const char *path)
{
    struct folder folder = {0};
    OK(folder_find(fixture->account, slice_cstr(path), &fixture->arena, &folder, &fixture->error));
    return folder.id;
}

static uint32_t count_of(struct fixture *fixture, const char *path)
{
    return get_folder(fixture, folder_of(fixture, path)).messages;
}

static void set_limits(struct fixture *fixture, uint64_t trash_days, uint64_t junk_days, uint64_t pop3_days)
{
    fixture->limits.trash_keep_s = trash_days * 86400;
    fixture->limits.junk_keep_s = junk_days * 86400;
    fixture->limits.pop3_keep_s = pop3_days * 86400;
    store_account_limits(fixture->store, test_account, &fixture->limits);
}

static int64_t expire(struct fixture *fixture)
{
    int64_t next = 0;
    OK(account_expire(fixture->account, &next, &fixture->error));
    account_check_invariants(fixture->account);
    return next;
}

static void move(struct fixture *fixture, const char *from, uint32_t uid, const char *to)
{
    CLEANUP(uid_set_release) struct uid_set one = range(uid, uid);
    CLEANUP(copy_result_release) struct copy_result copied = {0};
    OK(message_copy(fixture->account, folder_of(fixture, from), &one, folder_of(fixture, to), true, &copied,
                    &fixture->error));
}

static void fetched(struct fixture *fixture, uint32_t first, uint32_t last)
{
    CLEANUP(uid_set_release) struct uid_set uids = range(first, last);
    OK(fetched_note(fixture->account, fixture->inbox.id, &uids, &fixture->error));
}

static void test_nothing_goes_unless_asked_for(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, folder_of(fixture, "Trash"), small_message);
    append(fixture, fixture->inbox.id, small_message);
    fetched(fixture, 1, 1);
    clock_shift(400 * CLOCK_DAY);
    int64_t next = expire(fixture);
    clock_shift(-400 * CLOCK_DAY);
    assert_int_equal(next, INT64_MAX);
    assert_int_equal(count_of(fixture, "Trash") + count_of(fixture, "INBOX"), 2);
}

/* However old the message itself is. */
static void test_time_begins_in_the_folder(void **state)
{
    struct fixture *fixture = *state;
    set_limits(fixture, 30, 7, 0);
    make_folder(fixture, "Trash/Below");
    for (int i = 0; i < 4; i++)
        append(fixture, fixture->inbox.id, small_message);
    clock_shift(40 * CLOCK_DAY);
    move(fixture, "INBOX", 1, "Trash");
    move(fixture, "INBOX", 2, "Trash/Below");
    move(fixture, "INBOX", 3, "Junk");
    int64_t next = expire(fixture);
    assert_in_range(next - clock_wall_us(), 6 * CLOCK_DAY, 7 * CLOCK_DAY);
    clock_shift(8 * CLOCK_DAY);
    expire(fixture);
    assert_int_equal(count_of(fixture, "Junk"), 0);
    assert_int_equal(count_of(fixture, "Trash"), 1);
    clock_shift(23 * CLOCK_DAY);
    expire(fixture);
    clock_shift(-71 * CLOCK_DAY);
    assert_int_equal(count_of(fixture, "Trash") + count_of(fixture, "Trash/Below"), 0);
    assert_int_equal(count_of(fixture, "INBOX"), 1);
    struct account_usage usage;
    OK(account_usage(fixture->account, &usage, &fixture->error));
    assert_int_equal(usage.deleted_messages, 3); /* it can be had back */
}

/* Mail programs delete a folder by moving it into Trash: what is in it has not been there for long. */
static void test_folder_moved_into_trash_has_its_time(void **state)
{
    struct fixture *fixture = *state;
    set_limits(fixture, 30, 0, 0);
    append(fixture, make_folder(fixture, "Work/Deep"), small_message);
    clock_shift(100 * CLOCK_DAY);
    OK(folder_rename(fixture->account, S("Work"), S("Trash/Work"), &fixture->error));
    int64_t next = expire(fixture);
    assert_in_range(next - clock_wall_us(), 29 * CLOCK_DAY, 30 * CLOCK_DAY);
    assert_int_equal(count_of(fixture, "Trash/Work/Deep"), 1);
    clock_shift(31 * CLOCK_DAY);
    expire(fixture);
    clock_shift(-131 * CLOCK_DAY);
    assert_int_equal(count_of(fixture, "Trash/Work/Deep"), 0);
}

static void test_what_pop3_fetched_goes(void **state)
{
    struct fixture *fixture = *state;
    set_limits(fixture, 0, 0, 7);
    for (int i = 0; i < 4; i++)
        append(fixture, fixture->inbox.id, small_message);
    fetched(fixture, 1, 2);
    clock_shift(5 * CLOCK_DAY);
    fetched(fixture, 1, 3); /* again: the first time counts */
    clock_shift(3 * CLOCK_DAY);
    int64_t next = expire(fixture);
    assert_in_range(next - clock_wall_us(), 3 * CLOCK_DAY, 4 * CLOCK_DAY);
    assert_int_equal(count_of(fixture, "INBOX"), 2);
    clock_shift(5 * CLOCK_DAY);
    expire(fixture);
    clock_shift(-13 * CLOCK_DAY);
    assert_int_equal(count_of(fixture, "INBOX"), 1);
}

static void test_what_was_fetched_and_moved_stays(void **state)
{
    struct fixture *fixture = *state;
    set_limits(fixture, 0, 0, 7);
    append(fixture, fixture->inbox.id, small_message);
    fetched(fixture, 1, 1);
    move(fixture, "INBOX", 1, "Archive");
    clock_shift(30 * CLOCK_DAY);
    expire(fixture);
    clock_shift(-30 * CLOCK_DAY);
    assert_int_equal(count_of(fixture, "Archive"), 1);
}

static void test_pop3_keeps_a_day_at_least(void **state)
{
    struct fixture *fixture = *state;
    fixture->limits.pop3_keep_s = 60;
    assert_int_equal(pop3_keep_s(&fixture->limits), POP3_KEEP_MIN_S);
    store_account_limits(fixture->store, test_account, &fixture->limits);
    append(fixture, fixture->inbox.id, small_message);
    fetched(fixture, 1, 1);
    clock_shift(CLOCK_HOUR);
    expire(fixture);
    clock_shift(-CLOCK_HOUR);
    assert_int_equal(count_of(fixture, "INBOX"), 1);
}

static void test_many_go_in_batches(void **state)
{
    struct fixture *fixture = *state;
    enum { MANY = EXPIRE_BATCH + 20 };
    set_limits(fixture, 1, 0, 0);
    for (int i = 0; i < MANY; i++)
        append(fixture, folder_of(fixture, "Trash"), small_message);
    clock_shift(2 * CLOCK_DAY);
    expire(fixture);
    clock_shift(-2 * CLOCK_DAY);
    assert_int_equal(count_of(fixture, "Trash"), 0);
}

static void test_sessions_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct view *view;
    set_limits(fixture, 1, 0, 0);
    append(fixture, folder_of(fixture, "Trash"), small_message);
    OK(view_open(fixture->account, folder_of(fixture, "Trash"), true, &view, &fixture->error));
    clock_shift(2 * CLOCK_DAY);
    expire(fixture);
    clock_shift(-2 * CLOCK_DAY);
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    OK(view_sync(view, true, &changes, &fixture->error));
    assert_int_equal(changes.expunged_count, 1);
    view_close(view);
}

/* --- visits --- */

static size_t due_count(struct fixture *fixture, struct due *due)
{
    struct account_id ids[DUE_VISITS_MAX];
    size_t count = 0;
    OK(due_find(due, clock_wall_us(), ids, &count, &fixture->error));
    return count;
}

/* Nobody opens the account: it is visited when something is due, and not before. */
static void test_closed_account_is_visited_when_it_is_due(void **state)
{
    struct fixture *fixture = *state;
    struct due *due;
    set_limits(fixture, 30, 0, 0);
    OK(due_open(fixture->store, &due, &fixture->error));
    clock_shift(2 * CLOCK_DAY); /* the first visits of all are spread over a day */
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    append(fixture, folder_of(fixture, "Trash"), small_message);
    account_unref(take(fixture->account));
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    assert_int_equal(due_count(fixture, due), 0);
    clock_shift((DUE_DAYS_MAX + 1) * CLOCK_DAY);
    assert_int_equal(due_count(fixture, due), 1);
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    assert_int_equal(due_count(fixture, due), 0);
    OK(store_account(fixture->store, test_account, &fixture->account, &fixture->error));
    assert_int_equal(count_of(fixture, "Trash"), 1);
    account_unref(take(fixture->account));
    for (int days = DUE_DAYS_MAX + 1; days < 32; days++) {
        clock_shift(CLOCK_DAY);
        OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    }
    OK(store_account(fixture->store, test_account, &fixture->account, &fixture->error));
    assert_int_equal(count_of(fixture, "Trash"), 0);
    clock_shift(-34 * CLOCK_DAY);
    due_close(due);
}

/* What was deleted by a session of a second goes too, without anybody coming again. */
static void test_first_change_after_a_visit_is_noted(void **state)
{
    struct fixture *fixture = *state;
    struct due *due;
    fixture->limits.undelete_keep_s = 86400;
    OK(due_open(fixture->store, &due, &fixture->error));
    clock_shift(2 * CLOCK_DAY);
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    append(fixture, fixture->inbox.id, small_message);
    CLEANUP(uid_set_release) struct uid_set one = range(1, 1);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    OK(message_expunge(fixture->account, fixture->inbox.id, &one, false, &removed, &fixture->error));
    account_unref(take(fixture->account));
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    assert_int_equal(due_count(fixture, due), 0);
    clock_shift(CLOCK_DAY + CLOCK_HOUR);
    assert_int_equal(due_count(fixture, due), 1);
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    clock_shift(-3 * CLOCK_DAY - CLOCK_HOUR);
    OK(store_account(fixture->store, test_account, &fixture->account, &fixture->error));
    struct account_usage usage;
    OK(account_usage(fixture->account, &usage, &fixture->error));
    assert_int_equal(usage.deleted_messages, 0);
    due_close(due);
}

static void test_new_limits_bring_a_visit(void **state)
{
    struct fixture *fixture = *state;
    struct due *due;
    append(fixture, folder_of(fixture, "Trash"), small_message);
    OK(due_open(fixture->store, &due, &fixture->error));
    clock_shift(3 * CLOCK_DAY);
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    account_unref(take(fixture->account));
    set_limits(fixture, 1, 0, 0);
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    clock_shift(-3 * CLOCK_DAY);
    OK(store_account(fixture->store, test_account, &fixture->account, &fixture->error));
    assert_int_equal(count_of(fixture, "Trash"), 0);
    due_close(due);
}

static void test_account_that_is_gone_is_forgotten(void **state)
{
    struct fixture *fixture = *state;
    struct due *due;
    OK(store_account_create(fixture->store, (struct account_id){7}, &fixture->error));
    OK(due_open(fixture->store, &due, &fixture->error));
    OK(store_account_remove(fixture->store, (struct account_id){7}, &fixture->error));
    clock_shift(2 * CLOCK_DAY);
    assert_int_equal(due_count(fixture, due), 2);
    OK(tidy_due(fixture->store, due, &go_on, &fixture->error));
    clock_shift(100 * CLOCK_DAY);
    assert_int_equal(due_count(fixture, due), 1);
    clock_shift(-102 * CLOCK_DAY);
    due_close(due);
}

static void test_visits_are_neither_too_many_nor_too_few(void **state)
{
    (void)state;
    const int64_t now = 1000 * CLOCK_DAY;
    assert_int_equal(due_after_visit(now, INT64_MAX), now + DUE_DAYS_MAX * CLOCK_DAY);
    assert_int_equal(due_after_visit(now, now + 1), now + DUE_HOURS_MIN * CLOCK_HOUR);
    assert_int_equal(due_after_visit(now, now + CLOCK_DAY), now + CLOCK_DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_nothing_goes_unless_asked_for),
        STORE_TEST(test_time_begins_in_the_folder),
        STORE_TEST(test_folder_moved_into_trash_has_its_time),
        STORE_TEST(test_what_pop3_fetched_goes),
        STORE_TEST(test_what_was_fetched_and_moved_stays),
        STORE_TEST(test_pop3_keeps_a_day_at_least),
        STORE_TEST(test_many_go_in_batches),
        STORE_TEST(test_sessions_are_told),
        STORE_TEST(test_closed_account_is_visited_when_it_is_due),
        STORE_TEST(test_first_change_after_a_visit_is_noted),
        STORE_TEST(test_new_limits_bring_a_visit),
        STORE_TEST(test_account_that_is_gone_is_forgotten),
        cmocka_unit_test(test_visits_are_neither_too_many_nor_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
