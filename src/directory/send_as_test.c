/* As whom an account may send. */
#include "directory/send_as.h"

#include "directory/test.h"

static bool may(struct fixture *t, struct account_id id, const char *address)
{
    return directory_may_send_as(t->directory, id, slice_cstr(address));
}

static enum err give(struct fixture *t, const char *what)
{
    return send_as_give(t->directory, S("anna@x.example"), slice_cstr(what), &t->error);
}

static struct account_id people(struct fixture *t)
{
    make_domain(t, "x.example");
    make_account(t, "info@x.example", "secret");
    return make_account(t, "anna@x.example", "secret");
}

static void test_an_address_is_given_and_taken(void **state)
{
    struct fixture *t = *state;
    struct account_id anna = people(t);
    struct slice *whats;
    size_t count;
    assert_false(may(t, anna, "info@x.example"));
    ASSERT_OK(t, give(t, "Info@X.example"));
    ASSERT_OK(t, give(t, "info@x.example")); /* once more is no more */
    assert_true(may(t, anna, "INFO@x.example"));
    assert_true(may(t, anna, "info+news@x.example"));
    assert_false(may(t, anna, "info2@x.example"));
    fixture_reopen(t);
    ASSERT_OK(t, send_as_list(t->directory, S("anna@x.example"), &t->arena, &whats, &count, &t->error));
    assert_int_equal(count, 1);
    ASSERT_SLICE(whats[0], "info@x.example");
    ASSERT_OK(t, send_as_take(t->directory, S("anna@x.example"), S("info@x.example"), &t->error));
    assert_false(may(t, anna, "info@x.example"));
    assert_int_equal(send_as_take(t->directory, S("anna@x.example"), S("info@x.example"), &t->error),
                     ERR_NOT_FOUND);
}

static void test_a_domain_is_given(void **state)
{
    struct fixture *t = *state;
    struct account_id anna = people(t);
    make_domain(t, "y.example");
    ASSERT_OK(t, give(t, "Y.example"));
    assert_true(may(t, anna, "whoever@y.example"));
    assert_true(may(t, anna, "who+ever@y.example"));
    assert_false(may(t, anna, "whoever@sub.y.example"));
    assert_false(may(t, anna, "info@x.example"));
    ASSERT_OK(t, domain_remove(t->directory, S("y.example"), &t->error));
    make_domain(t, "y.example"); /* somebody else's */
    assert_false(may(t, anna, "whoever@y.example"));
    ASSERT_OK(t, give(t, "@y.example"));
    assert_true(may(t, anna, "whoever@y.example"));
}

static void test_a_groups_members_need_the_right(void **state)
{
    struct fixture *t = *state;
    struct account_id anna = people(t);
    ASSERT_OK(t, set_alias(t, "all@x.example", true, "anna@x.example", "info@x.example"));
    ASSERT_OK(t, set_alias(t, "office@x.example", false, "anna@x.example", NULL));
    assert_true(may(t, anna, "office@x.example"));
    assert_false(may(t, anna, "all@x.example"));
    ASSERT_OK(t, give(t, "all@x.example"));
    assert_true(may(t, anna, "all@x.example"));
    ASSERT_OK(t, set_alias(t, "all@x.example", true, "info@x.example", NULL)); /* other members */
    assert_true(may(t, anna, "all@x.example"));
    ASSERT_OK(t, alias_remove(t->directory, S("all@x.example"), &t->error));
    ASSERT_OK(t, set_alias(t, "all@x.example", true, "anna@x.example", NULL));
    assert_false(may(t, anna, "all@x.example"));
}

static void test_it_goes_along_and_ends_with_the_address(void **state)
{
    struct fixture *t = *state;
    struct account_id none;
    struct account_id anna = people(t);
    struct account_rename rename = {.from = S("info@x.example"), .to = S("hello@x.example")};
    ASSERT_OK(t, give(t, "info@x.example"));
    ASSERT_OK(t, account_entry_rename(t->directory, &rename, &none, &t->error));
    assert_true(may(t, anna, "hello@x.example"));
    assert_false(may(t, anna, "info@x.example"));
    rename = (struct account_rename){
        .from = S("hello@x.example"), .to = S("old@x.example"), .old = OLD_ADDRESS_ANEW};
    ASSERT_OK(t, account_entry_rename(t->directory, &rename, &none, &t->error));
    assert_true(may(t, anna, "hello@x.example"));
    assert_false(may(t, anna, "old@x.example"));
    ASSERT_OK(t, account_entry_remove(t->directory, S("hello@x.example"), &t->error));
    make_account(t, "hello@x.example", "secret");
    assert_false(may(t, anna, "hello@x.example"));
}

static void test_only_what_is_here_is_given(void **state)
{
    struct fixture *t = *state;
    struct account_id anna = people(t);
    char alias[32];
    assert_int_equal(give(t, "nobody@x.example"), ERR_NOT_FOUND);
    assert_int_equal(give(t, "somebody@far.example"), ERR_NOT_FOUND);
    assert_int_equal(give(t, "far.example"), ERR_NOT_FOUND);
    assert_int_equal(give(t, ""), ERR_INVALID);
    assert_int_equal(send_as_give(t->directory, S("nobody@x.example"), S("info@x.example"), &t->error),
                     ERR_NOT_FOUND);
    for (int i = 0; i < SEND_AS_MAX; i++) {
        snprintf(alias, sizeof(alias), "info+%d@x.example", i);
        ASSERT_OK(t, give(t, alias));
    }
    assert_int_equal(give(t, "info@x.example"), ERR_LIMIT);
    assert_false(may(t, anna, "info@x.example"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_address_is_given_and_taken),   TEST(test_a_domain_is_given),
        TEST(test_a_groups_members_need_the_right), TEST(test_it_goes_along_and_ends_with_the_address),
        TEST(test_only_what_is_here_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
