#include "directory/directory.h"

#include <sys/stat.h>

#include "directory/inside.h"
#include "directory/test.h"

static void assert_client(struct fixture *t, enum err code, enum err expected, const char *text)
{
    assert_int_equal(code, expected);
    assert_string_equal(t->error.client, text);
}

static enum err add(struct fixture *t, const char *address)
{
    struct account_new account = {.address = slice_cstr(address)};
    struct account_id id;
    return account_entry_add(t->directory, &account, &id, &t->error);
}

static struct account_entry find(struct fixture *t, const char *address)
{
    struct account_entry entry = {0};
    ASSERT_OK(t, account_entry_find(t->directory, slice_cstr(address), &t->arena, &entry, &t->error));
    return entry;
}

static void test_plans(void **state)
{
    struct fixture *t = *state;
    struct plan plan;
    ASSERT_OK(t, directory_plan(t->directory, S("pop3"), &t->arena, &plan, &t->error));
    assert_int_equal(plan.doors, DOOR_POP3 | DOOR_SUBMISSION | DOOR_WEB);
    assert_int_equal(plan.quota_bytes, 1 << 30);
    ASSERT_OK(t, directory_plan(t->directory, S("imap"), &t->arena, &plan, &t->error));
    assert_int_equal(plan.doors,
                     DOOR_POP3 | DOOR_SUBMISSION | DOOR_WEB | DOOR_IMAP | DOOR_MANAGESIEVE | DOOR_JMAP);
    ASSERT_OK(t, directory_plan(t->directory, S("exchange"), &t->arena, &plan, &t->error));
    assert_int_equal(plan.doors, 511);
    assert_int_equal(directory_plan(t->directory, S("gold"), &t->arena, &plan, &t->error), ERR_NOT_FOUND);
}

static struct plan plan(struct fixture *t, const char *name)
{
    struct plan found = {0};
    ASSERT_OK(t, directory_plan(t->directory, slice_cstr(name), &t->arena, &found, &t->error));
    return found;
}

static void test_plans_come_change_and_go(void **state)
{
    struct fixture *t = *state;
    struct plan_changes changes = PLAN_CHANGES_NONE;
    struct account_new account = {.address = S("anna@demo.example"), .plan = S("small")};
    struct account_id id;
    make_domain(t, "demo.example");
    assert_int_equal(plan_add(t->directory, S("small"), &changes, &t->error), ERR_INVALID); /* no doors */
    changes.doors = DOOR_POP3;
    changes.quota_max = 1 << 30;
    assert_int_equal(plan_add(t->directory, S("Small"), &changes, &t->error), ERR_INVALID);
    assert_int_equal(plan_add(t->directory, S("a1234567890123456789012345678901x"), &changes, &t->error),
                     ERR_INVALID);
    ASSERT_OK(t, plan_add(t->directory, S("small"), &changes, &t->error));
    assert_int_equal(plan_add(t->directory, S("small"), &changes, &t->error), ERR_EXISTS);
    assert_int_equal(plan(t, "small").quota_bytes, 1 << 30);
    ASSERT_OK(t, account_entry_add(t->directory, &account, &id, &t->error));
    assert_int_equal(find(t, "anna@demo.example").doors, DOOR_POP3);
    assert_client(t, plan_remove(t->directory, S("small"), &t->error), ERR_BUSY,
                  "1 accounts have the plan small; give them another one first");
    changes = PLAN_CHANGES_NONE;
    changes.doors = DOOR_IMAP | DOOR_SUBMISSION;
    ASSERT_OK(t, plan_set(t->directory, S("small"), &changes, &t->error));
    assert_int_equal(find(t, "anna@demo.example").doors, DOOR_IMAP | DOOR_SUBMISSION);
    assert_int_equal(find(t, "anna@demo.example").quota_bytes, 1 << 30);
    assert_int_equal(plan_set(t->directory, S("gold"), &changes, &t->error), ERR_NOT_FOUND);
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@demo.example"), &t->error));
    ASSERT_OK(t, plan_remove(t->directory, S("small"), &t->error));
    assert_int_equal(plan_remove(t->directory, S("small"), &t->error), ERR_NOT_FOUND);
}

