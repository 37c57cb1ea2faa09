/* Which addresses are hosts of the public internet; where DNSSEC begins. */
#include "fetch/resolver.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fdio.h"
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

/* The file is the test's; *text goes into it. */
static enum err create_with(const char *text)
{
    char file[] = "/tmp/posthorn-anchor-XXXXXX";
    struct resolver *resolver = NULL;
    struct error error;
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, slice_cstr(text), &error), ERR_OK);
    close(fd);
    enum err err = resolver_create_validating("127.0.0.1:1", file, &resolver, &error);
    unlink(file);
    resolver_destroy(resolver);
    return err;
}

static void test_takes_keys_from_a_file(void **state UNUSED)
{
    assert_int_equal(create_with("; ours\n\nexample. 3600 IN DS 1 13 2 "
                                 "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF ; key\n"),
                     ERR_OK);
}

static void test_refuses_a_file_without_keys(void **state UNUSED)
{
    struct resolver *resolver;
    struct error error;
    assert_int_equal(create_with(""), ERR_INVALID);
    assert_int_equal(create_with("; nothing\n"), ERR_INVALID);
    assert_int_equal(create_with("who are you?\n"), ERR_INVALID);
    assert_int_equal(create_with("example. IN A 127.0.0.1\n"), ERR_INVALID);
    assert_int_not_equal(resolver_create_validating("127.0.0.1:1", "/nonexistent", &resolver, &error),
                         ERR_OK);
}

static void test_has_the_root_of_its_own(void **state UNUSED)
{
    struct resolver *resolver;
    struct error error;
    assert_int_equal(resolver_create_validating("127.0.0.1:1", "", &resolver, &error), ERR_OK);
    resolver_destroy(resolver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_addresses_that_lead_to_no_public_host),
        cmocka_unit_test(test_knows_their_neighbours_as_public),
        cmocka_unit_test(test_takes_keys_from_a_file),
        cmocka_unit_test(test_refuses_a_file_without_keys),
        cmocka_unit_test(test_has_the_root_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
