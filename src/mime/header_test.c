#include "mime/testing.h"

#include "mime/header.h"

static void test_splits_at_empty_line(void **state)
{
    (void)state;
    struct mime_split s = mime_split(S("A: b\r\nC: d\r\n\r\nbody\r\n\r\n"));
    assert_slice(s.header, "A: b\r\nC: d\r\n\r\n");
    assert_slice(s.body, "body\r\n\r\n");
    s = mime_split(S("A: b\n\nbody"));
    assert_slice(s.header, "A: b\n\n");
    s = mime_split(S("A: b"));
    assert_slice(s.header, "A: b");
    assert_int_equal(s.body.n, 0);
}

static void test_blank_line_is_no_end(void **state)
{
    (void)state;
    struct mime_split s = mime_split(S("A: b\r\n \r\n c\r\nD: e\r\n\r\nbody"));
    assert_slice(s.body, "body");
}

/* RFC 7103 7.2 */
static void test_non_field_line_continues_or_starts_body(void **state)
{
    (void)state;
    struct mime_split s = mime_split(S("Subject: a\r\nmore\r\nTo: b\r\n\r\nbody"));
    assert_slice(s.body, "body");
    assert_slice(mime_field_value(s.header, S("subject")), "a\r\nmore");
    s = mime_split(S("Subject: a\r\nbody\r\nwithout separator"));
    assert_slice(s.body, "body\r\nwithout separator");
    s = mime_split(S("no header\r\n\r\nTo: x"));
    assert_int_equal(s.header.n, 0);
}

static void test_skips_mbox_line(void **state)
{
    (void)state;
    struct mime_split s = mime_split(S("From a@b Mon Jan  1 00:00:00 2001\nTo: x\n\nbody"));
    assert_slice(s.body, "body");
    assert_slice(mime_field_value(s.header, S("To")), "x");
    assert_null(mime_field_value(s.header, S("From")).p);
}

static void test_reads_odd_fields(void **state)
{
    (void)state;
    struct slice header = S("A : 1\r\nB\t:2\nC:\n\t3\n 4\nD\xc3\xa4: 5\nE: a\0b\n\n");
    struct cursor c = cursor_of(header);
    struct mime_field f;
    assert_true(mime_field_next(&c, &f));
    assert_slice(f.name, "A");
    assert_slice(f.value, " 1");
    assert_slice(f.whole, "A : 1\r\n");
    assert_true(mime_field_next(&c, &f));
    assert_slice(f.name, "B");
    assert_true(mime_field_next(&c, &f));
    assert_slice(f.value, "\n\t3\n 4");
    assert_true(mime_field_next(&c, &f));
    assert_slice(f.name, "D\xc3\xa4");
    assert_true(mime_field_next(&c, &f));
    assert_int_equal(f.value.n, 4);
    assert_false(mime_field_next(&c, &f));
    assert_false(mime_field_next(&c, &f));
    assert_null(mime_field_value(header, S("Z")).p);
    assert_non_null(mime_field_value(S("Z:\r\n"), S("z")).p);
}

static void test_unfolds(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(1000);
    mime_unfold(&out, S("  a\r\n\tb\n  c\r\n"));
    assert_buf(&out, "a\tb  c");
    mime_unfold(&out, S("a\r\nb\rc"));
    assert_buf(&out, "a b c");
    mime_unfold(&out, slice_of("a\0b", 3));
    assert_buf(&out, "ab");
    assert_true(mime_is_unfolded(S("abc")));
    assert_false(mime_is_unfolded(S("a\nb")));
}

static void test_selects_fields(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(1000);
    struct slice names[] = {S("to"), S("SUBJECT")};
    struct slice header = S("From: a\r\nTo: b\r\n c\r\nSubject: d\r\n\r\n");
    mime_header_select(&out, header, names, 2, false);
    assert_buf(&out, "To: b\r\n c\r\nSubject: d\r\n\r\n");
    mime_header_select(&out, header, names, 2, true);
    assert_buf(&out, "From: a\r\n\r\n");
    mime_header_select(&out, S("To: x"), names, 2, false);
    assert_buf(&out, "To: x\r\n");
    mime_header_select(&out, S("To: x\n\n"), names, 2, false);
    assert_buf(&out, "To: x\n\r\n");
    mime_header_select(&out, S("\r\n"), names, 2, false);
    assert_buf(&out, "\r\n");
    mime_header_select(&out, S(""), names, 2, false);
    assert_buf(&out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_splits_at_empty_line),
        cmocka_unit_test(test_blank_line_is_no_end),
        cmocka_unit_test(test_non_field_line_continues_or_starts_body),
        cmocka_unit_test(test_skips_mbox_line),
        cmocka_unit_test(test_reads_odd_fields),
        cmocka_unit_test(test_unfolds),
        cmocka_unit_test(test_selects_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
