#include "directory/destination.h"

#include "directory/inside.h"
#include "directory/test.h"

static enum err set(struct fixture *t, struct destination d)
{
    return destination_set(t->directory, &d, &t->error);
}

static void test_what_is_set_is_found_and_listed(void **state)
{
    struct fixture *t = *state;
    struct destination *rows;
    struct destination d;
    size_t count;
    uint64_t before = destination_generation(t->directory);
    ASSERT_OK(t, set(t, (struct destination){.pattern = S("Example.ORG"),
                                             .connections = 3,
                                             .messages = 5,
                                             .rate = 60,
                                             .tls = DESTINATION_TLS_VERIFY,
                                             .names = S("MX.example.org, .example.net"),
                                             .addresses = S("192.0.2.1=mx.demo.example"),
                                             .host = S("mail.example.net"),
                                             .port = 26}));
    ASSERT_OK(t, set(t, (struct destination){.pattern = S("MX:*.Example.net"), .connections = 2}));
    assert_int_not_equal(destination_generation(t->directory), before);
    fixture_reopen(t);
    ASSERT_OK(t, destination_list(t->directory, &t->arena, &rows, &count, &t->error));
    assert_int_equal(count, 2);
    ASSERT_SLICE(rows[1].pattern, "mx:*.example.net");
    ASSERT_OK(t, destination_find(t->directory, S("example.org"), &t->arena, &d, &t->error));
    assert_int_equal(d.connections + d.messages + d.rate, 68);
    assert_int_equal(d.tls, DESTINATION_TLS_VERIFY);
    ASSERT_SLICE(d.names, "mx.example.org .example.net");
    ASSERT_SLICE(d.addresses, "192.0.2.1=mx.demo.example");
    ASSERT_SLICE(d.host, "mail.example.net");
    ASSERT_OK(t, destination_remove(t->directory, S("EXAMPLE.org"), &t->error));
    assert_int_equal(destination_remove(t->directory, S("example.org"), &t->error), ERR_NOT_FOUND);
    assert_int_equal(destination_find(t->directory, S("example.org"), &t->arena, &d, &t->error),
                     ERR_NOT_FOUND);
}

static void test_what_makes_no_sense_is_refused(void **state)
{
    struct fixture *t = *state;
    const struct destination wrong[] = {
        {.pattern = S("")},
        {.pattern = S("mx:")},
        {.pattern = S("*.example.org")},
        {.pattern = S("a.example"), .connections = DESTINATION_CONNECTIONS_MAX + 1},
        {.pattern = S("a.example"), .messages = DESTINATION_MESSAGES_MAX + 1},
        {.pattern = S("a.example"), .rate = DESTINATION_RATE_MAX + 1},
        {.pattern = S("a.example"), .names = S("b.example")},
        {.pattern = S("a.example"), .tls = DESTINATION_TLS_VERIFY, .names = S("b..example")},
        {.pattern = S("a.example"), .addresses = S("192.0.2.1 192.0.2.2")},
        {.pattern = S("mx:a.example"), .host = S("b.example"), .port = 25},
        {.pattern = S("mx:a.example"), .tls = DESTINATION_TLS_VERIFY},
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(set(t, wrong[i]), ERR_INVALID);
    ASSERT_OK(t, set(t, (struct destination){.pattern = S("a.example"),
                                             .connections = DESTINATION_CONNECTIONS_MAX,
                                             .messages = DESTINATION_MESSAGES_MAX,
                                             .rate = DESTINATION_RATE_MAX}));
}

static void test_names_have_a_limit(void **state)
{
    struct fixture *t = *state;
    CLEANUP(buf_release) struct buf names = BUF(2 * DESTINATION_TEXT_MAX);
    while (names.n < DESTINATION_TEXT_MAX - 20)
        buf_printf(&names, "%saaaaaaa.b", names.n > 0 ? " " : "");
    while (names.n < DESTINATION_TEXT_MAX)
        buf_put(&names, S("a"));
    struct destination d = {
        .pattern = S("a.example"), .tls = DESTINATION_TLS_VERIFY, .names = buf_slice(&names)};
    ASSERT_OK(t, set(t, d));
    buf_put(&names, S("a"));
    d.names = buf_slice(&names);
    assert_int_equal(set(t, d), ERR_INVALID);
}

static void test_only_so_many(void **state)
{
    struct fixture *t = *state;
    char sql[300];
    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO "
             "destination SELECT 'd' || i, 0, 0, 0, 0, '', '', '', 0 FROM n",
             DESTINATIONS_MAX);
    assert_int_equal(sqlite3_exec(t->directory->database.sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
    ASSERT_OK(t, set(t, (struct destination){.pattern = S("a.example")}));
    assert_int_equal(set(t, (struct destination){.pattern = S("b.example")}), ERR_LIMIT);
    ASSERT_OK(t, set(t, (struct destination){.pattern = S("a.example"), .rate = 1}));
}

static void test_route_of_a_domain(void **state)
{
    struct fixture *t = *state;
    struct smart_host host;
    ASSERT_OK(t,
              set(t, (struct destination){.pattern = S("a.example"), .host = S("[192.0.2.1]"), .port = 26}));
    ASSERT_OK(t, destination_route(t->directory, S("a.example"), &t->arena, &host, &t->error));
    ASSERT_SLICE(host.host, "[192.0.2.1]");
    assert_int_equal(host.port, 26);
    ASSERT_OK(t, destination_route(t->directory, S("b.example"), &t->arena, &host, &t->error));
    assert_int_equal(host.host.n, 0);
}

static void test_addresses_of_a_domain(void **state)
{
    struct fixture *t = *state;
    struct slice addresses;
    make_domain(t, "demo.example");
    ASSERT_OK(t, domain_addresses(t->directory, S("demo.example"), &t->arena, &addresses, &t->error));
    assert_int_equal(addresses.n, 0);
    ASSERT_OK(
        t, domain_addresses_set(t->directory, S("Demo.example"), S("192.0.2.7=Out.Demo.example"), &t->error));
    ASSERT_OK(t, domain_addresses(t->directory, S("demo.example"), &t->arena, &addresses, &t->error));
    ASSERT_SLICE(addresses, "192.0.2.7=out.demo.example");
    ASSERT_OK(t, domain_addresses(t->directory, S("other.example"), &t->arena, &addresses, &t->error));
    assert_int_equal(addresses.n, 0);
    assert_int_equal(domain_addresses_set(t->directory, S("other.example"), S(""), &t->error), ERR_NOT_FOUND);
    assert_int_equal(domain_addresses_set(t->directory, S("demo.example"), S("x"), &t->error), ERR_INVALID);
    ASSERT_OK(t, domain_addresses_set(t->directory, S("demo.example"), S("none"), &t->error));
    ASSERT_OK(t, domain_addresses(t->directory, S("demo.example"), &t->arena, &addresses, &t->error));
    assert_int_equal(addresses.n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_make, fixture_free)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_set_is_found_and_listed),
        TEST(test_what_makes_no_sense_is_refused),
        TEST(test_names_have_a_limit),
        TEST(test_only_so_many),
        TEST(test_route_of_a_domain),
        TEST(test_addresses_of_a_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
