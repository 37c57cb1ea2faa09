#include "directory/option.h"

#include "directory/inside.h"
#include "directory/test.h"

static const uint64_t at_50 = 50;

static uint64_t warn_of(struct fixture *t, const char *address, enum option_level level)
{
    struct account_entry entry = {0};
    ASSERT_OK(t, account_entry_find(t->directory, slice_cstr(address), &t->arena, &entry, &t->error));
    assert_int_equal(entry.options.from[OPTION_QUOTA_WARN], level);
    return entry.options.values[OPTION_QUOTA_WARN];
}

static void set(struct fixture *t, enum option_level level, const char *owner, const char *text)
{
    struct option_changes changes = {0};
    ASSERT_OK(t, option_parse(OPTION_QUOTA_WARN, slice_cstr(text), &changes, &t->error));
    ASSERT_OK(t, options_change(t->directory, level, slice_cstr(owner), &changes, &t->error));
}

static void test_the_nearest_level_decides(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_domain(t, "other.example");
    make_account(t, "anna@demo.example", "secret");
    make_account(t, "bert@other.example", "secret");
    assert_int_equal(warn_of(t, "anna@demo.example", LEVEL_BUILT_IN), 70 | 90 << 8);
    set(t, LEVEL_PLAN, "imap", "80");
    assert_int_equal(warn_of(t, "anna@demo.example", LEVEL_PLAN), 80);
    set(t, LEVEL_DOMAIN, "Demo.example", "off");
    assert_int_equal(warn_of(t, "anna@demo.example", LEVEL_DOMAIN), 0);
    assert_int_equal(warn_of(t, "bert@other.example", LEVEL_PLAN), 80);
    set(t, LEVEL_ACCOUNT, "ANNA@demo.example", "60,61");
    assert_int_equal(warn_of(t, "anna@demo.example", LEVEL_ACCOUNT), 60 | 61 << 8);
    fixture_reopen(t);
    assert_int_equal(warn_of(t, "anna@demo.example", LEVEL_ACCOUNT), 60 | 61 << 8);
    set(t, LEVEL_ACCOUNT, "anna@demo.example", "default");
    set(t, LEVEL_DOMAIN, "demo.example", "default");
    set(t, LEVEL_PLAN, "imap", "default");
    assert_int_equal(warn_of(t, "anna@demo.example", LEVEL_BUILT_IN), 70 | 90 << 8);
}

static void test_follows_plan_and_domain_of_the_account(void **state)
{
    struct fixture *t = *state;
    struct account_changes changes = ACCOUNT_CHANGES_NONE;
    const struct account_rename rename = {.from = S("anna@demo.example"), .to = S("anna@other.example")};
    struct account_id none;
    make_domain(t, "demo.example");
    make_domain(t, "other.example");
    make_account(t, "anna@demo.example", "secret");
    set(t, LEVEL_PLAN, "pop3", "81");
    set(t, LEVEL_DOMAIN, "other.example", "82");
    changes.plan = S("pop3");
    ASSERT_OK(t, account_entry_set(t->directory, S("anna@demo.example"), &changes, &t->error));
    assert_int_equal(warn_of(t, "anna@demo.example", LEVEL_PLAN), 81);
    ASSERT_OK(t, account_entry_rename(t->directory, &rename, &none, &t->error));
    assert_int_equal(warn_of(t, "anna@other.example", LEVEL_DOMAIN), 82);
}

static void test_the_list_tells_the_same(void **state)
{
    struct fixture *t = *state;
    struct account_entry *entries;
    size_t count;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    make_account(t, "bert@demo.example", "secret");
    set(t, LEVEL_DOMAIN, "demo.example", "55");
    set(t, LEVEL_ACCOUNT, "bert@demo.example", "44");
    ASSERT_OK(t, account_entry_list(t->directory, slice_none(), slice_none(), 10, &t->arena, &entries, &count,
                                    &t->error));
    assert_int_equal(count, 2);
    assert_int_equal(entries[0].options.values[OPTION_QUOTA_WARN], 55);
    assert_int_equal(entries[0].options.from[OPTION_QUOTA_WARN], LEVEL_DOMAIN);
    assert_int_equal(entries[1].options.values[OPTION_QUOTA_WARN], 44);
    assert_int_equal(entries[0].doors,
                     DOOR_POP3 | DOOR_SUBMISSION | DOOR_WEB | DOOR_IMAP | DOOR_MANAGESIEVE | DOOR_JMAP);
}

