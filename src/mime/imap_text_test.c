#include "mime/testing.h"

#include "mime/imap_text.h"

static void assert_envelope(struct slice header, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(MIME_IMAP_TEXT_MAX);
    struct error error;
    assert_int_equal(mime_put_envelope(&out, header, &error), ERR_OK);
    assert_buf(&out, wanted);
}

/* The example of RFC 9051 8. */
static void test_writes_envelope(void **state)
{
    (void)state;
    assert_envelope(
        S("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
          "From: Terry Gray <gray@cac.washington.edu>\r\n"
          "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
          "To: imap@cac.washington.edu\r\n"
          "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
          "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
          "MIME-Version: 1.0\r\n\r\n"),
        "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
        "((NIL NIL \"imap\" \"cac.washington.edu\")) "
        "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) "
        "NIL NIL \"<B27397-0100000@cac.washington.edu>\")");
}

static void test_nil_and_empty_differ(void **state)
{
    (void)state;
    assert_envelope(S(""), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    assert_envelope(S("Subject:\r\nTo:\r\nDate: \r\n\r\n"), "(\"\" \"\" NIL NIL NIL NIL NIL NIL NIL NIL)");
    assert_envelope(
        S("Sender: s@x\r\nFrom: f@x\r\nReply-To: \r\n\r\n"),
        "(NIL NIL ((NIL NIL \"f\" \"x\")) ((NIL NIL \"s\" \"x\")) ((NIL NIL \"f\" \"x\")) NIL NIL NIL "
        "NIL NIL)");
}

static void test_writes_groups_and_several_fields(void **state)
{
    (void)state;
    assert_envelope(
        S("To: g: a@b;\nTo: c\nFrom: <@r:x@y>\nFrom: other@z\n\n"),
        "(NIL NIL ((NIL \"@r\" \"x\" \"y\")) ((NIL \"@r\" \"x\" \"y\")) ((NIL \"@r\" \"x\" \"y\")) "
        "((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)(NIL NIL \"c\" \"\")) NIL NIL NIL NIL)");
}

static void test_unfolds_and_uses_literals(void **state)
{
    (void)state;
    assert_envelope(S("Subject: a\r\n b \"q\" \\\r\nIn-Reply-To: \xc3\xbc\r\n\r\n"),
                    "(NIL \"a b \\\"q\\\" \\\\\" NIL NIL NIL NIL NIL NIL {2}\r\n\xc3\xbc NIL)");
    CLEANUP(buf_release) struct buf out = BUF(10000);
    char text[MIME_QUOTED_MAX + 1];
    memset(text, 'x', sizeof(text));
    mime_put_nstring(&out, slice_of(text, MIME_QUOTED_MAX));
    assert_int_equal(out.p[0], '"');
    buf_clear(&out);
    mime_put_nstring(&out, slice_of(text, MIME_QUOTED_MAX + 1));
    assert_true(slice_starts(buf_slice(&out), S("{1001}\r\nxxx")));
    buf_clear(&out);
    mime_put_nstring(&out, slice_none());
    mime_put_nstring(&out, S(""));
    assert_buf(&out, "NIL\"\"");
}

static void test_envelope_reads_a_bounded_header(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf header = BUF(8 << 20);
    CLEANUP(buf_release) struct buf out = BUF(MIME_IMAP_TEXT_MAX);
    struct error error;
    buf_put(&header, S("Subject: x\r\nTo: "));
    while (header.n < 4 << 20)
        buf_put(&header, S("a,"));
    assert_int_equal(mime_put_envelope(&out, buf_slice(&header), &error), ERR_OK);
    assert_false(buf_failed(&out));
    assert_true(slice_starts(buf_slice(&out), S("(NIL \"x\" NIL NIL NIL ((NIL NIL \"a\" \"\")")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_envelope),
        cmocka_unit_test(test_nil_and_empty_differ),
        cmocka_unit_test(test_writes_groups_and_several_fields),
        cmocka_unit_test(test_unfolds_and_uses_literals),
        cmocka_unit_test(test_envelope_reads_a_bounded_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
