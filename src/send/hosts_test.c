/* A domain's servers: names on the wire, their order, and that mail does not come back to us. */
#include "base/test.h"
#include "send/hosts.h"

static void assert_name(struct slice wire, const char *expected)
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX + 1);
    assert_true(hosts_name(wire, &name));
    assert_string_equal(buf_cstr(&name), expected);
}

static void assert_no_name(struct slice wire)
{
    CLEANUP(buf_release) struct buf name = BUF(RESOLVER_NAME_MAX + 1);
    assert_false(hosts_name(wire, &name));
}

static void test_reads_names(void **state UNUSED)
{
    assert_name(S("\2MX\7example\0"), "mx.example");
    assert_name(S("\0"), ".");
}

static void test_refuses_what_is_no_name(void **state UNUSED)
{
    assert_no_name(S(""));
    assert_no_name(S("\2mx"));
    assert_no_name(S("\3mx\0"));
    assert_no_name(S("\2mx\0x"));
    assert_no_name(S("\3m.x\0"));
    assert_no_name(S("\3m\rx\0"));
    assert_no_name(S("\xc0\x0c"));
}

static struct hosts three(void)
{
    return (struct hosts){.each = {{S("c.example"), 30}, {S("a.example"), 10}, {S("b.example"), 20}},
                          .count = 3};
}

static void test_sorts_by_preference(void **state UNUSED)
{
    struct hosts hosts = three();
    hosts_order(&hosts, S("us.example"));
    assert_int_equal(hosts.count, 3);
    assert_int_equal(hosts.each[0].preference, 10);
    assert_int_equal(hosts.each[1].preference, 20);
    assert_int_equal(hosts.each[2].preference, 30);
}

static void test_drops_ourselves_and_what_is_no_better(void **state UNUSED)
{
    struct hosts hosts = three();
    hosts_order(&hosts, S("B.example"));
    assert_int_equal(hosts.count, 1);
    assert_true(slice_eq(hosts.each[0].name, S("a.example")));
    hosts = three();
    hosts.each[0].preference = 10; /* as good as a */
    hosts_order(&hosts, S("a.example"));
    assert_int_equal(hosts.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_names),
        cmocka_unit_test(test_refuses_what_is_no_name),
        cmocka_unit_test(test_sorts_by_preference),
        cmocka_unit_test(test_drops_ourselves_and_what_is_no_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