static void test_no_account_has_more_than_its_plan_allows(void **state)
{
    struct fixture *t = *state;
    struct plan_changes most = PLAN_CHANGES_NONE;
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    most.quota_max = UINT64_C(20) << 30;
    ASSERT_OK(t, plan_set(t->directory, S("imap"), &most, &t->error));
    changes.quota_bytes = most.quota_max + 1;
    assert_client(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error), ERR_LIMIT,
                  "that is more than the plan \"imap\" allows; `posthorn plan show imap` says how much");
    changes.quota_bytes = most.quota_max;
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    assert_int_equal(find(t, "anna@demo.example").quota_bytes, most.quota_max);
    most.quota_max = UINT64_C(15) << 30; /* holds for those who had more */
    ASSERT_OK(t, plan_set(t->directory, S("imap"), &most, &t->error));
    assert_int_equal(find(t, "anna@demo.example").quota_bytes, most.quota_max);
    most.quota_max = UINT64_C(5) << 30; /* less than the default */
    assert_int_equal(plan_set(t->directory, S("imap"), &most, &t->error), ERR_INVALID);
    changes = ACCOUNT_CHANGES_NONE;
    changes.name = S("Anna");
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
}

static bool is_local(struct fixture *t, const char *name)
{
    bool local;
    ASSERT_OK(t, domain_is_local(t->directory, slice_cstr(name), &local, &t->error));
    return local;
}

static void test_domains_come_and_go(void **state)
{
    struct fixture *t = *state;
    struct domain_id id;
    assert_false(is_local(t, "demo.example"));
    make_domain(t, "Demo.example");
    assert_true(is_local(t, "DEMO.EXAMPLE"));
    assert_client(t, domain_add(t->directory, S("demo.example"), &id, &t->error), ERR_EXISTS,
                  "the domain demo.example exists already");
    make_account(t, "anna@demo.example", "secret");
    assert_int_equal(domain_remove(t->directory, S("demo.example"), &t->error), ERR_BUSY);
    struct domain *domains;
    size_t count;
    ASSERT_OK(t, domain_list(t->directory, &t->arena, &domains, &count, &t->error));
    assert_int_equal(count, 1);
    assert_int_equal(domains[0].accounts, 1);
    ASSERT_SLICE(domains[0].name, "demo.example");
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@demo.example"), &t->error));
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "x@other.example", NULL));
    assert_int_equal(domain_remove(t->directory, S("demo.example"), &t->error), ERR_BUSY);
    ASSERT_OK(t, alias_remove(t->directory, S("info@demo.example"), &t->error));
    ASSERT_OK(t, domain_remove(t->directory, S("demo.example"), &t->error));
    assert_false(is_local(t, "demo.example"));
    assert_false(is_local(t, "no domain"));
    assert_int_equal(domain_remove(t->directory, S("demo.example"), &t->error), ERR_NOT_FOUND);
}

static void test_errors_say_what_to_do(void **state)
{
    struct fixture *t = *state;
    assert_client(t, add(t, "anna@demo.example"), ERR_NOT_FOUND,
                  "there is no domain demo.example; make it with: posthorn domain add demo.example");
    make_domain(t, "demo.example");
    assert_int_equal(add(t, "anna@demo.example"), ERR_OK);
    assert_client(t, add(t, "ANNA@demo.example"), ERR_EXISTS, "anna@demo.example is an account already");
    assert_int_equal(set_alias(t, "anna@demo.example", false, "x@other.example", NULL), ERR_EXISTS);
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "anna@demo.example", NULL));
    assert_client(t, add(t, "info@demo.example"), ERR_EXISTS, "info@demo.example is an alias already");
    struct account_entry entry;
    assert_client(t, account_entry_find(t->directory, S("info@demo.example"), &t->arena, &entry, &t->error),
                  ERR_NOT_FOUND, "info@demo.example is an alias, not an account");
}

