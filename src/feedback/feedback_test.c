#include "feedback/feedback.h"

#include <zlib.h>

#include "base/base64.h"
#include "feedback/aggregate.h"
#include "queue/testing.h"

enum { DAY = 86400 };
#define NOON ((int64_t)(20000 * (int64_t)DAY + DAY / 2) * CLOCK_SECOND)

struct desk {
    struct house house;
    struct feedback *feedback;
    struct error error;
};

static void open_desk(struct desk *t)
{
    const struct feedback_options options = {
        .volume = store_volume(t->house.store), .queue = t->house.queue, .hostname = "mail.example"};
    ASSERT_OK(t, feedback_open(&options, &t->feedback, &t->error));
}

static int setup(void **state)
{
    struct desk *t = calloc(1, sizeof(*t));
    void *made = NULL;
    assert_non_null(t);
    assert_int_equal(house_make(&made), 0);
    t->house = *(struct house *)made;
    free(made);
    open_desk(t);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct desk *t = *state;
    feedback_close(t->feedback);
    struct house *house = malloc(sizeof(*house));
    assert_non_null(house);
    *house = t->house;
    void *made = house;
    free(t);
    return house_free(&made);
}

static struct sighting_row a_row(void)
{
    return (struct sighting_row){.peer = S("192.0.2.1"),
                                 .author = S("good.example"),
                                 .envelope = S("list.example"),
                                 .disposition = DISPOSITION_PASS,
                                 .dkim_aligned = true,
                                 .spf = SPF_RESULT_SOFTFAIL,
                                 .spf_domain = S("list.example"),
                                 .signatures = {{S("good.example"), S("key<&>"), DKIM_PASS}},
                                 .signature_count = 1};
}

static enum err note(struct desk *t, const char *domain, const char *addresses,
                     const struct sighting_row *row, int64_t now_us)
{
    CLEANUP(buf_release) struct buf policy = BUF(SIGHTING_BYTES_MAX);
    CLEANUP(buf_release) struct buf bytes = BUF(SIGHTING_BYTES_MAX);
    const struct dmarc_record record = {
        .policy = DMARC_POLICY_REJECT, .subdomain = DMARC_POLICY_QUARANTINE, .strict_spf = true};
    sighting_put_policy(&policy, &record);
    sighting_put_row(&bytes, row);
    const struct feedback_note noted = {slice_cstr(domain), slice_cstr(addresses), buf_slice(&policy),
                                        buf_slice(&bytes)};
    return feedback_note(t->feedback, &noted, now_us, &t->error);
}

/* The attachment of a report, unpacked. */
static const char *unpack(struct desk *t, const char *message)
{
    static char xml[65536];
    CLEANUP(buf_release) struct buf text = BUF(65536);
    CLEANUP(buf_release) struct buf packed = BUF(65536);
    const char *at = strstr(message, "application/gzip");
    assert_non_null(at);
    at = strstr(at, "\r\n\r\n") + 4;
    for (; *at != '-'; at++)
        if (*at != '\r' && *at != '\n')
            buf_putc(&text, *at);
    assert_true(base64_decode(&packed, buf_slice(&text)));
    z_stream stream = {.next_in = (Bytef *)packed.p, .avail_in = (uInt)packed.n};
    stream.next_out = (Bytef *)xml;
    stream.avail_out = sizeof(xml) - 1;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    xml[stream.total_out] = 0;
    inflateEnd(&stream);
    (void)t;
    return xml;
}

static void test_report_of_a_day(void **state)
{
    struct desk *t = *state;
    struct sighting_row row = a_row();
    for (int i = 0; i < 3; i++)
        ASSERT_OK(t, note(t, "good.example", "anna@demo.example", &row, NOON));
    row.peer = S("2001:db8::1");
    row.disposition = DISPOSITION_REJECT;
    row.dkim_aligned = false;
    row.envelope = slice_none();
    row.overridden = S("arc=pass as[1].d=<list.example>");
    ASSERT_OK(t, note(t, "good.example", "anna@demo.example", &row, NOON));
    ASSERT_OK(t, feedback_send(t->feedback, NOON, &t->error)); /* the day is not over */
    house_settle(&t->house);
    assert_int_equal(house_count(&t->house, t->house.anna), 0);
    ASSERT_OK(t, feedback_send(t->feedback, NOON + CLOCK_DAY, &t->error));
    house_settle(&t->house);
    assert_int_equal(house_count(&t->house, t->house.anna), 1);
    const char *message = house_read(&t->house, t->house.anna);
    ASSERT_HAS(message, "Return-Path: <>");
    ASSERT_HAS(message, "postmaster@mail.example");
    ASSERT_HAS(message, "mail.example!good.example!1728000000!1728086399.xml.gz");
    const char *xml = unpack(t, message);
    ASSERT_HAS(xml, "<begin>1728000000</begin><end>1728086399</end>");
    ASSERT_HAS(xml,
               "<domain>good.example</domain><p>reject</p><sp>quarantine</sp><np>none</np><adkim>r</adkim>"
               "<aspf>s</aspf>");
    ASSERT_HAS(xml,
               "<record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated>"
               "<disposition>pass</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>"
               "<identifiers><envelope_from>list.example</envelope_from><header_from>good.example"
               "</header_from></identifiers><auth_results><dkim><domain>good.example</domain><selector>"
               "key&lt;&amp;&gt;</selector><result>pass</result></dkim><spf><domain>list.example</domain>"
               "<scope>mfrom</scope><result>softfail</result></spf></auth_results></record>");
    ASSERT_HAS(xml, "<source_ip>2001:db8::1</source_ip><count>1</count><policy_evaluated><disposition>reject"
                    "</disposition><dkim>fail</dkim><spf>fail</spf><reason><type>local_policy</type><comment>"
                    "arc=pass as[1].d=&lt;list.example&gt;</comment></reason></policy_evaluated>");
    ASSERT_OK(t, feedback_send(t->feedback, NOON + CLOCK_DAY, &t->error)); /* once */
    house_settle(&t->house);
    assert_int_equal(house_count(&t->house, t->house.anna), 1);
}