static void test_goes_with_its_owner(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, option_set(t->directory, LEVEL_ACCOUNT, S("anna@demo.example"), OPTION_QUOTA_WARN, &at_50,
                            &t->error));
    ASSERT_OK(
        t, option_set(t->directory, LEVEL_DOMAIN, S("demo.example"), OPTION_QUOTA_WARN, &at_50, &t->error));
    ASSERT_OK(t, account_entry_remove(t->directory, S("anna@demo.example"), &t->error));
    ASSERT_OK(t, domain_remove(t->directory, S("demo.example"), &t->error));
    sqlite3_stmt *row;
    must(sqlite3_prepare_v2(t->directory->database.sqlite, "SELECT count(*) FROM option", -1, &row, NULL) ==
         SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(row, 0), 0);
    sqlite3_finalize(row);
}

static void test_unknown_owners_are_refused(void **state)
{
    struct fixture *t = *state;
    const struct {
        enum option_level level;
        const char *owner, *text;
    } wrong[] = {
        {LEVEL_PLAN, "gold", "there is no plan \"gold\"; `posthorn plan list` shows them"},
        {LEVEL_DOMAIN, "nowhere.example",
         "there is no domain nowhere.example; make it with: posthorn domain add nowhere.example"},
        {LEVEL_ACCOUNT, "anna@nowhere.example", "there is no account anna@nowhere.example"},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(option_set(t->directory, wrong[i].level, slice_cstr(wrong[i].owner),
                                    OPTION_QUOTA_WARN, &at_50, &t->error),
                         ERR_NOT_FOUND);
        assert_string_equal(t->error.client, wrong[i].text);
    }
}

static void test_takes_what_can_be_meant(void **state)
{
    struct fixture *t = *state;
    static const char *const wrong[] = {"",      "70,",   ",70",   "0,70", "90,70",
                                        "70,70", "101",   "70 90", "many", "1,2,3,4,5,6,7,8,9",
                                        "70%",   "-1,70", "7d"};
    static const char *const right[] = {"70,90", "100", "off", "1,2,3,4,5,6,7,8", "1,2,3,4,5,6,7,100"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct option_changes changes = {0};
        assert_int_equal(option_parse(OPTION_QUOTA_WARN, slice_cstr(wrong[i]), &changes, &t->error),
                         ERR_INVALID);
        assert_int_equal(changes.what[OPTION_QUOTA_WARN], CHANGE_KEEP);
    }
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        struct option_changes changes = {0};
        char text[OPTION_TEXT_MAX];
        ASSERT_OK(t, option_parse(OPTION_QUOTA_WARN, slice_cstr(right[i]), &changes, &t->error));
        assert_true(changes.values[OPTION_QUOTA_WARN] <= INT64_MAX);
        option_text(OPTION_QUOTA_WARN, changes.values[OPTION_QUOTA_WARN], text);
        assert_string_equal(text, right[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_nearest_level_decides, fixture_make, fixture_free),
        cmocka_unit_test_setup_teardown(test_follows_plan_and_domain_of_the_account, fixture_make,
                                        fixture_free),
        cmocka_unit_test_setup_teardown(test_the_list_tells_the_same, fixture_make, fixture_free),
        cmocka_unit_test_setup_teardown(test_goes_with_its_owner, fixture_make, fixture_free),
        cmocka_unit_test_setup_teardown(test_unknown_owners_are_refused, fixture_make, fixture_free),
        cmocka_unit_test_setup_teardown(test_takes_what_can_be_meant, fixture_make, fixture_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