static void test_fields_are_kept_and_changed(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    struct account_new account = {
        .address = S("Anna@demo.example"), .name = S("Anna B"), .plan = S("pop3"), .language = S("de")};
    struct account_id id;
    ASSERT_OK(t, account_entry_add(t->directory, &account, &id, &t->error));
    struct account_entry entry = find(t, "anna@demo.example");
    ASSERT_SLICE(entry.address, "Anna@demo.example");
    ASSERT_SLICE(entry.name, "Anna B");
    assert_int_equal(entry.quota_bytes, 1 << 30);
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    changes.plan = S("exchange");
    changes.quota_messages = 5;
    changes.enabled = 0;
    changes.capabilities_off = S("move, Idle,MOVE");
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    fixture_reopen(t);
    ASSERT_OK(t, account_entry_get(t->directory, id, &t->arena, &entry, &t->error));
    ASSERT_SLICE(entry.name, "Anna B");
    ASSERT_SLICE(entry.language, "de");
    assert_int_equal(entry.doors, 511);
    assert_int_equal(entry.quota_bytes, UINT64_C(10) << 30);
    assert_int_equal(entry.quota_messages, 5);
    assert_false(entry.enabled);
    ASSERT_SLICE(entry.capabilities_off, "MOVE IDLE");
    changes = ACCOUNT_CHANGES_NONE;
    changes.name = S("Anna C");
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    ASSERT_SLICE(find(t, "anna@demo.example").capabilities_off, "MOVE IDLE");
    changes.capabilities_off = S("");
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    ASSERT_SLICE(find(t, "anna@demo.example").capabilities_off, "");
    changes.capabilities_off = S("\xff");
    assert_int_equal(account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error),
                     ERR_INVALID);
    char long_name[CAPABILITIES_OFF_MAX + 1];
    memset(long_name, 'A', sizeof(long_name));
    changes.capabilities_off = slice_of(long_name, CAPABILITIES_OFF_MAX + 1);
    assert_int_equal(account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error), ERR_LIMIT);
    changes.capabilities_off.n--;
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    changes = ACCOUNT_CHANGES_NONE;
    changes.plan = S("gold");
    assert_int_equal(account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error),
                     ERR_NOT_FOUND);
    changes = ACCOUNT_CHANGES_NONE;
    changes.language = S("fr");
    assert_int_equal(account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error),
                     ERR_INVALID);
    char name[256] = {0};
    memset(name, 'n', sizeof(name));
    changes = ACCOUNT_CHANGES_NONE;
    changes.name = slice_of(name, 255);
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    changes.name = slice_of(name, 256);
    assert_int_equal(account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error), ERR_LIMIT);
}

static void test_many_are_all_or_none(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    struct account_new accounts[3] = {
        {.address = S("a@demo.example"), .password = S("x"), .quick_hash = true},
        {.address = S("b@demo.example")},
        {.address = S("a@demo.example")}};
    struct account_id ids[3];
    size_t bad = 9;
    assert_int_equal(account_entry_add_many(t->directory, accounts, 3, ids, &bad, &t->error), ERR_EXISTS);
    assert_int_equal(bad, 2);
    accounts[1].hash = S("nonsense");
    assert_int_equal(account_entry_add_many(t->directory, accounts, 2, ids, &bad, &t->error), ERR_INVALID);
    assert_int_equal(bad, 1);
    struct account_entry entry;
    assert_int_equal(account_entry_find(t->directory, S("a@demo.example"), &t->arena, &entry, &t->error),
                     ERR_NOT_FOUND);
    ASSERT_OK(t, account_entry_add_many(t->directory, accounts, 1, ids, &bad, &t->error));
    assert_int_equal(find(t, "a@demo.example").id.v, ids[0].v);
}

static void test_list_goes_on_after(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_domain(t, "other.example");
    static const char *const names[] = {"c@demo.example", "a@demo.example", "b@demo.example",
                                        "b@other.example"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(add(t, names[i]), ERR_OK);
    struct account_entry *entries;
    size_t count;
    ASSERT_OK(t, account_entry_list(t->directory, S(""), S(""), 100, &t->arena, &entries, &count, &t->error));
    assert_int_equal(count, 4);
    ASSERT_OK(t, account_entry_list(t->directory, S("demo.example"), S("A@demo.example"), 1, &t->arena,
                                    &entries, &count, &t->error));
    assert_int_equal(count, 1);
    ASSERT_SLICE(entries[0].address, "b@demo.example");
    assert_int_equal(
        account_entry_list(t->directory, S("no.example"), S(""), 1, &t->arena, &entries, &count, &t->error),
        ERR_NOT_FOUND);
}

static enum err rename_account(struct fixture *t, const char *from, const char *to)
{
    struct account_id new_id = {1};
    const struct account_rename wanted = {.from = slice_cstr(from), .to = slice_cstr(to)};
    enum err code = account_entry_rename(t->directory, &wanted, &new_id, &t->error);
    assert_int_equal(new_id.v, code == ERR_OK ? 0 : 1);
    return code;
}

static void test_rename_takes_aliases_along_and_frees_the_name(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "anna@demo.example", NULL));
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S("anna@demo.example"), &t->error));
    assert_true(directory_may_send_as(t->directory, anna, S("info@demo.example")));
    ASSERT_OK(t, rename_account(t, "anna@demo.example", "anna.b@demo.example"));
    struct account_id other = make_account(t, "anna@demo.example", "secret");
    assert_true(directory_may_send_as(t->directory, anna, S("info@demo.example")));
    assert_false(directory_may_send_as(t->directory, other, S("info@demo.example")));
    assert_false(directory_may_send_as(t->directory, anna, S("anna@demo.example")));
    assert_int_equal(find(t, "anna.b@demo.example").id.v, anna.v);
    struct route route;
    ASSERT_OK(t, directory_route(t->directory, S("nobody@demo.example"), &t->arena, &route, &t->error));
    assert_int_equal(route.accounts[0].id.v, anna.v);
    assert_int_equal(rename_account(t, "anna@demo.example", "info@demo.example"), ERR_EXISTS);
    ASSERT_OK(t, rename_account(t, "anna@demo.example", "ANNA@demo.example"));
    ASSERT_SLICE(find(t, "anna@demo.example").address, "ANNA@demo.example");
}

