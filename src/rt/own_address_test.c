#include "base/test.h"

#include <arpa/inet.h>

#include "rt/own_address.h"

static bool comes_out(const char *text, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(OWN_ADDRESSES_TEXT_MAX);
    struct own_addresses sources;
    struct error error;
    if (own_addresses_parse(slice_cstr(text), &sources, &error) != ERR_OK)
        return false;
    own_addresses_put(&sources, &out);
    return slice_eq(buf_slice(&out), slice_cstr(wanted));
}

static bool is_refused(const char *text)
{
    struct own_addresses sources;
    struct error error;
    return own_addresses_parse(slice_cstr(text), &sources, &error) == ERR_INVALID;
}

static void test_reads_one_of_each_family(void **state UNUSED)
{
    assert_true(comes_out("192.0.2.1", "192.0.2.1"));
    assert_true(comes_out("192.0.2.1=MX1.example.org, [2001:db8::1]=mx6.example",
                          "192.0.2.1=mx1.example.org 2001:db8::1=mx6.example"));
    assert_true(comes_out("2001:db8::1 192.0.2.1=a.b", "2001:db8::1 192.0.2.1=a.b"));
    assert_true(comes_out("", ""));
    assert_true(comes_out("none", ""));
}

static void test_refuses_what_nothing_can_leave_from(void **state UNUSED)
{
    const char *const wrong[] = {"mx.example",
                                 "192.0.2.1.5",
                                 "192.0.2.1=",
                                 "192.0.2.1=mx",
                                 "192.0.2.1=mx..example",
                                 "192.0.2.1=-x.example",
                                 "192.0.2.1=mx_.exam",
                                 "192.0.2.1=x.example.",
                                 "192.0.2.1 192.0.2.2",
                                 "2001:db8::1, ::2",
                                 "0.0.0.0",
                                 "224.0.0.1",
                                 "::",
                                 "ff02::1",
                                 "fe80::1",
                                 "::ffff:192.0.2.1",
                                 "192.0.2.1=a.b none",
                                 "192.0.2.1=x-.example"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_string_equal(is_refused(wrong[i]) ? "" : wrong[i], "");
}

static void test_a_name_may_be_as_long_as_names_are(void **state UNUSED)
{
    char text[400] = "192.0.2.1=";
    size_t at = strlen(text);
    for (size_t i = 0; i < OWN_NAME_MAX; i++)
        text[at + i] = i % 60 == 59 ? '.' : 'a';
    assert_true(comes_out(text, text));
    text[at + OWN_NAME_MAX] = 'a';
    assert_true(is_refused(text));
}

static void test_finds_the_one_of_a_family(void **state UNUSED)
{
    struct own_addresses sources;
    struct error error;
    assert_int_equal(own_addresses_parse(S("2001:db8::1"), &sources, &error), ERR_OK);
    assert_null(own_addresses_of(&sources, AF_INET));
    assert_ptr_equal(own_addresses_of(&sources, AF_INET6), &sources.each[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_one_of_each_family),
        cmocka_unit_test(test_refuses_what_nothing_can_leave_from),
        cmocka_unit_test(test_a_name_may_be_as_long_as_names_are),
        cmocka_unit_test(test_finds_the_one_of_a_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
