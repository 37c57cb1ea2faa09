#include "directory/test.h"

static struct route route_of(struct fixture *t, const char *address)
{
    struct route route = {0};
    ASSERT_OK(t, directory_route(t->directory, slice_cstr(address), &t->arena, &route, &t->error));
    return route;
}

static void assert_account(struct fixture *t, const char *address, struct account_id id, const char *detail)
{
    struct route route = route_of(t, address);
    assert_int_equal(route.kind, ROUTE_LOCAL);
    assert_int_equal(route.account_count, 1);
    assert_int_equal(route.foreign_count, 0);
    assert_int_equal(route.accounts[0].id.v, id.v);
    ASSERT_SLICE(route.accounts[0].detail, detail);
}

static void test_kinds(void **state)
{
    struct fixture *t = *state;
    assert_int_equal(route_of(t, "x@demo.example").kind, ROUTE_FOREIGN);
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    assert_int_equal(route_of(t, "x@demo.example").kind, ROUTE_UNKNOWN);
    assert_account(t, "Anna@DEMO.example", anna, "");
    struct route route = route_of(t, "Some.One@Other.example");
    assert_int_equal(route.kind, ROUTE_FOREIGN);
    assert_int_equal(route.foreign_count, 1);
    ASSERT_SLICE(route.foreign[0], "Some.One@other.example");
    assert_int_equal(directory_route(t->directory, S("no-at-sign"), &t->arena, &route, &t->error),
                     ERR_INVALID);
}

static void test_order_exact_alias_detail_catch_all(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    struct account_id plus = make_account(t, "anna+own@demo.example", "secret");
    struct account_id ben = make_account(t, "ben@demo.example", "secret");
    assert_account(t, "anna+own@demo.example", plus, "");
    assert_account(t, "anna+Lists.X+y@demo.example", anna, "Lists.X+y");
    ASSERT_OK(t, set_alias(t, "anna+ben@demo.example", false, "ben@demo.example", NULL));
    assert_account(t, "anna+ben@demo.example", ben, "");
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "ben@demo.example", NULL));
    assert_account(t, "info+shop@demo.example", ben, "shop");
    assert_int_equal(route_of(t, "nobody+x@demo.example").kind, ROUTE_UNKNOWN);
    assert_int_equal(route_of(t, "+x@demo.example").kind, ROUTE_UNKNOWN);
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S("ben@demo.example"), &t->error));
    assert_account(t, "nobody+x@demo.example", ben, "");
    assert_account(t, "anna@demo.example", anna, "");
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S(""), &t->error));
    assert_int_equal(route_of(t, "nobody@demo.example").kind, ROUTE_UNKNOWN);
}

static void test_groups_in_groups_each_once(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    make_account(t, "ben@demo.example", "secret");
    ASSERT_OK(t, set_alias(t, "inner@demo.example", true, "ben@demo.example", "X@other.example"));
    ASSERT_OK(t, set_alias(t, "outer@demo.example", true, "inner@demo.example", "anna@demo.example"));
    ASSERT_OK(t, set_alias(t, "all@demo.example", true, "outer@demo.example", "inner@demo.example"));
    struct route route = route_of(t, "all@demo.example");
    assert_int_equal(route.kind, ROUTE_LOCAL);
    assert_int_equal(route.account_count, 2);
    assert_int_equal(route.foreign_count, 1);
    ASSERT_SLICE(route.foreign[0], "X@other.example");
}

static void test_alias_of_a_foreign_address_is_local(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    ASSERT_OK(t, set_alias(t, "away@demo.example", false, "me@other.example", NULL));
    struct route route = route_of(t, "away@demo.example");
    assert_int_equal(route.kind, ROUTE_LOCAL);
    assert_int_equal(route.foreign_count, 1);
}

static void test_loops_are_cut(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    ASSERT_OK(t, set_alias(t, "a@demo.example", true, "b@demo.example", NULL));
    ASSERT_OK(t, set_alias(t, "b@demo.example", true, "a@demo.example", NULL));
    assert_int_equal(route_of(t, "a@demo.example").kind, ROUTE_UNKNOWN);
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, set_alias(t, "b@demo.example", true, "a@demo.example", "anna@demo.example"));
    assert_account(t, "a@demo.example", anna, "");
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S("gone@demo.example"), &t->error));
    assert_int_equal(route_of(t, "other@demo.example").kind, ROUTE_UNKNOWN);
}

/* g0 -> g1 -> ... -> anna: anna is `depth` below g0. */
static enum err route_chain(struct fixture *t, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        char from[64];
        char to[64];
        snprintf(from, sizeof(from), "g%u@demo.example", i);
        snprintf(to, sizeof(to), i + 1 < depth ? "g%u@demo.example" : "anna@demo.example", i + 1);
        ASSERT_OK(t, set_alias(t, from, true, to, NULL));
    }
    struct route route;
    return directory_route(t->directory, S("g0@demo.example"), &t->arena, &route, &t->error);
}

static void test_depth_limit(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    assert_int_equal(route_chain(t, GROUP_DEPTH_MAX), ERR_OK);
    assert_int_equal(route_chain(t, GROUP_DEPTH_MAX + 1), ERR_LIMIT);
}

static void test_who_may_send_as_what(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    struct account_id anna = make_account(t, "anna@demo.example", "secret");
    struct account_id ben = make_account(t, "ben@demo.example", "secret");
    make_account(t, "anna+ben@demo.example", "secret");
    ASSERT_OK(t, set_alias(t, "info@demo.example", false, "Anna@demo.example", NULL));
    ASSERT_OK(t, set_alias(t, "team@demo.example", true, "anna@demo.example", NULL));
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S("anna@demo.example"), &t->error));
    assert_true(directory_may_send_as(t->directory, anna, S("ANNA@demo.example")));
    assert_true(directory_may_send_as(t->directory, anna, S("anna+x@demo.example")));
    assert_true(directory_may_send_as(t->directory, anna, S("info@demo.example")));
    assert_true(directory_may_send_as(t->directory, anna, S("info+y@demo.example")));
    assert_false(directory_may_send_as(t->directory, anna, S("anna+ben@demo.example")));
    assert_false(directory_may_send_as(t->directory, anna, S("team@demo.example")));
    assert_false(directory_may_send_as(t->directory, anna, S("ben@demo.example")));
    assert_false(directory_may_send_as(t->directory, anna, S("nobody@demo.example")));
    assert_false(directory_may_send_as(t->directory, anna, S("anna@other.example")));
    assert_false(directory_may_send_as(t->directory, anna, S("")));
    assert_false(directory_may_send_as(t->directory, ben, S("info@demo.example")));
    assert_false(directory_may_send_as(t->directory, (struct account_id){1}, S("anna@demo.example")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kinds),
        TEST(test_order_exact_alias_detail_catch_all),
        TEST(test_groups_in_groups_each_once),
        TEST(test_alias_of_a_foreign_address_is_local),
        TEST(test_loops_are_cut),
        TEST(test_depth_limit),
        TEST(test_who_may_send_as_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
