#include "bench/options.h"

#include "base/test.h"

static void test_urls_name_door_tls_and_place(void **state)
{
    (void)state;
    struct endpoint endpoint;
    struct error error;
    assert_int_equal(endpoint_parse("imap+starttls://localhost:143", &endpoint, &error), ERR_OK);
    assert_int_equal(endpoint.door, DOOR_IMAP);
    assert_int_equal(endpoint.tls, DOOR_STARTTLS);
    assert_string_equal(endpoint.host, "localhost");
    assert_int_equal(endpoint.port, 143);
    assert_int_equal(endpoint_parse("lmtp:///run/a.sock", &endpoint, &error), ERR_OK);
    assert_int_equal(endpoint.door, DOOR_LMTP);
    assert_string_equal(endpoint.host, "/run/a.sock");
    assert_int_equal(endpoint.port, 0);
}

static void test_bad_urls_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",           "imap",           "http://a:1", "imap://a",
                                      "imap://a:0", "imap://a:65536", "imap://:1"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct endpoint endpoint;
        struct error error;
        assert_int_equal(endpoint_parse(bad[i], &endpoint, &error), ERR_INVALID);
    }
}

static void test_accounts_are_numbered_round(void **state)
{
    (void)state;
    const char *arguments[] = {"--server", "imap://a:1", "--user", "u%d@b.example", "--accounts", "3"};
    struct options options;
    struct error error;
    char user[OPTION_ADDRESS_MAX];
    assert_int_equal(options_parse((int)ARRAY_LEN(arguments), arguments, &options, &error), ERR_OK);
    options_user(&options, 0, user);
    assert_string_equal(user, "u1@b.example");
    options_user(&options, 5, user);
    assert_string_equal(user, "u3@b.example");
}

static void test_sizes_end_at_their_limits(void **state)
{
    (void)state;
    struct options options;
    struct error error;
    const char *most[] = {"--server", "imap://a:1", "--recipients", "1000"};
    const char *more[] = {"--server", "imap://a:1", "--recipients", "1001"};
    assert_int_equal(options_parse(4, most, &options, &error), ERR_OK);
    assert_int_equal(options_parse(4, more, &options, &error), ERR_LIMIT);
}

static void test_commands_are_kept_in_order_and_have_a_limit(void **state)
{
    (void)state;
    struct options options;
    struct error error;
    const char *arguments[2 + 2 * (OPTION_COMMANDS_MAX + 1)] = {"--server", "imap://a:1"};
    for (size_t i = 2; i < ARRAY_LEN(arguments); i += 2) {
        arguments[i] = "--command";
        arguments[i + 1] = i == 2 ? "NOOP" : "CHECK";
    }
    assert_int_equal(options_parse(2 + 2 * OPTION_COMMANDS_MAX, arguments, &options, &error), ERR_OK);
    assert_int_equal(options.command_count, OPTION_COMMANDS_MAX);
    assert_string_equal(options.commands[0], "NOOP");
    assert_string_equal(options.commands[1], "CHECK");
    assert_int_equal(options_parse((int)ARRAY_LEN(arguments), arguments, &options, &error), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_name_door_tls_and_place),
        cmocka_unit_test(test_bad_urls_are_refused),
        cmocka_unit_test(test_accounts_are_numbered_round),
        cmocka_unit_test(test_sizes_end_at_their_limits),
        cmocka_unit_test(test_commands_are_kept_in_order_and_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
