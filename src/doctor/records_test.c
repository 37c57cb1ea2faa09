#include "doctor/records.h"

#include <arpa/inet.h>

#include "base/test.h"

static bool read(struct slice wire, char name[static RECORD_NAME_MAX])
{
    struct cursor c = cursor_of(wire);
    return records_name(&c, name) && cursor_done(&c);
}

static void test_reads_names(void **state UNUSED)
{
    char name[RECORD_NAME_MAX];
    assert_true(read(S("\4Mail\7example\0"), name));
    assert_string_equal(name, "mail.example");
    assert_true(read(S("\0"), name));
    assert_string_equal(name, "");
    assert_true(read(S("\3a\33b\0"), name)); /* an escape sequence stays here */
    assert_string_equal(name, "a?b");
}

static void test_refuses_what_is_no_name(void **state UNUSED)
{
    char name[RECORD_NAME_MAX];
    char longest[300];
    assert_false(read(S(""), name));
    assert_false(read(S("\4mail"), name));
    assert_false(read(S("\5mail\0"), name));
    assert_false(read(S("\300\14"), name)); /* a pointer */
    memset(longest, 1, sizeof(longest));
    assert_false(read(slice_of(longest, sizeof(longest)), name));
}

static void test_reverse_names(void **state UNUSED)
{
    char name[RECORD_NAME_MAX];
    struct resolver_address address = {.family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &address.v4), 1);
    records_reverse_name(&address, name);
    assert_string_equal(name, "1.2.0.192.in-addr.arpa");
    address.family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::567:89ab", &address.v6), 1);
    records_reverse_name(&address, name);
    assert_string_equal(name, "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_names),
        cmocka_unit_test(test_refuses_what_is_no_name),
        cmocka_unit_test(test_reverse_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
