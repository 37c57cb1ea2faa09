#include "doctor/zone.h"

#include <arpa/inet.h>

#include "base/test.h"

static struct settings *read_settings(void)
{
    struct settings *settings = NULL;
    struct error error;
    assert_int_equal(settings_parse(S("hostname = mail.example\nlisten = smtp :2525\nlisten = imaps :993\n"),
                                    "test", &settings, &error),
                     ERR_OK);
    return settings;
}

static const struct zone_record *find(const struct zone_record *records, size_t count, const char *name,
                                      const char *type)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(records[i].name, slice_cstr(name)) && strcmp(records[i].type, type) == 0)
            return &records[i];
    return NULL;
}

static void is(const struct zone_record *record, enum zone_need need, const char *data)
{
    assert_non_null(record);
    assert_int_equal(record->need, need);
    assert_true(slice_eq(record->data, slice_cstr(data)));
}

static void test_says_what_the_domain_needs(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct settings *settings = read_settings();
    struct resolver_address address = {.family = AF_INET};
    const struct zone_key keys[] = {{S("r1._domainkey.example"), S("v=DKIM1; p=x"), true, false}};
    const char digests[1][ZONE_DIGEST_TEXT] = {"00ff"};
    struct zone_record *records;
    struct error error;
    size_t n;
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &address.v4), 1);
    struct own_addresses sources;
    assert_int_equal(own_addresses_parse(S("192.0.2.7=out.example 2001:db8::7"), &sources, &error), ERR_OK);
    const struct zone_question question = {settings, S("example"), keys, 1,    &address,
                                           1,        digests,      1,    true, &sources};
    assert_int_equal(zone_records(&question, &arena, &records, &n, &error), ERR_OK);
    is(find(records, n, "example", "MX"), ZONE_REQUIRED, "10 mail.example.");
    is(find(records, n, "mail.example", "A"), ZONE_REQUIRED, "192.0.2.1");
    is(find(records, n, "1.2.0.192.in-addr.arpa", "PTR"), ZONE_HINT, "mail.example.");
    is(find(records, n, "example", "TXT"), ZONE_REQUIRED, "\"v=spf1 mx ip4:192.0.2.7 ip6:2001:db8::7 -all\"");
    is(find(records, n, "r1._domainkey.example", "TXT"), ZONE_REQUIRED, "\"v=DKIM1; p=x\"");
    is(find(records, n, "_dmarc.example", "TXT"), ZONE_REQUIRED,
       "\"v=DMARC1; p=none; rua=mailto:postmaster@example\"");
    is(find(records, n, "_imaps._tcp.example", "SRV"), ZONE_ADVISED, "0 1 993 mail.example.");
    is(find(records, n, "_2525._tcp.mail.example", "TLSA"), ZONE_ADVISED, "3 1 1 00ff");
    assert_null(find(records, n, "_pop3s._tcp.example", "SRV"));
    settings_free(settings);
}

static void test_what_is_of_another_zone_is_a_hint(void **state UNUSED)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct settings *settings = read_settings();
    struct resolver_address address = {.family = AF_INET};
    struct zone_record *records;
    struct error error;
    size_t n;
    const struct own_addresses none = {.count = 0};
    const struct zone_question question = {.settings = settings,
                                           .domain = S("other.test"),
                                           .addresses = &address,
                                           .address_count = 1,
                                           .sources = &none};
    assert_int_equal(zone_records(&question, &arena, &records, &n, &error), ERR_OK);
    is(find(records, n, "mail.example", "A"), ZONE_HINT, "0.0.0.0");
    is(find(records, n, "other.test", "MX"), ZONE_REQUIRED, "10 mail.example.");
    is(find(records, n, "other.test", "TXT"), ZONE_REQUIRED, "\"v=spf1 mx -all\"");
    settings_free(settings);
}

static void test_long_texts_are_cut_into_strings(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf out = BUF(2000);
    char text[256];
    memset(text, 'a', sizeof(text));
    zone_put_strings(slice_of(text, sizeof(text)), &out);
    assert_int_equal(out.n, 256 + 5);
    assert_true(slice_ends(buf_slice(&out), S("a\" \"a\"")));
    buf_clear(&out);
    zone_put_strings(S("a\"b\\"), &out);
    assert_string_equal(buf_cstr(&out), "\"a\\\"b\\\\\"");
}

static void test_the_policy_s_id_changes_with_it(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf one = BUF(100);
    CLEANUP(buf_release) struct buf two = BUF(100);
    zone_put_policy_id("mail.example", &one);
    zone_put_policy_id("mail.example.org", &two);
    assert_int_equal(one.n, 16);
    assert_false(slice_eq(buf_slice(&one), buf_slice(&two)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_the_domain_needs),
        cmocka_unit_test(test_what_is_of_another_zone_is_a_hint),
        cmocka_unit_test(test_long_texts_are_cut_into_strings),
        cmocka_unit_test(test_the_policy_s_id_changes_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
