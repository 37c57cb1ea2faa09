/* \Seen for each person apart: what model_test.c does not try at random. */
#include "store/seen.h"

#include "store/account.h"
#include "store/testing.h"

static const struct account_id bob = {7};
static const struct account_id carl = {8};

static uint32_t unseen_of(struct fixture *fixture, struct folder_id id, struct account_id person)
{
    struct folder folder = get_folder(fixture, id);
    OK(seen_count(fixture->account, person, &folder, &fixture->error));
    return folder.unseen;
}

static enum err try_seen(struct fixture *fixture, struct folder_id folder, struct account_id person, bool on,
                         uint32_t first, uint32_t last)
{
    CLEANUP(uid_set_release) struct uid_set uids = range(first, last);
    CLEANUP(flag_result_release) struct flag_result result = {0};
    const struct flag_order order = {.how = on ? FLAGS_ADD : FLAGS_REMOVE,
                                     .flags = {{1U << FLAG_SEEN}},
                                     .may = FLAGS_ALL,
                                     .person = person};
    return message_flags_order(fixture->account, folder, &uids, &order, &result, &fixture->error);
}

static void mark(struct fixture *fixture, struct folder_id folder, struct account_id person, uint32_t first,
                 uint32_t last)
{
    OK(try_seen(fixture, folder, person, true, first, last));
}

static void fill(struct fixture *fixture, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        append(fixture, fixture->inbox.id, small_message);
}

static int64_t number_of(struct fixture *fixture, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(fixture->account->database.sqlite, sql, -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static void test_begins_as_things_stand_and_ends_as_the_owner_has_it(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id inbox = fixture->inbox.id;
    fill(fixture, 4);
    mark(fixture, inbox, (struct account_id){0}, 1, 1);
    OK(seen_set_apart(fixture->account, inbox, true, &fixture->error));
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM seen"), 0);
    mark(fixture, inbox, bob, 2, 3);
    mark(fixture, inbox, test_account, 4, 4);
    append(fixture, inbox, small_message);
    assert_int_equal(unseen_of(fixture, inbox, bob), 2);
    assert_int_equal(unseen_of(fixture, inbox, carl), 4);
    assert_int_equal(unseen_of(fixture, inbox, (struct account_id){0}), 3);
    fixture_again(fixture);
    assert_int_equal(unseen_of(fixture, inbox, bob), 2);
    OK(seen_set_apart(fixture->account, inbox, false, &fixture->error));
    assert_int_equal(unseen_of(fixture, inbox, bob), 3);
    assert_int_equal(get_folder(fixture, inbox).unseen, 3);
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM seen"), 0);
    account_check_invariants(fixture->account);
}

static void test_one_person_too_many_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id inbox = fixture->inbox.id;
    fill(fixture, 2);
    OK(seen_set_apart(fixture->account, inbox, true, &fixture->error));
    for (unsigned i = 1; i <= SEEN_PEOPLE_MAX; i++)
        mark(fixture, inbox, (struct account_id){i}, 1, 1);
    assert_int_equal(try_seen(fixture, inbox, (struct account_id){SEEN_PEOPLE_MAX + 1}, true, 1, 1),
                     ERR_LIMIT);
    /* Those that there are go on; and whoever only looks. */
    mark(fixture, inbox, (struct account_id){1}, 2, 2);
    assert_int_equal(unseen_of(fixture, inbox, (struct account_id){SEEN_PEOPLE_MAX + 1}), 2);
    account_check_invariants(fixture->account);
}

/* What has come and gone must not make a set longer. */
static void test_sets_stay_short(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id inbox = fixture->inbox.id;
    OK(seen_set_apart(fixture->account, inbox, true, &fixture->error));
    for (unsigned i = 0; i < 200; i++) {
        uint32_t uid = append(fixture, inbox, small_message);
        if (i % 3 == 0)
            mark(fixture, inbox, bob, uid, uid);
        if (i % 2 == 0) {
            CLEANUP(uid_set_release) struct uid_set gone = range(uid, uid);
            CLEANUP(uid_set_release) struct uid_set removed = {0};
            OK(message_expunge(fixture->account, inbox, &gone, false, &removed, &fixture->error));
        }
    }
    mark(fixture, inbox, bob, 1, UINT32_MAX);
    append(fixture, inbox, small_message);
    OK(try_seen(fixture, inbox, bob, false, 1, 2));
    CLEANUP(uid_set_release) struct uid_set rest = range(5, 190);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    OK(message_expunge(fixture->account, inbox, &rest, false, &removed, &fixture->error));
    account_check_invariants(fixture->account);
    assert_in_range(number_of(fixture, "SELECT length(uids) FROM seen"), 1, 20);
    assert_int_equal(unseen_of(fixture, inbox, bob), 2);
}

static void test_folders_made_below_and_a_renamed_inbox_are_alike(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id team = make_folder(fixture, "Team");
    OK(seen_set_apart(fixture->account, team, true, &fixture->error));
    struct folder_id below = make_folder(fixture, "Team/2026");
    assert_true(get_folder(fixture, below).seen_apart);
    assert_false(get_folder(fixture, make_folder(fixture, "Other")).seen_apart);
    fill(fixture, 3);
    OK(seen_set_apart(fixture->account, fixture->inbox.id, true, &fixture->error));
    mark(fixture, fixture->inbox.id, bob, 2, 2);
    OK(folder_rename(fixture->account, S("INBOX"), S("Old"), &fixture->error));
    struct folder old;
    OK(folder_find(fixture->account, S("Old"), &fixture->arena, &old, &fixture->error));
    assert_true(old.seen_apart);
    assert_int_equal(unseen_of(fixture, old.id, bob), 2);
    assert_int_equal(unseen_of(fixture, old.id, carl), 3);
    assert_int_equal(unseen_of(fixture, fixture->inbox.id, bob), 0);
    account_check_invariants(fixture->account);
}

static void test_a_deleted_folder_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id team = make_folder(fixture, "Team");
    make_folder(fixture, "Team/2026");
    append(fixture, team, small_message);
    OK(seen_set_apart(fixture->account, team, true, &fixture->error));
    mark(fixture, team, bob, 1, 1);
    OK(folder_delete(fixture->account, S("Team"), &fixture->error));
    assert_int_equal(number_of(fixture, "SELECT count(*) FROM seen"), 0);
    assert_false(get_folder(fixture, make_folder(fixture, "Team")).seen_apart);
    account_check_invariants(fixture->account);
    assert_int_equal(seen_set_apart(fixture->account, (struct folder_id){999}, true, &fixture->error),
                     ERR_NOT_FOUND);
}

