/* Which addresses are hosts of the public internet. */
#include "fetch/resolver.h"

#include <arpa/inet.h>

#include "base/test.h"

static bool is_public(const char *text)
{
    struct resolver_address address = {.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET};
    assert_int_equal(inet_pton(address.family, text, &address.v6), 1);
    return resolver_is_public(&address);
}

static void test_knows_addresses_that_lead_to_no_public_host(void **state UNUSED)
{
    static const char *const closed[] = {
        "0.0.0.0",
        "10.0.0.0",
        "10.255.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.0",
        "172.31.0.1",
        "192.0.0.9",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fdff::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::1",
    };
    for (size_t i = 0; i < ARRAY_LEN(closed); i++)
        if (is_public(closed[i]))
            assert_string_equal(closed[i], "not public");
}

static void test_knows_their_neighbours_as_public(void **state UNUSED)
{
    static const char *const open[] = {
        "1.0.0.0",      "9.255.255.255",  "11.0.0.0",       "100.63.255.255", "100.128.0.0",
        "126.0.0.1",    "128.0.0.1",      "169.253.0.1",    "172.15.255.255", "172.32.0.0",
        "192.0.1.0",    "192.167.0.1",    "198.17.255.255", "198.20.0.0",     "223.255.255.255",
        "2001:db8::1",  "2a00::1",        "fbff::1",        "::ffff:9.9.9.9", "64:ff9b::909:909",
        "64:ff9b:1::1", "2002:909:909::",
    };
    for (size_t i = 0; i < ARRAY_LEN(open); i++)
        if (!is_public(open[i]))
            assert_string_equal(open[i], "public");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_addresses_that_lead_to_no_public_host),
        cmocka_unit_test(test_knows_their_neighbours_as_public),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
