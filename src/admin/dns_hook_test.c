#include "admin/dns_hook.h"

#include "base/test.h"

#define DIGEST "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"

static bool is_ours(const char *name, const char *value)
{
    struct acme_record record = {0};
    snprintf(record.name, sizeof(record.name), "%s", name);
    snprintf(record.value, sizeof(record.value), "%s", value);
    return dns_hook_is_ours(&record, S("mail.example.org *.example.net"));
}

static void test_only_what_the_settings_explain_is_passed_on(void **state UNUSED)
{
    assert_true(is_ours("_acme-challenge.mail.example.org", DIGEST));
    assert_true(is_ours("_acme-challenge.example.net", DIGEST));
    assert_false(is_ours("_acme-challenge.example.org", DIGEST));
    assert_false(is_ours("_acme-challenge.*.example.net", DIGEST));
    assert_false(is_ours("mail.example.org", DIGEST));
    assert_false(is_ours("", DIGEST));
    assert_false(is_ours("_acme-challenge.mail.example.org", ""));
    assert_false(is_ours("_acme-challenge.mail.example.org", "short"));
    assert_false(is_ours("_acme-challenge.mail.example.org", "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEu;0"));
}

static void test_a_program_is_named_by_its_whole_path(void **state UNUSED)
{
    struct error error;
    assert_int_equal(dns_hook_check(S("/bin/true"), &error), ERR_OK);
    assert_int_equal(dns_hook_check(S("true"), &error), ERR_INVALID);
    assert_int_equal(dns_hook_check(S("/nothing/there"), &error), ERR_INVALID);
    assert_string_equal(error.client, "/nothing/there can't be run");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_the_settings_explain_is_passed_on),
        cmocka_unit_test(test_a_program_is_named_by_its_whole_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
