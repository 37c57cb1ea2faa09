#include "base/test.h"

#include "send/terms.h"

static struct terms_table *make_table(void)
{
    static const struct destination rows[] = {
        {.pattern = S("a.example"), .connections = 1},
        {.pattern = S("mx:*.example.net"), .connections = 2},
        {.pattern = S("mx:mx1.example.net"), .connections = 3},
        {.pattern = S("mx:*.b.example.net"),
         .connections = 4,
         .tls = DESTINATION_TLS_VERIFY,
         .names = S("x.example .y.example"),
         .addresses = S("192.0.2.1=mx.demo.example")},
    };
    struct terms_table *table = NULL;
    struct error error;
    assert_int_equal(terms_table_create(rows, ARRAY_LEN(rows), &table, &error), ERR_OK);
    return table;
}

static void test_a_domain_is_itself_alone(void **state UNUSED)
{
    struct terms_table *table = make_table();
    assert_int_equal(terms_of_domain(table, S("a.example"))->connections, 1);
    assert_ptr_equal(terms_of_domain(table, S("b.a.example")), &terms_none);
    assert_ptr_equal(terms_of_domain(table, S("mx1.example.net")), &terms_none);
    assert_ptr_equal(terms_of_domain(NULL, S("a.example")), &terms_none);
    terms_table_unref(table);
}

static void test_the_longest_pattern_of_a_server_counts(void **state UNUSED)
{
    struct terms_table *table = make_table();
    assert_int_equal(terms_of_server(table, S("mx1.example.net"))->connections, 3);
    assert_int_equal(terms_of_server(table, S("mx2.example.net"))->connections, 2);
    assert_int_equal(terms_of_server(table, S("mx2.c.example.net"))->connections, 2);
    assert_int_equal(terms_of_server(table, S("mx.b.example.net"))->connections, 4);
    assert_int_equal(terms_of_server(table, S("b.example.net"))->connections, 2);
    assert_ptr_equal(terms_of_server(table, S("example.net")), &terms_none);
    assert_ptr_equal(terms_of_server(table, S("a.example")), &terms_none);
    assert_ptr_equal(terms_of_server(NULL, S("mx1.example.net")), &terms_none);
    terms_table_unref(table);
}

static void test_names_and_addresses_are_read(void **state UNUSED)
{
    struct terms_table *table = make_table();
    const struct terms *terms = terms_of_server(table, S("mx.b.example.net"));
    assert_int_equal(terms->name_count, 2);
    assert_string_equal(terms->names[0], "x.example");
    assert_string_equal(terms->names[1], ".y.example");
    assert_int_equal(terms->addresses.count, 1);
    assert_string_equal(terms->addresses.each[0].name, "mx.demo.example");
    struct terms_table *other = terms_table_ref(table);
    terms_table_unref(table);
    assert_int_equal(terms_of_server(other, S("mx.b.example.net"))->name_count, 2);
    terms_table_unref(other);
}

static void test_the_domain_goes_before_the_server(void **state UNUSED)
{
    struct terms domain = {.messages = 5, .tls = DESTINATION_TLS_REQUIRED};
    struct terms server = {.messages = 3, .tls = DESTINATION_TLS_NONE, .addresses = {.count = 1}};
    struct terms both = terms_both(&domain, &server);
    assert_int_equal(both.messages, 3);
    assert_int_equal(both.tls, DESTINATION_TLS_REQUIRED);
    assert_int_equal(both.addresses.count, 1);
    domain = (struct terms){.messages = 2};
    both = terms_both(&domain, &server);
    assert_int_equal(both.messages, 2);
    assert_int_equal(both.tls, DESTINATION_TLS_NONE);
    assert_int_equal(terms_both(&domain, &terms_none).messages, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_domain_is_itself_alone),
        cmocka_unit_test(test_the_longest_pattern_of_a_server_counts),
        cmocka_unit_test(test_names_and_addresses_are_read),
        cmocka_unit_test(test_the_domain_goes_before_the_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
