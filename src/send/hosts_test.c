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

/* MX records: preference, name on the wire. */
static struct hosts answer(struct arena *arena, const struct slice *data, size_t count)
{
    struct hosts hosts;
    const struct resolver_records records = {
        .data = (struct slice *)data, .count = count, .canonical = S("there.example")};
    hosts_of_answer(&records, S("there.example"), S("us.example"), arena, &hosts);
    return hosts;
}

static void test_null_mx_takes_no_mail(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    const struct slice null[] = {S("\0\0\0"), S("\0\12\2mx\7example\0")};
    struct hosts hosts = answer(&arena, null, 1);
    assert_int_equal(hosts.count, 0);
    assert_string_equal(hosts.status, "5.1.10");
    /* RFC 7505 3: it stands alone, or it is none; the root is no host that is there. */
    hosts = answer(&arena, null, 2);
    assert_int_equal(hosts.count, 2);
}

static void test_malformed_records_are_passed_over(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    const struct slice bad[] = {S("\0\1"), S("\0\1\3mx\0"), S("\0\12\2mx\7example\0")};
    struct hosts hosts = answer(&arena, bad, 3);
    assert_int_equal(hosts.count, 1);
    assert_true(slice_eq(hosts.each[0].name, S("mx.example")));
    hosts = answer(&arena, bad, 2);
    assert_int_equal(hosts.count, 0);
    assert_string_equal(hosts.status, "4.4.3");
}

/* Of a long list the best are tried, wherever they stand; we are found at its end. */
static void test_the_best_of_a_long_list_are_tried(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct slice data[HOSTS_READ_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(data); i++) {
        char text[] = "\0\0\3mx?\7example";
        text[1] = (char)(ARRAY_LEN(data) - i);
        text[5] = (char)('a' + i % 26);
        data[i] = arena_dup(&arena, slice_of(text, sizeof(text)));
    }
    struct hosts hosts = answer(&arena, data, HOSTS_READ_MAX);
    assert_int_equal(hosts.count, HOSTS_MAX);
    assert_int_equal(hosts.each[0].preference, 2);
    assert_int_equal(hosts.each[HOSTS_MAX - 1].preference, HOSTS_MAX + 1);
    hosts = answer(&arena, data, ARRAY_LEN(data)); /* one more than is read */
    assert_int_equal(hosts.count, HOSTS_MAX);
    assert_int_equal(hosts.each[0].preference, 2);
    data[HOSTS_READ_MAX - 1] = S("\0\5\2us\7example\0");
    hosts = answer(&arena, data, HOSTS_READ_MAX);
    assert_int_equal(hosts.count, 2); /* 3 and 4 */
    assert_int_equal(hosts.each[1].preference, 4);
}

static void test_without_mx_it_is_the_domain_itself(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct resolver_records records = {.canonical = S("us.example")};
    struct hosts hosts = answer(&arena, NULL, 0);
    assert_int_equal(hosts.count, 1);
    assert_true(slice_eq(hosts.each[0].name, S("there.example")));
    hosts_of_answer(&records, S("us.example"), S("us.example"), &arena, &hosts);
    assert_string_equal(hosts.status, "5.4.6");
    records.no_name = true;
    hosts_of_answer(&records, S("us.example"), S("us.example"), &arena, &hosts);
    assert_string_equal(hosts.status, "5.1.2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_names),
        cmocka_unit_test(test_refuses_what_is_no_name),
        cmocka_unit_test(test_sorts_by_preference),
        cmocka_unit_test(test_drops_ourselves_and_what_is_no_better),
        cmocka_unit_test(test_null_mx_takes_no_mail),
        cmocka_unit_test(test_malformed_records_are_passed_over),
        cmocka_unit_test(test_the_best_of_a_long_list_are_tried),
        cmocka_unit_test(test_without_mx_it_is_the_domain_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
