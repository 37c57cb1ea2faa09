#include "store/share.h"

#include <sqlite3.h>

#include "store/check.h"
#include "store/testing.h"

static const struct slice anna = {"account:0000000000000001", 24};
static const struct slice team = {"group:team@example.org", 22};
static const struct slice anyone = {"anyone", 6};

static void change(struct fixture *fixture, struct folder_id folder, struct slice grantee, enum share_how how,
                   const char *letters)
{
    unsigned rights = 0;
    char unknown;
    assert_true(rights_parse(slice_cstr(letters), &rights, &unknown));
    OK(share_change(fixture->account, folder, grantee, how, rights, &fixture->error));
}

/* "anyone lr, group:team@example.org lrs" */
static void assert_list(struct fixture *fixture, struct folder_id folder, const char *wanted)
{
    struct share_entry *entries;
    size_t count;
    CLEANUP(buf_release) struct buf text = BUF(10000);
    OK(share_list(fixture->account, folder, &fixture->arena, &entries, &count, &fixture->error));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s ", i > 0 ? ", " : "", SLICE_ARGS(entries[i].grantee));
        rights_put(&text, entries[i].rights, false);
    }
    assert_string_equal(buf_cstr(&text), wanted);
}

static void assert_rights(struct fixture *fixture, struct folder_id folder, const char *wanted)
{
    const struct slice person[] = {anyone, anna, team};
    unsigned rights = 0;
    CLEANUP(buf_release) struct buf text = BUF(100);
    OK(share_rights(fixture->account, folder, person, ARRAY_LEN(person), &rights, &fixture->error));
    rights_put(&text, rights, true);
    assert_string_equal(buf_cstr(&text) != NULL ? buf_cstr(&text) : "", wanted);
}

static void test_letters_are_rights(void **state)
{
    (void)state;
    unsigned rights;
    char unknown = 0;
    assert_true(rights_parse(S("lrswipkxtea"), &rights, &unknown));
    assert_int_equal(rights, RIGHTS_ALL);
    assert_true(rights_parse(S("c"), &rights, &unknown));
    assert_int_equal(rights, RIGHT_CREATE | RIGHT_DELETE);
    assert_true(rights_parse(S("dd"), &rights, &unknown));
    assert_int_equal(rights, RIGHT_TRASH | RIGHT_EXPUNGE);
    assert_false(rights_parse(S("lrq"), &rights, &unknown));
    assert_int_equal(unknown, 'q');
    assert_false(rights_parse(S("L"), &rights, &unknown));
    assert_false(rights_parse(S("l0"), &rights, &unknown));
}

static void test_old_letters_come_with_theirs(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(100);
    rights_put(&text, RIGHT_LOOKUP | RIGHT_DELETE | RIGHT_EXPUNGE, true);
    assert_string_equal(buf_cstr(&text), "lxecd");
}

static void test_rights_are_given_changed_and_taken(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Plans");
    change(fixture, folder, anna, SHARE_REPLACE, "lr");
    change(fixture, folder, anna, SHARE_ADD, "sw");
    change(fixture, folder, anna, SHARE_REMOVE, "r");
    change(fixture, folder, anyone, SHARE_REPLACE, "l");
    assert_list(fixture, folder, "account:0000000000000001 lsw, anyone l");
    change(fixture, folder, anna, SHARE_REMOVE, "lswa");
    assert_list(fixture, folder, "anyone l");
}

static void test_a_change_has_a_number_and_no_change_has_none(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Plans");
    struct account_state before;
    struct account_state after;
    OK(account_state(fixture->account, &before, &fixture->error));
    uint64_t generation = share_generation(fixture->account);
    change(fixture, folder, anna, SHARE_ADD, "lr");
    OK(account_state(fixture->account, &after, &fixture->error));
    assert_int_equal(after.change.v, before.change.v + 1);
    assert_int_not_equal(share_generation(fixture->account), generation);
    generation = share_generation(fixture->account);
    change(fixture, folder, anna, SHARE_ADD, "l");
    OK(account_state(fixture->account, &before, &fixture->error));
    assert_int_equal(after.change.v, before.change.v);
    assert_int_equal(share_generation(fixture->account), generation);
}

