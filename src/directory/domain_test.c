/* How many accounts a domain may have: whoever comes, and in whatever way. */
#include <pthread.h>

#include "directory/test.h"

enum { COMERS = 2, EACH = 40, MOST = 30 };

static enum err set_most(struct fixture *t, const char *name, uint64_t most)
{
    struct domain_changes changes = DOMAIN_CHANGES_NONE;
    changes.max_accounts = most;
    return domain_set(t->directory, slice_cstr(name), &changes, &t->error);
}

static struct domain show(struct fixture *t, const char *name)
{
    struct domain domain = {0};
    ASSERT_OK(t, domain_find(t->directory, slice_cstr(name), &t->arena, &domain, &t->error));
    return domain;
}

static enum err add(struct fixture *t, const char *address)
{
    struct account_id id;
    const struct account_new account = {.address = slice_cstr(address)};
    return account_entry_add(t->directory, &account, &id, &t->error);
}

static enum err move(struct fixture *t, const char *from, const char *to, enum old_address old)
{
    struct account_id id;
    const struct account_rename wanted = {.from = slice_cstr(from), .to = slice_cstr(to), .old = old};
    return account_entry_rename(t->directory, &wanted, &id, &t->error);
}

#define ASSERT_FULL(t, call)                                                                            \
    do {                                                                                                \
        assert_int_equal((call), ERR_LIMIT);                                                            \
        assert_string_equal((t)->error.client, "the domain demo.example has 2 accounts, and may have 2" \
                                               " at most");                                             \
        assert_int_equal(show((t), "demo.example").accounts, 2);                                        \
    } while (0)

static void make_full(struct fixture *t)
{
    make_domain(t, "demo.example");
    make_domain(t, "other.example");
    ASSERT_OK(t, set_most(t, "Demo.example", 2));
    make_account(t, "anna@demo.example", "secret");
    make_account(t, "bert@demo.example", "secret");
}

static void test_full_domain_takes_no_more_accounts(void **state)
{
    struct fixture *t = *state;
    make_full(t);
    fixture_reopen(t);
    assert_int_equal(show(t, "demo.example").max_accounts, 2);
    ASSERT_FULL(t, add(t, "carl@demo.example"));
    assert_int_equal(add(t, "anna@demo.example"), ERR_EXISTS);
    ASSERT_OK(t, add(t, "carl@other.example"));
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "anna@demo.example", NULL));
    ASSERT_OK(t, account_entry_remove(t->directory, S("bert@demo.example"), &t->error));
    ASSERT_OK(t, add(t, "carl@demo.example"));
    ASSERT_FULL(t, add(t, "dora@demo.example"));
    ASSERT_OK(t, set_most(t, "demo.example", 0));
    ASSERT_OK(t, add(t, "dora@demo.example"));
}

static void test_import_past_the_limit_makes_nothing(void **state)
{
    struct fixture *t = *state;
    make_full(t);
    ASSERT_OK(t, account_entry_remove(t->directory, S("bert@demo.example"), &t->error));
    const struct account_new accounts[] = {{.address = S("carl@demo.example")},
                                           {.address = S("dora@demo.example")}};
    struct account_id ids[2];
    size_t bad = 0;
    assert_int_equal(account_entry_add_many(t->directory, accounts, 2, ids, &bad, &t->error), ERR_LIMIT);
    assert_int_equal(bad, 1);
    assert_int_equal(show(t, "demo.example").accounts, 1);
    ASSERT_OK(t, account_entry_add_many(t->directory, accounts, 1, ids, &bad, &t->error));
}

static void test_rename_counts_where_the_account_goes(void **state)
{
    struct fixture *t = *state;
    make_full(t);
    ASSERT_OK(t, add(t, "carl@other.example"));
    ASSERT_FULL(t, move(t, "carl@other.example", "carl@demo.example", OLD_ADDRESS_FREE));
    assert_int_equal(show(t, "other.example").accounts, 1);
    /* As many as before: within the domain, and out of it with a new one in the old one's place. */
    ASSERT_OK(t, move(t, "anna@demo.example", "anne@demo.example", OLD_ADDRESS_FREE));
    ASSERT_OK(t, move(t, "anne@demo.example", "Anne@demo.example", OLD_ADDRESS_FREE));
    ASSERT_OK(t, move(t, "anne@demo.example", "anna@demo.example", OLD_ADDRESS_ALIAS));
    ASSERT_OK(t, move(t, "bert@demo.example", "bert@other.example", OLD_ADDRESS_ANEW));
    assert_int_equal(show(t, "demo.example").accounts, 2);
    /* One more. */
    ASSERT_FULL(t, move(t, "bert@demo.example", "bert.old@demo.example", OLD_ADDRESS_ANEW));
    ASSERT_OK(t, move(t, "bert@demo.example", "berta@other.example", OLD_ADDRESS_FREE));
    ASSERT_OK(t, move(t, "carl@other.example", "carl@demo.example", OLD_ADDRESS_FREE));
    ASSERT_FULL(t, add(t, "dora@demo.example"));
}

