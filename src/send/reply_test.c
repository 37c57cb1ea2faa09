/* Replies of SMTP, whole and in pieces. */
#include "base/test.h"
#include "send/reply.h"

static void assert_reply(struct slice input, unsigned code, const char *status, const char *text)
{
    CLEANUP(reply_release) struct reply reply = REPLY;
    size_t used = 0;
    assert_int_equal(reply_parse(input, &reply, &used), REPLY_DONE);
    assert_int_equal(used, input.n);
    assert_int_equal(reply.code, code);
    assert_string_equal(reply.status, status);
    assert_string_equal(buf_cstr(&reply.text), text);
}

static enum reply_progress progress(struct slice input)
{
    CLEANUP(reply_release) struct reply reply = REPLY;
    size_t used;
    return reply_parse(input, &reply, &used);
}

static void test_reads_one_line(void **state UNUSED)
{
    assert_reply(S("250 ok\r\n"), 250, "", "ok");
    assert_reply(S("354\r\n"), 354, "", "");
    assert_reply(S("220 mail.example ESMTP\n"), 220, "", "mail.example ESMTP");
}

static void test_reads_the_status_code(void **state UNUSED)
{
    assert_reply(S("550 5.1.1 no such person\r\n"), 550, "5.1.1", "no such person");
    assert_reply(S("451 4.123.999\r\n"), 451, "4.123.999", "");
}

static void test_a_number_is_no_status_code(void **state UNUSED)
{
    assert_reply(S("550 4.1.1 of another class\r\n"), 550, "", "4.1.1 of another class");
    assert_reply(S("550 5.1 too short\r\n"), 550, "", "5.1 too short");
    assert_reply(S("550 5.1.1234 too long\r\n"), 550, "", "5.1.1234 too long");
    assert_reply(S("550 5.1.1x\r\n"), 550, "", "5.1.1x");
    assert_reply(S("550 55.1.1 x\r\n"), 550, "", "55.1.1 x");
}

static void test_several_lines_are_one_reply(void **state UNUSED)
{
    assert_reply(S("250-mx.example\r\n250-SIZE 1000\r\n250 PIPELINING\r\n"), 250, "",
                 "mx.example\nSIZE 1000\nPIPELINING");
    assert_reply(S("550-5.7.1 go\r\n550 5.7.1 away\r\n"), 550, "5.7.1", "go\naway");
}

static void test_waits_for_the_rest(void **state UNUSED)
{
    struct slice whole = S("250-mx.example\r\n250 PIPELINING\r\n");
    for (size_t n = 0; n < whole.n; n++)
        assert_int_equal(progress(slice_sub(whole, 0, n)), REPLY_MORE);
}

static void test_takes_only_the_first_of_two(void **state UNUSED)
{
    CLEANUP(reply_release) struct reply reply = REPLY;
    size_t used;
    assert_int_equal(reply_parse(S("250 one\r\n550 two\r\n"), &reply, &used), REPLY_DONE);
    assert_int_equal(used, 9);
}

static void test_refuses_what_is_no_reply(void **state UNUSED)
{
    assert_int_equal(progress(S("hello\r\n")), REPLY_BAD);
    assert_int_equal(progress(S("25 x\r\n")), REPLY_BAD);
    assert_int_equal(progress(S("100 x\r\n")), REPLY_BAD);
    assert_int_equal(progress(S("600 x\r\n")), REPLY_BAD);
    assert_int_equal(progress(S("250x\r\n")), REPLY_BAD);
    assert_int_equal(progress(S("250-a\r\n251 b\r\n")), REPLY_BAD);
    assert_int_equal(progress(S("\r\n")), REPLY_BAD);
}

static void test_controls_are_blanks(void **state UNUSED)
{
    assert_reply(S("250 a\tb\033c\r\n"), 250, "", "a b c");
}

static void test_limits(void **state UNUSED)
{
    CLEANUP(buf_release) struct buf b = BUF(1024 * 1024);
    buf_printf(&b, "250 %0*d\r\n", REPLY_LINE_MAX - 4, 0);
    assert_int_equal(progress(buf_slice(&b)), REPLY_DONE);
    buf_clear(&b);
    buf_printf(&b, "250 %0*d\r\n", REPLY_LINE_MAX - 3, 0);
    assert_int_equal(progress(buf_slice(&b)), REPLY_BAD);
    buf_clear(&b);
    for (int i = 1; i < REPLY_LINES_MAX; i++)
        buf_put(&b, S("250-x\r\n"));
    size_t before = b.n;
    buf_put(&b, S("250 x\r\n"));
    assert_int_equal(progress(buf_slice(&b)), REPLY_DONE);
    b.n = before;
    buf_put(&b, S("250-x\r\n250 x\r\n"));
    assert_int_equal(progress(buf_slice(&b)), REPLY_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_one_line),
        cmocka_unit_test(test_reads_the_status_code),
        cmocka_unit_test(test_a_number_is_no_status_code),
        cmocka_unit_test(test_several_lines_are_one_reply),
        cmocka_unit_test(test_waits_for_the_rest),
        cmocka_unit_test(test_takes_only_the_first_of_two),
        cmocka_unit_test(test_refuses_what_is_no_reply),
        cmocka_unit_test(test_controls_are_blanks),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