static void test_removed_account_leaves_no_pointers(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    make_account(t, "ben@demo.example", "secret");
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "anna@demo.example", NULL));
    ASSERT_OK(t, set_alias(t, "all@demo.example", true, "anna@demo.example", "ben@demo.example"));
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S("anna@demo.example"), &t->error));
    struct route route;
    ASSERT_OK(t, directory_route(t->directory, S("info@demo.example"), &t->arena, &route, &t->error));
    assert_int_equal(route.account_count, 1);
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@demo.example"), &t->error));
    struct alias *aliases;
    size_t count;
    ASSERT_OK(t, alias_list(t->directory, S("demo.example"), &t->arena, &aliases, &count, &t->error));
    assert_int_equal(count, 1);
    ASSERT_SLICE(aliases[0].address, "all@demo.example");
    assert_true(aliases[0].group);
    assert_int_equal(aliases[0].target_count, 1);
    ASSERT_OK(t, directory_route(t->directory, S("info@demo.example"), &t->arena, &route, &t->error));
    assert_int_equal(route.kind, ROUTE_UNKNOWN);
    assert_int_equal(account_entry_remove(t->directory, S("anna@demo.example"), &t->error), ERR_NOT_FOUND);
}

static void test_alias_limits(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    static char names[GROUP_MEMBERS_MAX + 1][32];
    static struct slice members[GROUP_MEMBERS_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        snprintf(names[i], sizeof(names[i]), "m%zu@other.example", i);
        members[i] = slice_cstr(names[i]);
    }
    struct alias group = {S("all@demo.example"), members, GROUP_MEMBERS_MAX + 1, true};
    assert_int_equal(alias_set(t->directory, &group, false, &t->error), ERR_LIMIT);
    group.target_count = GROUP_MEMBERS_MAX;
    ASSERT_OK(t, alias_set(t->directory, &group, false, &t->error));
    struct route route;
    ASSERT_OK(t, directory_route(t->directory, S("all@demo.example"), &t->arena, &route, &t->error));
    assert_int_equal(route.foreign_count, GROUP_MEMBERS_MAX);
    assert_int_equal(alias_set(t->directory, &group, false, &t->error), ERR_EXISTS);
    group.target_count = 0;
    assert_int_equal(alias_set(t->directory, &group, true, &t->error), ERR_INVALID);
    for (int i = 0; i <= ALIASES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof(name), "a%d@demo.example", i);
        assert_int_equal(set_alias(t, name, false, "anna@demo.example", NULL),
                         i < ALIASES_MAX ? ERR_OK : ERR_LIMIT);
    }
    ASSERT_OK(t,
              set_alias(t, "a0@demo.example", false, "anna@demo.example", NULL)); /* replaced, not one more */
}

static void test_key_is_secret_and_newer_database_is_refused(void **state)
{
    struct fixture *t = *state;
    char path[128];
    struct stat status;
    snprintf(path, sizeof(path), "%s/keys/credential.key", t->path);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(status.st_size, 32);
    assert_int_equal(
        sqlite3_exec(t->directory->database.sqlite, "PRAGMA user_version = 1000", NULL, NULL, NULL),
        SQLITE_OK);
    directory_close(t->directory);
    t->directory = NULL;
    assert_int_equal(directory_open(t->volume, &t->directory, &t->error), ERR_VERSION);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plans),
        TEST(test_plans_come_change_and_go),
        TEST(test_no_account_has_more_than_its_plan_allows),
        TEST(test_domains_come_and_go),
        TEST(test_errors_say_what_to_do),
        TEST(test_fields_are_kept_and_changed),
        TEST(test_many_are_all_or_none),
        TEST(test_list_goes_on_after),
        TEST(test_rename_takes_aliases_along_and_frees_the_name),
        TEST(test_removed_account_leaves_no_pointers),
        TEST(test_alias_limits),
        TEST(test_key_is_secret_and_newer_database_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
