#include "mime/testing.h"

#include "base/utf8.h"
#include "mime/html_text.h"
#include "mime/summary.h"

static struct arena arena = {.cap = MIME_STRUCTURE_ARENA_MAX + MIME_SUMMARY_ARENA_MAX};

static int setup(void **state)
{
    (void)state;
    arena_reset(&arena);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static struct mime_summary summarize(struct slice message)
{
    struct mime_part *root;
    struct mime_summary summary;
    struct error error;
    assert_int_equal(mime_parse(&arena, message, &root, &error), ERR_OK);
    assert_int_equal(mime_summarize(&arena, root, &summary, &error), ERR_OK);
    return summary;
}

static void assert_base(const char *subject, const char *wanted, bool marked)
{
    struct slice base;
    bool got;
    mime_base_subject(slice_cstr(subject), &base, &got);
    assert_slice(base, wanted);
    assert_int_equal(got, marked);
}

/* RFC 5256 2.1 */
static void test_base_subject(void **state)
{
    (void)state;
    assert_base("hello", "hello", false);
    assert_base("Re: hello", "hello", true);
    assert_base("RE : fwd[2]: FW:hello (fwd) (FWD) ", "hello", true);
    assert_base("[list] Re: [list] hello", "hello", true);
    assert_base("[list] hello", "hello", false);
    assert_base("[list]", "[list]", false);
    assert_base("[fwd: [fwd: Re: hello]]", "hello", true);
    assert_base("Re:", "", true);
    assert_base("Regards", "Regards", false);
    assert_base("Re[x: y", "Re[x: y", false);
    assert_base("[fwd:]", "", true);
    assert_base("", "", false);
}

static void test_summarizes_a_message(void **state)
{
    (void)state;
    struct mime_summary s = summarize(
        S("From: =?iso-8859-1?q?J=F6rg?= <Joerg@Example.org>\r\nTo: g:;, b@c, d@e\r\n"
          "Subject: =?utf-8?q?Re=3A?=  =?utf-8?q?_=C3=BCber?=   x\r\nDate: 17 Jul 1996 02:44:25 -0700\r\n"
          "Message-ID: <\"a.b\"@c>\r\nIn-Reply-To: your <x@y> of <z @y>\r\nReferences: <1@y>\r\n <2@y> junk "
          "<\r\n\r\n"
          "Hello  there,\r\n\r\n  friend.\r\n"));
    assert_slice(s.subject, "Re: \xc3\xbc"
                            "ber   x");
    assert_slice(s.base_subject, "\xc3\xbc"
                                 "ber x");
    assert_true(s.is_reply_or_forward);
    assert_slice(s.from.display, "J\xc3\xb6rg");
    assert_slice(s.from.address, "Joerg@Example.org");
    assert_slice(s.from.local_key, "Joerg");
    assert_slice(s.to.display, "g"); /* RFC 5957 3: the marker of a group is an address like any other */
    assert_slice(s.to.local_key, "g");
    assert_int_equal(s.to.address.n, 0);
    assert_int_equal(s.cc.address.n, 0);
    assert_true(s.has_sent);
    assert_int_equal(s.sent.seconds, 837596665);
    assert_slice(s.message_id, "<a.b@c>");
    assert_int_equal(s.in_reply_to_count, 2);
    assert_slice(s.in_reply_to[1], "<z@y>");
    assert_int_equal(s.references_count, 2);
    assert_slice(s.references[1], "<2@y>");
    assert_slice(s.preview, "Hello there, friend.");
    assert_false(s.has_attachment);
    assert_true(slice_starts(s.envelope, S("(\"17 Jul")));
    assert_true(slice_starts(s.bodystructure, S("(\"text\" \"plain\"")));
}

/* RFC 5255 4.6: strings that are not of their charset are told from others, and ordered by their octets. */
static void test_sort_keys_of_broken_text_are_octets(void **state)
{
    (void)state;
    struct mime_summary s =
        summarize(S("From: =?utf-8?q?Ann=C3?= <a@b>\r\nTo: =?x-nope?q?Bob?= <b@c>\r\n"
                    "Cc: J\xe4ger <j\xe4@d>\r\nSubject: Re: =?utf-8?q?Z=FF?=  x\r\n\r\n"));
    assert_slice(s.subject, "Re: Z\xef\xbf\xbd  x");
    assert_slice(s.base_subject, "\xff"
                                 "Z\xff x");
    assert_true(s.is_reply_or_forward);
    assert_slice(s.from.display, "Ann\xef\xbf\xbd");
    assert_slice(s.from.display_key, "\xff"
                                     "Ann\xc3");
    assert_slice(s.from.local_key, "a");
    assert_slice(s.to.display_key, "\xff"
                                   "Bob");
    assert_slice(s.cc.display_key, "J\xc3\xa4ger");
    assert_slice(s.cc.local_key, "j\xc3\xa4");
    s = summarize(S("From: <j\x81@d>\r\nSubject: =?utf-8?q?=FF?=\r\n\r\n"));
    assert_slice(s.from.local_key, "\xff"
                                   "j\x81");
    assert_slice(s.from.display_key, "\xff"
                                     "j\x81@d");
    assert_slice(s.base_subject, "\xff\xff");
}

static void test_empty_message(void **state)
{
    (void)state;
    struct mime_summary s = summarize(S(""));
    assert_int_equal(s.subject.n + s.preview.n + s.message_id.n + s.references_count, 0);
    assert_false(s.has_sent);
    assert_slice(s.envelope, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
}

static void test_message_id_without_brackets(void **state)
{
    (void)state;
    assert_slice(summarize(S("Message-ID: a@b \n\n")).message_id, "<a@b>");
    assert_int_equal(summarize(S("Message-ID: a b\n\n")).message_id.n, 0);
    assert_int_equal(summarize(S("Message-ID: <>\n\n")).message_id.n, 0);
}

static void test_message_id_length_is_limited(void **state)
{
    (void)state;
    for (size_t n = MIME_MESSAGE_ID_MAX; n <= MIME_MESSAGE_ID_MAX + 1; n++) {
        CLEANUP(buf_release) struct buf text = BUF(10000);
        buf_put(&text, S("Message-ID: <"));
        for (size_t i = 0; i < n; i++)
            buf_putc(&text, 'x');
        buf_put(&text, S(">\n\n"));
        assert_int_equal(summarize(buf_slice(&text)).message_id.n, n == MIME_MESSAGE_ID_MAX ? n + 2 : 0);
    }
}

static void test_references_are_limited(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(100000);
    buf_put(&text, S("References:"));
    for (int i = 0; i <= MIME_REFERENCES_MAX; i++)
        buf_printf(&text, " <%d@x>\r\n", i);
    buf_put(&text, S("\r\n"));
    struct mime_summary s = summarize(buf_slice(&text));
    assert_int_equal(s.references_count, MIME_REFERENCES_MAX);
    assert_slice(s.references[0], "<0@x>");
    assert_slice(s.references[1], "<2@x>");
    assert_slice(s.references[MIME_REFERENCES_MAX - 1], "<200@x>");
}

static void test_previews_html(void **state)
{
    (void)state;
    struct mime_summary s = summarize(
        S("Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
          "<html><head><title>no</title></head><body>Gr=FC&szlig;e<br>next</body>"));
    assert_slice(s.preview, "Gr\xc3\xbc\xc3\x9f"
                            "e next");
}

static void test_preview_is_limited(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(100000);
    buf_put(&text, S("Content-Type: text/plain; charset=utf-8\n\n"));
    for (int i = 0; i < 10000; i++)
        buf_put(&text, S("\xe2\x82\xac"));
    struct slice preview = summarize(buf_slice(&text)).preview;
    assert_int_equal(preview.n, 3 * MIME_PREVIEW_MAX);
    assert_true(utf8_valid(preview));
}

#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\n"

static void test_finds_attachments(void **state)
{
    (void)state;
    assert_true(summarize(S(MIXED "Content-Type: application/pdf\n\nx\n--b--\n")).has_attachment);
    assert_true(summarize(S(MIXED "Content-Disposition: attachment\n\nx\n")).has_attachment);
    assert_true(summarize(S(MIXED "Content-Type: message/rfc822\n\nA: b\n\nx\n")).has_attachment);
    assert_true(summarize(S(MIXED "Content-Type: text/plain; name*0=x\n\nx\n")).has_attachment);
    assert_false(summarize(S(MIXED "Content-Type: text/html\n\nx\n")).has_attachment);
    assert_false(summarize(S(MIXED "Content-Type: image/png\nContent-ID: <x>\n\nx\n")).has_attachment);
    assert_false(
        summarize(S(MIXED "Content-Type: image/png\nContent-Disposition: inline\n\nx\n")).has_attachment);
    assert_false(summarize(S(MIXED "Content-Type: application/pgp-signature\n\nx\n")).has_attachment);
    assert_slice(summarize(S(MIXED "Content-Type: application/pdf\n\nx\n--b--\n")).preview, "text");
}

static void test_long_values_are_cut(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(100000);
    buf_put(&text, S("Subject: "));
    for (int i = 0; i < MIME_SUBJECT_MAX + 1; i++)
        buf_put(&text, S("x"));
    buf_put(&text, S("\nFrom: \""));
    for (int i = 0; i < MIME_DISPLAY_MAX + 1; i++)
        buf_put(&text, S("y"));
    buf_put(&text, S("\" <a@b>\n\n"));
    struct mime_summary s = summarize(buf_slice(&text));
    assert_int_equal(s.subject.n, MIME_SUBJECT_MAX);
    assert_int_equal(s.from.display.n, MIME_DISPLAY_MAX);
}

static void assert_text(const char *html, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(1000);
    mime_html_to_text(&out, slice_cstr(html), 500);
    assert_buf(&out, wanted);
}

static void test_strips_html(void **state)
{
    (void)state;
    assert_text("a <b>b</b>  c<p>d</p>e", "a b c\nd\ne");
    assert_text("<style>x{}</style><SCRIPT>if (a<b) \"</s\"</ScRipt >y", "y");
    assert_text("<!-- > no -->y<!DOCTYPE html>", "y");
    assert_text("<a title='x>y' href=\"a>b\">z</a>", "z");
    assert_text("&lt;&#65;&#x42;&nbsp;&auml;&bogus;&", "<AB \xc3\xa4&bogus;&");
    assert_text("&#xD800;&#99999999999;", "\xef\xbf\xbd\xef\xbf\xbd");
    assert_text("1 < 2", "1 < 2");
    assert_text("x<", "x<");
    assert_text("x<b", "x");
    assert_text("<script>open", "");
    assert_text("\xff", "\xef\xbf\xbd");
    CLEANUP(buf_release) struct buf out = BUF(1000);
    mime_html_to_text(&out, S("\xe2\x82\xac\xe2\x82\xac"), 4);
    assert_buf(&out, "\xe2\x82\xac");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_base_subject, setup),
        cmocka_unit_test_setup(test_summarizes_a_message, setup),
        cmocka_unit_test_setup(test_sort_keys_of_broken_text_are_octets, setup),
        cmocka_unit_test_setup(test_empty_message, setup),
        cmocka_unit_test_setup(test_message_id_without_brackets, setup),
        cmocka_unit_test_setup(test_message_id_length_is_limited, setup),
        cmocka_unit_test_setup(test_references_are_limited, setup),
        cmocka_unit_test_setup(test_previews_html, setup),
        cmocka_unit_test_setup(test_preview_is_limited, setup),
        cmocka_unit_test_setup(test_finds_attachments, setup),
        cmocka_unit_test_setup(test_long_values_are_cut, setup),
        cmocka_unit_test_setup(test_strips_html, setup),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