static void test_each_domain_gets_its_own(void **state)
{
    struct desk *t = *state;
    const struct sighting_row row = a_row();
    ASSERT_OK(t, note(t, "good.example", "anna@demo.example,otto@demo.example", &row, NOON));
    ASSERT_OK(t, note(t, "other.example", "anna@demo.example", &row, NOON));
    ASSERT_OK(t, note(t, "other.example", "anna@demo.example", &row, NOON + CLOCK_DAY));
    ASSERT_OK(t, feedback_send(t->feedback, NOON + 2 * CLOCK_DAY, &t->error));
    house_settle(&t->house);
    assert_int_equal(house_count(&t->house, t->house.anna), 3);
    assert_int_equal(house_count(&t->house, t->house.otto), 1);
}

static void test_counts_outlive_a_restart(void **state)
{
    struct desk *t = *state;
    const struct sighting_row row = a_row();
    ASSERT_OK(t, note(t, "good.example", "anna@demo.example", &row, NOON));
    feedback_close(take(t->feedback));
    open_desk(t);
    ASSERT_OK(t, note(t, "good.example", "anna@demo.example", &row, NOON));
    ASSERT_OK(t, feedback_send(t->feedback, NOON + CLOCK_DAY, &t->error));
    house_settle(&t->house);
    ASSERT_HAS(unpack(t, house_read(&t->house, t->house.anna)), "<count>2</count>");
}

static void test_damaged_rows_are_left_out(void **state)
{
    struct desk *t = *state;
    const struct feedback_note policy = {S("a.example"), S("anna@demo.example"), S("x"), S("y")};
    const struct feedback_note row = {S("b.example"), S("anna@demo.example"), S("\0\0\0\0"), S("y")};
    ASSERT_OK(t, feedback_note(t->feedback, &policy, NOON, &t->error));
    ASSERT_OK(t, feedback_note(t->feedback, &row, NOON, &t->error));
    ASSERT_OK(t, feedback_send(t->feedback, NOON + CLOCK_DAY, &t->error));
    house_settle(&t->house);
    assert_int_equal(house_count(&t->house, t->house.anna), 0);
}

static void test_notes_have_limits(void **state)
{
    struct desk *t = *state;
    struct sighting_row row = a_row();
    char peer[16];
    for (int i = 0; i < FEEDBACK_ROWS_MAX; i++) {
        snprintf(peer, sizeof(peer), "%d", i);
        row.peer = slice_cstr(peer);
        ASSERT_OK(t, note(t, "good.example", "anna@demo.example", &row, NOON));
    }
    assert_int_equal(note(t, "good.example", "anna@demo.example", &row, NOON), ERR_LIMIT);
    assert_int_equal(note(t, "", "anna@demo.example", &row, NOON), ERR_INVALID);
    assert_int_equal(note(t, "good.example", "", &row, NOON), ERR_INVALID);
}

static void test_rows_are_read_as_written(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf bytes = BUF(SIGHTING_BYTES_MAX);
    const struct sighting_row row = a_row();
    struct sighting_row read;
    struct dmarc_record record;
    sighting_put_row(&bytes, &row);
    assert_true(sighting_get_row(buf_slice(&bytes), &read));
    assert_true(slice_eq(read.signatures[0].selector, S("key<&>")) && read.spf == SPF_RESULT_SOFTFAIL);
    for (size_t n = 0; n < bytes.n; n++)
        assert_false(sighting_get_row(slice_sub(buf_slice(&bytes), 0, n), &read));
    assert_false(sighting_get_policy(S("\3\0\0\0"), &record));
    assert_false(sighting_get_policy(S("\0\0\0"), &record));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_report_of_a_day, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_domain_gets_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts_outlive_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_rows_are_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notes_have_limits, setup, teardown),
        cmocka_unit_test(test_rows_are_read_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