static void test_a_person_has_what_all_his_names_have(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Plans");
    assert_rights(fixture, folder, "");
    change(fixture, folder, anyone, SHARE_REPLACE, "l");
    change(fixture, folder, team, SHARE_REPLACE, "rte");
    change(fixture, folder, anna, SHARE_REPLACE, "s");
    change(fixture, folder, S("account:0000000000000002"), SHARE_REPLACE, "a");
    assert_rights(fixture, folder, "lrsted");
}

static void test_negative_rights_win(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Plans");
    change(fixture, folder, anna, SHARE_REPLACE, "lrswi");
    change(fixture, folder, S("-anyone"), SHARE_REPLACE, "w");
    change(fixture, folder, S("-group:team@example.org"), SHARE_REPLACE, "i");
    change(fixture, folder, S("-account:0000000000000002"), SHARE_REPLACE, "lrs");
    assert_rights(fixture, folder, "lrs");
}

static void test_a_child_takes_over_its_parents_list(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id parent = make_folder(fixture, "Plans");
    change(fixture, parent, anna, SHARE_REPLACE, "lr");
    struct folder_id child = make_folder(fixture, "Plans/2026/May");
    assert_list(fixture, child, "account:0000000000000001 lr");
    change(fixture, parent, anna, SHARE_REPLACE, "");
    assert_list(fixture, child, "account:0000000000000001 lr");
}

static void test_a_list_stays_at_a_rename_and_goes_with_its_folder(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Plans");
    struct folder_id child = make_folder(fixture, "Plans/May");
    change(fixture, folder, anna, SHARE_REPLACE, "lr");
    change(fixture, child, anna, SHARE_REPLACE, "r");
    OK(folder_rename(fixture->account, S("Plans"), S("Projects"), &fixture->error));
    assert_list(fixture, folder, "account:0000000000000001 lr");
    assert_list(fixture, child, "account:0000000000000001 r");
    OK(folder_delete(fixture->account, S("Projects"), &fixture->error));
    assert_list(fixture, folder, ""); /* its name is still in the tree */
    OK(folder_delete(fixture->account, S("Projects/May"), &fixture->error));
    assert_list(fixture, child, "");
}

static void test_only_folders_with_a_right_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id plans = make_folder(fixture, "Plans");
    struct folder_id may = make_folder(fixture, "Plans/May");
    struct folder_id secret = make_folder(fixture, "Secret");
    const struct slice person[] = {anyone, anna};
    struct share_folder *folders;
    size_t count;
    OK(share_folders(fixture->account, person, 2, &fixture->arena, &folders, &count, &fixture->error));
    assert_int_equal(count, 0);
    change(fixture, may, anna, SHARE_REPLACE, "lr");
    change(fixture, plans, anyone, SHARE_REPLACE, "l");
    change(fixture, secret, team, SHARE_REPLACE, "lr");
    OK(share_folders(fixture->account, person, 2, &fixture->arena, &folders, &count, &fixture->error));
    assert_int_equal(count, 2);
    assert_true(slice_eq(folders[0].folder.path, S("Plans")));
    assert_int_equal(folders[0].rights, RIGHT_LOOKUP);
    assert_true(slice_eq(folders[1].folder.path, S("Plans/May")));
    assert_int_equal(folders[1].rights, RIGHT_LOOKUP | RIGHT_READ);
}

static void test_grantees_are_told_once_and_without_negative_ones(void **state)
{
    struct fixture *fixture = *state;
    struct slice *grantees;
    size_t count;
    change(fixture, make_folder(fixture, "A"), anna, SHARE_REPLACE, "lr");
    change(fixture, make_folder(fixture, "B"), anna, SHARE_REPLACE, "lr");
    change(fixture, make_folder(fixture, "C"), S("-anyone"), SHARE_REPLACE, "lr");
    OK(share_grantees(fixture->account, &fixture->arena, &grantees, &count, &fixture->error));
    assert_int_equal(count, 1);
    assert_true(slice_eq(grantees[0], anna));
}

