#include "mime/testing.h"

#include "mime/date.h"

static void assert_date(const char *text, int64_t seconds, int zone)
{
    struct mime_date date;
    if (!mime_date_parse(slice_cstr(text), &date))
        fail_msg("no date: %s", text);
    if (date.seconds != seconds || date.zone_minutes != zone)
        fail_msg("%s: %lld %d", text, (long long)date.seconds, date.zone_minutes);
}

static void test_reads_message_dates(void **state)
{
    (void)state;
    assert_date("Wed, 17 Jul 1996 02:44:25 -0700", 837596665, -420);
    assert_date("17 Jul 1996 09:44:25 GMT", 837596665, 0);
    assert_date("Wed, 17 Jul 1996 09:44 +0000 (UTC)", 837596640, 0);
    assert_date("1 Jan 1970 00:00:00 +0000", 0, 0);
    assert_date("31 Dec 1969 23:59:59 +0000", -1, 0);
    assert_date("29 Feb 2000 12:00:00 +0530", 951805800, 330);
    assert_date("Fri, 31 Dec 1999 23:59:60 +0000", 946684800, 0);
}

static void test_reads_obsolete_and_broken_dates(void **state)
{
    (void)state;
    assert_date("17 Jul 96 02:44:25 PDT", 837596665, -420);
    assert_date("1 Jan 02 00:00:00 A", 1009843200, 0);
    assert_date("1 Jan 102 00:00:00 UT", 1009843200, 0);
    assert_date("Wed (x\\) (y)) , 17 \r\n Jul 1996 2:44:25 -0700", 837596665, -420);
    assert_date("Wed Jul 17 02:44:25 1996 -0700", 837596665, -420);
    assert_date("Wed, 17-Jul-1996 02.44.25 -0700", 837596665, -420);
    assert_date("Wednesday, July 17, 1996 2:44:25 AM -07:00", 837596665, -420);
    assert_date("17 Jul 1996 09:44:25 GMT+0100", 837593065, 60);
    assert_date("17 Jul 1996", 837561600, 0);
    assert_date("17 Jul 1996 09:44:25 +9999", 837596665, 0);
    assert_date("1996-07-17T02:44:25-07:00", 837596665, -420);
    assert_date("17 Jul 1996 11:44:25 CEST", 837596665, 120);
    assert_date("17 Jul 1996 12:44:25 PM +0000", 837607465, 0);
}

static void test_rejects_what_is_no_date(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "hello",
                                        "31 Feb 2001 00:00:00 +0000",
                                        "32 Jan 2001",
                                        "17 Jul",
                                        "1 Jan 2001 24:00:00",
                                        "1 Jan 2001 10:60:00",
                                        "Jul 1996",
                                        "(((",
                                        "1 Jan 99999"};
    struct mime_date date;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (mime_date_parse(slice_cstr(texts[i]), &date))
            fail_msg("a date: %s", texts[i]);
}

static void test_writes_dates(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(100);
    struct mime_date date = {837596665, -420};
    mime_date_put(&out, date);
    assert_buf(&out, "Wed, 17 Jul 1996 02:44:25 -0700");
    mime_date_put_internal(&out, date);
    assert_buf(&out, "17-Jul-1996 02:44:25 -0700");
    mime_date_put_rfc3339(&out, date);
    assert_buf(&out, "1996-07-17T02:44:25-07:00");
    mime_date_put_internal(&out, (struct mime_date){0, 0});
    assert_buf(&out, " 1-Jan-1970 00:00:00 +0000");
    mime_date_put_rfc3339(&out, (struct mime_date){-1, 0});
    assert_buf(&out, "1969-12-31T23:59:59Z");
    mime_date_put_rfc3339(&out, (struct mime_date){INT64_MAX, 0});
    assert_buf(&out, "9999-12-31T23:59:59Z");
    mime_date_put_rfc3339(&out, (struct mime_date){INT64_MIN, 100000});
    assert_int_equal(out.n, 25);
    buf_clear(&out);
    for (int day = -5; day < 3; day++)
        mime_date_put(&out, (struct mime_date){day * 86400, 0});
    assert_true(slice_starts(buf_slice(&out), S("Sat, 27 Dec 1969")));
}

static void test_internal_date_is_strict(void **state)
{
    (void)state;
    struct mime_date date;
    assert_true(mime_date_parse_internal(S("17-Jul-1996 02:44:25 -0700"), &date));
    assert_int_equal(date.seconds, 837596665);
    assert_true(mime_date_parse_internal(S(" 1-jan-1970 00:00:00 +0000"), &date));
    assert_true(mime_date_parse_internal(S("1-Jan-1970 00:00:00 +0000"), &date));
    assert_false(mime_date_parse_internal(S("1-Jan-1970 00:00:00"), &date));
    assert_false(mime_date_parse_internal(S("1-Jan-70 00:00:00 +0000"), &date));
    assert_false(mime_date_parse_internal(S("30-Feb-1970 00:00:00 +0000"), &date));
    assert_false(mime_date_parse_internal(S("1-Jan-1970 00:00:00 +2400"), &date));
    assert_false(mime_date_parse_internal(S("1-Jan-1970 00:00:00 +0000 "), &date));
    assert_false(mime_date_parse_internal(S("1-Jan-1970 25:00:00 +0000"), &date));
}

static void test_days(void **state)
{
    (void)state;
    int32_t day;
    assert_true(mime_date_parse_day(S("1-Feb-1994"), &day));
    assert_int_equal(day, 8797);
    assert_false(mime_date_parse_day(S("1-Feb-1994 "), &day));
    assert_false(mime_date_parse_day(S(" 1-Feb-1994"), &day));
    assert_false(mime_date_parse_day(S("29-Feb-1994"), &day));
    /* 02:00 on the 2nd in Tokyo is the 1st in UTC; the writer's day counts. */
    assert_int_equal(mime_date_day((struct mime_date){8798 * 86400 - 7 * 3600, 540}), 8798);
}

static void test_rfc3339(void **state)
{
    (void)state;
    struct mime_date date;
    assert_true(mime_date_parse_rfc3339(S("1996-07-17t09:44:25.123z"), &date));
    assert_int_equal(date.seconds, 837596665);
    assert_false(mime_date_parse_rfc3339(S("1996-07-17"), &date));
    assert_false(mime_date_parse_rfc3339(S("1996-13-17T00:00:00Z"), &date));
    assert_false(mime_date_parse_rfc3339(S("1996-07-17T00:00:00"), &date));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_message_dates),
        cmocka_unit_test(test_reads_obsolete_and_broken_dates),
        cmocka_unit_test(test_rejects_what_is_no_date),
        cmocka_unit_test(test_writes_dates),
        cmocka_unit_test(test_internal_date_is_strict),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_rfc3339),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
