#include "directory/domain_rest.h"

#include "directory/test.h"

static enum err set(struct fixture *t, const char *domain, const char *host)
{
    struct smart_host parsed;
    ASSERT_OK(t, smart_host_parse(slice_cstr(host), &t->arena, &parsed, &t->error));
    return domain_rest_set(t->directory, slice_cstr(domain), &parsed, &t->error);
}

static struct route route(struct fixture *t, const char *address)
{
    struct route route = {0};
    ASSERT_OK(t, directory_route(t->directory, slice_cstr(address), &t->arena, &route, &t->error));
    return route;
}

static struct smart_host rest_for(struct fixture *t, const char *address)
{
    struct smart_host host = {0};
    ASSERT_OK(t, domain_rest_for(t->directory, slice_cstr(address), &t->arena, &host, &t->error));
    return host;
}

static void test_who_is_not_known_here_is_the_other_servers(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    assert_int_equal(route(t, "otto@demo.example").kind, ROUTE_UNKNOWN);
    ASSERT_OK(t, set(t, "Demo.example", "exchange.example:2525"));
    struct route otto = route(t, "Otto@demo.example");
    assert_int_equal(otto.kind, ROUTE_FOREIGN);
    assert_true(otto.rest);
    ASSERT_SLICE(otto.foreign[0], "Otto@demo.example");
    ASSERT_SLICE(rest_for(t, "otto@DEMO.example").host, "exchange.example");
    assert_int_equal(rest_for(t, "otto@demo.example").port, 2525);
    assert_int_equal(route(t, "anna@demo.example").kind, ROUTE_LOCAL);
    assert_int_equal(route(t, "anna+x@demo.example").kind, ROUTE_LOCAL);
    ASSERT_SLICE(rest_for(t, "anna@demo.example").host, "");
    assert_false(route(t, "max@elsewhere.example").rest);
    ASSERT_SLICE(rest_for(t, "max@elsewhere.example").host, "");
    fixture_reopen(t);
    assert_true(route(t, "otto@demo.example").rest);
    ASSERT_OK(t, set(t, "demo.example", "direct"));
    assert_int_equal(route(t, "otto@demo.example").kind, ROUTE_UNKNOWN);
}

static void test_an_alias_may_lead_to_the_other_server(void **state)
{
    struct fixture *t = *state;
    struct slice targets[] = {S("otto@demo.example"), S("anna@demo.example")};
    const struct alias alias = {
        .address = S("all@demo.example"), .targets = targets, .target_count = 2, .group = true};
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, set(t, "demo.example", "[192.0.2.7]:25"));
    ASSERT_OK(t, alias_set(t->directory, &alias, false, &t->error));
    struct route all = route(t, "all@demo.example");
    assert_int_equal(all.kind, ROUTE_LOCAL);
    assert_false(all.rest);
    assert_int_equal(all.account_count, 1);
    assert_int_equal(all.foreign_count, 1);
    ASSERT_SLICE(rest_for(t, "all@demo.example").host, "");
}

static void test_a_catch_all_and_another_server_exclude_each_other(void **state)
{
    struct fixture *t = *state;
    make_domain(t, "demo.example");
    make_account(t, "anna@demo.example", "secret");
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S("anna@demo.example"), &t->error));
    assert_int_equal(set(t, "demo.example", "exchange.example"), ERR_INVALID);
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S(""), &t->error));
    ASSERT_OK(t, set(t, "demo.example", "exchange.example"));
    assert_int_equal(domain_set_catch_all(t->directory, S("demo.example"), S("anna@demo.example"), &t->error),
                     ERR_INVALID);
    ASSERT_OK(t, domain_set_catch_all(t->directory, S("demo.example"), S(""), &t->error));
    assert_int_equal(set(t, "nowhere.example", "exchange.example"), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_is_not_known_here_is_the_other_servers, fixture_make,
                                        fixture_free),
        cmocka_unit_test_setup_teardown(test_an_alias_may_lead_to_the_other_server, fixture_make,
                                        fixture_free),
        cmocka_unit_test_setup_teardown(test_a_catch_all_and_another_server_exclude_each_other, fixture_make,
                                        fixture_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