static void test_limits_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Plans");
    char name[SHARE_GRANTEE_MAX + 2];
    for (int i = 0; i < SHARE_ENTRIES_MAX; i++) {
        snprintf(name, sizeof(name), "account:%016x", (unsigned)i);
        change(fixture, folder, slice_cstr(name), SHARE_REPLACE, "l");
    }
    assert_int_equal(share_change(fixture->account, folder, anyone, SHARE_ADD, RIGHT_READ, &fixture->error),
                     ERR_LIMIT);
    change(fixture, folder, slice_cstr(name), SHARE_ADD, "r");
    memset(name, 'x', sizeof(name));
    assert_int_equal(share_change(fixture->account, folder, slice_of(name, SHARE_GRANTEE_MAX + 1), SHARE_ADD,
                                  RIGHT_READ, &fixture->error),
                     ERR_INVALID);
    assert_int_equal(share_change(fixture->account, (struct folder_id){999}, anyone, SHARE_ADD, RIGHT_READ,
                                  &fixture->error),
                     ERR_NOT_FOUND);
}

static void test_views_hear_of_a_change(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Plans");
    struct view *view;
    OK(view_open(fixture->account, folder, true, &view, &fixture->error));
    assert_false(view_pending(view));
    change(fixture, folder, anna, SHARE_REPLACE, "lr");
    assert_true(view_pending(view));
    view_close(view);
}

/* --- check and repair --- */

static void count_finding(void *context, const struct check_finding *finding)
{
    if (strcmp(finding->what, "share") == 0)
        ++*(unsigned *)context;
}

static unsigned check_shares(struct fixture *fixture, bool repair)
{
    unsigned found = 0;
    struct check_result result;
    const struct check_options options = {.repair = repair, .report = count_finding, .context = &found};
    account_unref(fixture->account);
    OK(check_account(fixture->store, test_account, &options, &result, &fixture->error));
    fixture_account(fixture);
    return found;
}

static void spoil(struct fixture *fixture, const char *sql)
{
    char path[200];
    sqlite3 *sqlite;
    account_unref(fixture->account);
    store_close(fixture->store);
    snprintf(path, sizeof(path), "%s/accounts/12/1234567890abcdef/account.db", fixture->directory);
    assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(sqlite);
    fixture_open(fixture);
    fixture_account(fixture);
}

static void test_a_repair_keeps_good_lists_and_removes_bad_ones(void **state)
{
    struct fixture *fixture = *state;
    struct folder_id folder = make_folder(fixture, "Plans");
    change(fixture, folder, anna, SHARE_REPLACE, "lr");
    assert_int_equal(check_shares(fixture, false), 0);
    spoil(fixture, "INSERT INTO share VALUES (999, 'anyone', 'lr'); "
                   "INSERT INTO share SELECT id, 'anyone', 'lrQ' FROM folder WHERE name = 'Plans'");
    assert_int_equal(check_shares(fixture, false), 2);
    assert_int_equal(check_shares(fixture, true), 2);
    assert_int_equal(check_shares(fixture, false), 0);
    assert_list(fixture, folder, "account:0000000000000001 lr");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters_are_rights),
        cmocka_unit_test(test_old_letters_come_with_theirs),
        STORE_TEST(test_rights_are_given_changed_and_taken),
        STORE_TEST(test_a_change_has_a_number_and_no_change_has_none),
        STORE_TEST(test_a_person_has_what_all_his_names_have),
        STORE_TEST(test_negative_rights_win),
        STORE_TEST(test_a_child_takes_over_its_parents_list),
        STORE_TEST(test_a_list_stays_at_a_rename_and_goes_with_its_folder),
        STORE_TEST(test_only_folders_with_a_right_are_told),
        STORE_TEST(test_grantees_are_told_once_and_without_negative_ones),
        STORE_TEST(test_limits_are_kept),
        STORE_TEST(test_views_hear_of_a_change),
        STORE_TEST(test_a_repair_keeps_good_lists_and_removes_bad_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
