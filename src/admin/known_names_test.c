#include "base/test.h"

#include "admin/known_names.h"

static void refused(const char *list, const char *expected)
{
    struct error error;
    assert_int_equal(known_capabilities(slice_cstr(list), &error), ERR_INVALID);
    assert_string_equal(error.client, expected);
}

static void test_knows_the_capabilities(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(known_capabilities(S(""), &error), ERR_OK);
    assert_int_equal(known_capabilities(S("CONDSTORE QRESYNC SORT=DISPLAY"), &error), ERR_OK);
}

static void test_says_which_name_is_wrong(void **state)
{
    (void)state;
    refused("IDLE CONDSTOR", "\"CONDSTOR\" is no IMAP capability here; did you mean CONDSTORE?");
    refused("FROBNICATE", "\"FROBNICATE\" is no IMAP capability here");
    refused("AN-OVERLONG-NAME-THAT-NOBODY-WOULD-EVER-WRITE",
            "\"AN-OVERLONG-NAME-THAT-NOBODY-WOU\" is no IMAP capability here");
}

static void test_the_protocol_itself_stays(void **state)
{
    (void)state;
    refused("IMAP4REV1", "without IMAP4rev1 there is no IMAP; a plan without it is pop3");
}

static void test_checks_the_settings(void **state)
{
    (void)state;
    struct settings *settings;
    struct error error;
    assert_int_equal(settings_parse(S("hostname = a\nimap-without = idel\n"), "x", &settings, &error),
                     ERR_OK);
    assert_int_equal(known_settings(settings, &error), ERR_INVALID);
    assert_string_equal(
        error.client, "posthorn.conf: imap-without: \"IDEL\" is no IMAP capability here; did you mean IDLE?");
    settings_free(settings);
    assert_int_equal(settings_parse(S("hostname = a\nimap-without-for = b idel\n"), "x", &settings, &error),
                     ERR_OK);
    assert_int_equal(known_settings(settings, &error), ERR_INVALID);
    assert_string_equal(
        error.client,
        "posthorn.conf: imap-without-for: \"IDEL\" is no IMAP capability here; did you mean IDLE?");
    settings_free(settings);
    assert_int_equal(settings_parse(S("hostname = a\nsasl-without = login, scram\n"), "x", &settings, &error),
                     ERR_OK);
    assert_int_equal(known_settings(settings, &error), ERR_INVALID);
    assert_string_equal(error.client, "posthorn.conf: sasl-without: \"SCRAM\" is no log-in mechanism here");
    settings_free(settings);
    assert_int_equal(
        settings_parse(S("hostname = a\nsasl-without = login, scram-sha-1\n"), "x", &settings, &error),
        ERR_OK);
    assert_int_equal(known_settings(settings, &error), ERR_OK);
    settings_free(settings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_the_capabilities),
        cmocka_unit_test(test_says_which_name_is_wrong),
        cmocka_unit_test(test_the_protocol_itself_stays),
        cmocka_unit_test(test_checks_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
