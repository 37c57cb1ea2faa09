#include "feedback/tls_note.h"

#include "base/test.h"

static const char *addresses_of(const char *record)
{
    static char text[4 * TLS_NOTE_ADDRESS_MAX];
    CLEANUP(buf_release) struct buf out = BUF(4 * TLS_NOTE_ADDRESS_MAX);
    const struct slice records[] = {S("something else"), slice_cstr(record)};
    if (!tls_note_addresses(records, 2, &out))
        return NULL;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(buf_slice(&out)));
    return text;
}

static void test_record_names_who_gets_reports(void **state UNUSED)
{
    assert_string_equal(addresses_of("v=TLSRPTv1;rua=mailto:a@b.example"), "mailto:a@b.example");
    assert_string_equal(addresses_of("v=TLSRPTv1; x=y; rua=mailto:a@b.example , https://c.example/d;"),
                        "mailto:a@b.example,https://c.example/d");
    assert_string_equal(
        addresses_of("v=TLSRPTv1;rua=ftp://x,mailto:nobody,http://p.example/,https://q.example/"),
        "https://q.example/");
    assert_string_equal(addresses_of("v=TLSRPTv1;rua=mailto:a@b,mailto:c@d,mailto:e@f,mailto:g@h"),
                        "mailto:a@b,mailto:c@d,mailto:e@f");
}

static void test_what_is_no_record_names_nobody(void **state UNUSED)
{
    const struct slice two[] = {S("v=TLSRPTv1;rua=mailto:a@b"), S("v=TLSRPTv1;rua=mailto:a@b")};
    CLEANUP(buf_release) struct buf out = BUF(1000);
    assert_null(addresses_of("v=TLSRPTv2;rua=mailto:a@b.example"));
    assert_null(addresses_of("rua=mailto:a@b.example; v=TLSRPTv1"));
    assert_null(addresses_of("v=TLSRPTv1;"));
    assert_null(addresses_of("v=TLSRPTv1;rua=mailto:a@b?subject=x"));
    assert_null(addresses_of("v=TLSRPTv1;rua=mailto:a@b>\r\nX: y"));
    assert_false(tls_note_addresses(two, 2, &out));
}

static void test_long_uris_get_nothing(void **state UNUSED)
{
    char record[TLS_NOTE_ADDRESS_MAX + 100] = "v=TLSRPTv1;rua=https://";
    size_t head = strlen("v=TLSRPTv1;rua=");
    memset(record + strlen(record), 'x', head + TLS_NOTE_ADDRESS_MAX - strlen(record));
    assert_int_equal(strlen(addresses_of(record)), TLS_NOTE_ADDRESS_MAX);
    record[head + TLS_NOTE_ADDRESS_MAX] = 'x';
    assert_null(addresses_of(record));
}

static void test_rows_are_read_as_written(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf out = BUF(1000);
    const struct tls_note sent = {
        TLS_POLICY_STS, S("a\nb"),       S("mx"),       TLS_RESULT_CERTIFICATE_EXPIRED,
        S("192.0.2.1"), S("mx.example"), S("192.0.2.2")};
    struct tls_note got;
    tls_note_put(&out, &sent);
    assert_true(tls_note_get(buf_slice(&out), &got));
    assert_int_equal(got.policy, sent.policy);
    assert_int_equal(got.result, sent.result);
    assert_true(slice_eq(got.lines, sent.lines) && slice_eq(got.hosts, sent.hosts));
    assert_true(slice_eq(got.local, sent.local) && slice_eq(got.host, sent.host));
    assert_true(slice_eq(got.address, sent.address));
    for (size_t n = 0; n < out.n; n++)
        assert_false(tls_note_get(slice_sub(buf_slice(&out), 0, n), &got));
    assert_false(tls_note_get(S("\3\0\0\0\0\0\0"), &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_record_names_who_gets_reports),
        cmocka_unit_test(test_what_is_no_record_names_nobody),
        cmocka_unit_test(test_long_uris_get_nothing),
        cmocka_unit_test(test_rows_are_read_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