static void test_a_replaced_message_counts_no_longer(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id inbox = fixture->inbox.id;
    struct append_result result;
    struct append_item item = {
        .folder = inbox, .person = bob, .body = small_message, .flags = {{1U << FLAG_SEEN}}};
    fill(fixture, 3);
    mark(fixture, inbox, (struct account_id){0}, 1, 3);
    OK(seen_set_apart(fixture->account, inbox, true, &fixture->error));
    /* The set begins in the transaction that takes a seen message away. */
    OK(message_replace(fixture->account, &item, inbox, (struct uid){2}, &result, &fixture->error));
    assert_int_equal(unseen_of(fixture, inbox, bob), 0);
    assert_int_equal(unseen_of(fixture, inbox, carl), 1);
    OK(message_replace(fixture->account, &item, inbox, (struct uid){1}, &result, &fixture->error));
    assert_int_equal(unseen_of(fixture, inbox, bob), 0);
    account_check_invariants(fixture->account);
}

static void test_without_the_right_nothing_seen_is_copied(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id team = make_folder(fixture, "Team");
    CLEANUP(uid_set_release) struct uid_set all = range(1, 9);
    CLEANUP(copy_result_release) struct copy_result copied = {0};
    struct copy_order order = {.keep = FLAGS_ALL, .person = bob};
    flag_clear(&order.keep, FLAG_SEEN);
    fill(fixture, 2);
    mark(fixture, fixture->inbox.id, (struct account_id){0}, 1, 1);
    OK(seen_set_apart(fixture->account, fixture->inbox.id, true, &fixture->error));
    mark(fixture, fixture->inbox.id, bob, 2, 2);
    OK(seen_set_apart(fixture->account, team, true, &fixture->error));
    OK(message_copy_order(fixture->account, fixture->inbox.id, &all, team, &order, &copied, &fixture->error));
    assert_int_equal(unseen_of(fixture, team, bob), 2);
    assert_int_equal(unseen_of(fixture, team, carl), 2);
    account_check_invariants(fixture->account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_begins_as_things_stand_and_ends_as_the_owner_has_it),
        STORE_TEST(test_one_person_too_many_is_refused),
        STORE_TEST(test_sets_stay_short),
        STORE_TEST(test_folders_made_below_and_a_renamed_inbox_are_alike),
        STORE_TEST(test_a_deleted_folder_leaves_nothing),
        STORE_TEST(test_a_replaced_message_counts_no_longer),
        STORE_TEST(test_without_the_right_nothing_seen_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
