/* The JSON of a TLS report (RFC 8460 4), as it is posted: what sessions become, and in which order. */
#include <string.h>
#include <zlib.h>

#include "base/test.h"
#include "feedback/kind.h"
#include "feedback/tls_note.h"

enum { JSON_MAX = 65536, ROWS_MAX = 8, DAY = 20000 };

struct page {
    char json[JSON_MAX];
    unsigned status;
    size_t posts;
};

static enum err take_post(void *context, const struct fetch_request *request, struct arena *arena UNUSED,
                          struct fetch_answer *ret_answer, struct error *error UNUSED)
{
    struct page *page = context;
    z_stream stream = {.next_in = (Bytef *)request->body.p, .avail_in = (uInt)request->body.n};
    stream.next_out = (Bytef *)page->json;
    stream.avail_out = sizeof(page->json) - 1;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    page->json[stream.total_out] = 0;
    inflateEnd(&stream);
    page->posts++;
    *ret_answer = (struct fetch_answer){.status = page->status};
    return ERR_OK;
}

struct seen {
    struct tls_note note;
    uint64_t count;
};

static enum err report(struct page *page, const char *addresses, const struct seen *seen, size_t count)
{
    struct buf bytes[ROWS_MAX];
    struct feedback_row rows[ROWS_MAX];
    struct error error;
    const struct feedback_options options = {
        .kind = FEEDBACK_TLS, .hostname = "mail.example", .fetch = take_post, .fetch_context = page};
    const struct feedback_due due = {
        .day = DAY, .domain = S("there.example"), .addresses = slice_cstr(addresses)};
    assert_true(count <= ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = BUF(TLS_NOTE_POLICY_MAX);
        tls_note_put(&bytes[i], &seen[i].note);
        rows[i] = (struct feedback_row){buf_slice(&bytes[i]), seen[i].count};
    }
    enum err err = tls_report_send(&options, &due, rows, count, &error);
    for (size_t i = 0; i < count; i++)
        buf_release(&bytes[i]);
    return err;
}

#define PAGE "https://reports.example/take"
#define HEAD                                                                                               \
    "{\"organization-name\":\"mail.example\",\"date-range\":{\"start-datetime\":\"2024-10-04T00:00:00Z\"," \
    "\"end-datetime\":\"2024-10-04T23:59:59Z\"},\"contact-info\":\"postmaster@mail.example\","             \
    "\"report-id\":\"1728000000.there.example@mail.example\",\"policies\":["

static void test_sessions_of_one_policy_are_summed_up(void **state UNUSED)
{
    static struct page page = {.status = 204};
    const struct tls_note good = {.policy = TLS_POLICY_STS,
                                  .lines = S("version: STSv1\nmode: testing"),
                                  .hosts = S("mx.there.example")};
    struct tls_note bad = good;
    bad.result = TLS_RESULT_CERTIFICATE_EXPIRED;
    bad.local = S("192.0.2.1");
    bad.host = S("mx.there.example");
    bad.address = S("192.0.2.9");
    const struct seen seen[] = {{bad, 2}, {good, 40}};
    assert_int_equal(report(&page, PAGE, seen, ARRAY_LEN(seen)), ERR_OK);
    assert_string_equal(
        page.json,
        HEAD "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\",\"mode: testing\"],"
             "\"policy-domain\":\"there.example\",\"mx-host\":[\"mx.there.example\"]},"
             "\"summary\":{\"total-successful-session-count\":40,\"total-failure-session-count\":2},"
             "\"failure-details\":[{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\","
             "\"receiving-mx-hostname\":\"mx.there.example\",\"receiving-ip\":\"192.0.2.9\","
             "\"failed-session-count\":2}]}]}\n");
}

static void test_each_policy_stands_by_itself(void **state UNUSED)
{
    static struct page page = {.status = 200};
    const struct seen seen[] = {
        {{.policy = TLS_POLICY_TLSA, .lines = S("3 1 1 00")}, 3},
        {{.policy = TLS_POLICY_NONE, .result = TLS_RESULT_STARTTLS_NOT_SUPPORTED}, 1},
        {{.policy = TLS_POLICY_TLSA, .lines = S("3 1 1 11")}, 4},
        {{.policy = TLS_POLICY_NONE}, 2},
    };
    assert_int_equal(report(&page, PAGE, seen, ARRAY_LEN(seen)), ERR_OK);
    assert_string_equal(
        page.json,
        HEAD "{\"policy\":{\"policy-type\":\"no-policy-found\",\"policy-domain\":\"there.example\"},"
             "\"summary\":{\"total-successful-session-count\":2,\"total-failure-session-count\":1},"
             "\"failure-details\":[{\"result-type\":\"starttls-not-supported\",\"failed-session-count\":1}]},"
             "{\"policy\":{\"policy-type\":\"tlsa\",\"policy-string\":[\"3 1 1 00\"],"
             "\"policy-domain\":\"there.example\"},"
             "\"summary\":{\"total-successful-session-count\":3,\"total-failure-session-count\":0}},"
             "{\"policy\":{\"policy-type\":\"tlsa\",\"policy-string\":[\"3 1 1 11\"],"
             "\"policy-domain\":\"there.example\"},"
             "\"summary\":{\"total-successful-session-count\":4,\"total-failure-session-count\":0}}]}\n");
}

static void test_what_strangers_said_stays_in_its_string(void **state UNUSED)
{
    static struct page page = {.status = 200};
    const struct seen seen[] = {{{.policy = TLS_POLICY_STS, .lines = S("a\"}\\\x01\xff")}, 1}};
    assert_int_equal(report(&page, PAGE, seen, ARRAY_LEN(seen)), ERR_OK);
    assert_non_null(strstr(page.json, "\"policy-string\":[\"a\\\"}\\\\??\"]"));
}

static void test_no_page_that_took_it_is_an_error(void **state UNUSED)
{
    static struct page page = {.status = 503};
    const struct seen seen[] = {{{.policy = TLS_POLICY_NONE}, 1}};
    assert_int_equal(report(&page, PAGE "," PAGE, seen, 1), ERR_UNAVAILABLE);
    assert_int_equal(page.posts, 2);
    assert_int_equal(report(&page, PAGE, seen, 0), ERR_INVALID);
    assert_int_equal(page.posts, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions_of_one_policy_are_summed_up),
        cmocka_unit_test(test_each_policy_stands_by_itself),
        cmocka_unit_test(test_what_strangers_said_stays_in_its_string),
        cmocka_unit_test(test_no_page_that_took_it_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
