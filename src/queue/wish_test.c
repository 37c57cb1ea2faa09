/* What a header says of how its message is to be sent. */
#include "queue/wish.h"

#include "base/test.h"

static bool is_optional(const char *header, bool require_tls)
{
    struct queue_envelope envelope = {.require_tls = require_tls};
    wish_read(slice_cstr(header), &envelope);
    assert_int_equal(envelope.require_tls, require_tls);
    return envelope.tls_optional;
}

static void test_tls_required_no_makes_tls_optional(void **state UNUSED)
{
    assert_true(is_optional("From: a@b.example\r\nTLS-Required: No\r\n\r\n", false));
    assert_true(is_optional("tls-required:no\r\n", false));
    assert_true(is_optional("TLS-Required:\r\n NO \r\nSubject: x\r\n", false));
}

static void test_other_values_and_two_fields_say_nothing(void **state UNUSED)
{
    assert_false(is_optional("Subject: TLS-Required: No\r\n", false));
    assert_false(is_optional("TLS-Required: Yes\r\n", false));
    assert_false(is_optional("TLS-Required: No, really\r\n", false));
    assert_false(is_optional("TLS-Required:\r\n", false));
    assert_false(is_optional("TLS-Required: No\r\nTLS-Required: No\r\n", false));
    assert_false(is_optional("Subject: x\r\n\r\nTLS-Required: No\r\n", false));
}

static void test_requiretls_wins(void **state UNUSED)
{
    assert_false(is_optional("TLS-Required: No\r\n", true));
}

static void test_what_was_known_before_stays(void **state UNUSED)
{
    struct queue_envelope envelope = {.tls_optional = true};
    wish_read(S("Subject: x\r\n"), &envelope);
    assert_true(envelope.tls_optional);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls_required_no_makes_tls_optional),
        cmocka_unit_test(test_other_values_and_two_fields_say_nothing),
        cmocka_unit_test(test_requiretls_wins),
        cmocka_unit_test(test_what_was_known_before_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