static void test_lower_limit_takes_nobody_away(void **state)
{
    struct fixture *t = *state;
    make_full(t);
    ASSERT_OK(t, set_most(t, "demo.example", 1));
    assert_int_equal(show(t, "demo.example").accounts, 2);
    assert_int_equal(add(t, "carl@demo.example"), ERR_LIMIT);
    ASSERT_OK(t, move(t, "anna@demo.example", "anne@demo.example", OLD_ADDRESS_FREE));
    ASSERT_OK(t, account_entry_remove(t->directory, S("anne@demo.example"), &t->error));
    assert_int_equal(add(t, "carl@demo.example"), ERR_LIMIT);
}

static void test_limit_and_options_are_set_together_or_not(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    struct option_changes options = {0};
    options.what[OPTION_TRASH_KEEP] = CHANGE_SET;
    options.values[OPTION_TRASH_KEEP] = 86400;
    struct domain_changes changes = {.max_accounts = DOMAIN_ACCOUNTS_MAX + 1ULL, .options = &options};
    assert_int_equal(domain_set(t->directory, S("demo.example"), &changes, &t->error), ERR_INVALID);
    assert_int_equal(show(t, "demo.example").options.values[OPTION_TRASH_KEEP], 0);
    changes.max_accounts = DOMAIN_ACCOUNTS_MAX;
    assert_int_equal(domain_set(t->directory, S("no.example"), &changes, &t->error), ERR_NOT_FOUND);
    ASSERT_OK(t, domain_set(t->directory, S("demo.example"), &changes, &t->error));
    assert_int_equal(show(t, "demo.example").max_accounts, DOMAIN_ACCOUNTS_MAX);
    assert_int_equal(show(t, "demo.example").options.values[OPTION_TRASH_KEEP], 86400);
    ASSERT_OK(t, domain_set(t->directory, S("demo.example"), &DOMAIN_CHANGES_NONE, &t->error));
    assert_int_equal(show(t, "demo.example").max_accounts, DOMAIN_ACCOUNTS_MAX);
}

struct comer {
    pthread_t thread;
    struct fixture *t;
    unsigned number;
    unsigned taken;
};

static void *come(void *context)
{
    struct comer *comer = context;
    for (unsigned i = 0; i < EACH; i++) {
        char address[64];
        struct account_id id;
        struct error error;
        snprintf(address, sizeof(address), "p%u.%u@demo.example", comer->number, i);
        const struct account_new account = {.address = slice_cstr(address)};
        comer->taken += account_entry_add(comer->t->directory, &account, &id, &error) == ERR_OK;
    }
    return NULL;
}

static void test_many_at_once_are_never_one_too_many(void **state)
{
    struct fixture *t = *state;
    struct comer comers[COMERS];
    unsigned taken = 0;
    make_domain(t, "demo.example");
    ASSERT_OK(t, set_most(t, "demo.example", MOST));
    for (unsigned i = 0; i < COMERS; i++) {
        comers[i] = (struct comer){.t = t, .number = i};
        must(pthread_create(&comers[i].thread, NULL, come, &comers[i]) == 0);
    }
    for (unsigned i = 0; i < COMERS; i++) {
        pthread_join(comers[i].thread, NULL);
        taken += comers[i].taken;
    }
    assert_int_equal(taken, MOST);
    assert_int_equal(show(t, "demo.example").accounts, MOST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_full_domain_takes_no_more_accounts),        TEST(test_import_past_the_limit_makes_nothing),
        TEST(test_rename_counts_where_the_account_goes),      TEST(test_lower_limit_takes_nobody_away),
        TEST(test_limit_and_options_are_set_together_or_not), TEST(test_many_at_once_are_never_one_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
