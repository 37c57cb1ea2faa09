#include "doctor/spf.h"

#include <arpa/inet.h>

#include "base/test.h"

static enum spf_answer ask(const char *record, const char *address, bool is_mx)
{
    struct resolver_address at = {.family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET};
    assert_int_equal(inet_pton(at.family, address, &at.v6), 1);
    const struct spf_sender sender = {&at, S("mail.example"), is_mx};
    assert_true(spf_is_record(slice_cstr(record)));
    return spf_lets_send(slice_cstr(record), &sender);
}

static void test_mechanisms_let_send(void **state UNUSED)
{
    assert_int_equal(ask("v=spf1 mx -all", "192.0.2.1", true), SPF_YES);
    assert_int_equal(ask("v=spf1 mx -all", "192.0.2.1", false), SPF_NO);
    assert_int_equal(ask("v=spf1  +a:Mail.Example ~all", "192.0.2.1", false), SPF_YES);
    assert_int_equal(ask("v=spf1 ip4:192.0.2.1 -all", "192.0.2.1", false), SPF_YES);
    assert_int_equal(ask("v=spf1 ip4:192.0.2.0/23 -all", "192.0.3.255", false), SPF_YES);
    assert_int_equal(ask("v=spf1 ip4:192.0.2.0/23 -all", "192.0.4.0", false), SPF_NO);
    assert_int_equal(ask("v=spf1 ip4:0.0.0.0/0 -all", "192.0.4.0", false), SPF_YES);
    assert_int_equal(ask("v=spf1 ip6:2001:db8::/33 -all", "2001:db8:7fff::1", false), SPF_YES);
    assert_int_equal(ask("v=spf1 ip6:2001:db8::/33 -all", "2001:db8:8000::1", false), SPF_NO);
    assert_int_equal(ask("v=spf1 ip4:192.0.2.1 -all", "2001:db8::1", false), SPF_NO);
    assert_int_equal(ask("v=spf1 +all", "192.0.2.1", false), SPF_YES);
    assert_int_equal(ask("v=spf1 ip6 -all", "2001:db8::1", false), SPF_NO); /* without a network */
}

static void test_a_negative_that_fits_decides(void **state UNUSED)
{
    assert_int_equal(ask("v=spf1 -ip4:192.0.2.1 +all", "192.0.2.1", false), SPF_NO);
    assert_int_equal(ask("v=spf1", "192.0.2.1", true), SPF_NO);
}

static void test_what_needs_more_questions_is_unknown(void **state UNUSED)
{
    assert_int_equal(ask("v=spf1 include:other.example -all", "192.0.2.1", false), SPF_UNKNOWN);
    assert_int_equal(ask("v=spf1 redirect=other.example", "192.0.2.1", false), SPF_UNKNOWN);
    assert_int_equal(ask("v=spf1 include:other.example mx -all", "192.0.2.1", true), SPF_YES);
}

static void test_refuses_networks_that_are_none(void **state UNUSED)
{
    assert_int_equal(ask("v=spf1 ip4:192.0.2.1/33 ip4:x ip4: ip4:192.0.2.1/ -all", "192.0.2.1", false),
                     SPF_NO);
    assert_false(spf_is_record(S("v=spf10 mx")));
    assert_false(spf_is_record(S("spf1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mechanisms_let_send),
        cmocka_unit_test(test_a_negative_that_fits_decides),
        cmocka_unit_test(test_what_needs_more_questions_is_unknown),
        cmocka_unit_test(test_refuses_networks_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
