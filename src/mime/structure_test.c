#include "mime/testing.h"

#include "mime/imap_text.h"
#include "mime/structure.h"

static struct arena arena = {.cap = MIME_STRUCTURE_ARENA_MAX};

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

static struct mime_part *parse(struct slice message)
{
    struct error error;
    struct mime_part *root = NULL;
    assert_int_equal(mime_parse(&arena, message, &root, &error), ERR_OK);
    assert_int_equal(root->whole.n, message.n);
    return root;
}

static void assert_structure(const struct mime_part *root, bool extensible, const char *wanted)
{
    CLEANUP(buf_release) struct buf out = BUF(MIME_IMAP_TEXT_MAX);
    struct error error;
    assert_int_equal(mime_put_bodystructure(&out, root, extensible, &error), ERR_OK);
    assert_buf(&out, wanted);
}

static void assert_section(const struct mime_part *root, const char *path, enum mime_section what,
                           const char *wanted)
{
    uint32_t numbers[10];
    size_t count = 0;
    struct slice got;
    if (*path != 0)
        assert_true(mime_section_parse(slice_cstr(path), numbers, 10, &count));
    bool found = mime_section_slice(root, numbers, count, what, &got);
    assert_int_equal(found, wanted != NULL);
    if (found)
        assert_slice(got, wanted);
}

static void test_reads_single_part(void **state)
{
    (void)state;
    struct mime_part *root = parse(S("Subject: x\r\n\r\nhello\r\nworld\r\n"));
    assert_int_equal(root->kind, MIME_LEAF);
    assert_slice(root->type, "text");
    assert_slice(root->header, "Subject: x\r\n\r\n");
    assert_slice(root->body, "hello\r\nworld\r\n");
    assert_int_equal(root->body_lines, 2);
    assert_structure(root, true,
                     "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 14 2 NIL NIL NIL NIL)");
    assert_structure(root, false, "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 14 2)");
    assert_section(root, "", MIME_SECTION_TEXT, "hello\r\nworld\r\n");
    assert_section(root, "1", MIME_SECTION_ALL, "hello\r\nworld\r\n");
    assert_section(root, "1", MIME_SECTION_MIME, "Subject: x\r\n\r\n");
    assert_section(root, "1", MIME_SECTION_HEADER, NULL);
    assert_section(root, "2", MIME_SECTION_ALL, NULL);
    assert_section(root, "1.1", MIME_SECTION_ALL, NULL);
    assert_section(root, "", MIME_SECTION_MIME, NULL);
}

#define NESTED                                                                 \
    "From: a@b\r\n"                                                            \
    "Content-Type: multipart/mixed; boundary=\"outer\"\r\n"                    \
    "\r\n"                                                                     \
    "preamble\r\n"                                                             \
    "--outer\r\n"                                                              \
    "Content-Type: multipart/alternative; boundary=outer-in\r\n"               \
    "\r\n"                                                                     \
    "--outer-in\r\n"                                                           \
    "\r\n"                                                                     \
    "plain\r\n"                                                                \
    "--outer-in\r\n"                                                           \
    "Content-Type: text/html; charset=utf-8\r\n"                               \
    "Content-Transfer-Encoding: quoted-printable\r\n"                          \
    "\r\n"                                                                     \
    "<p>html</p>\r\n"                                                          \
    "\r\n"                                                                     \
    "--outer-in--\r\n"                                                         \
    "--outer\r\n"                                                              \
    "Content-Type: message/rfc822\r\n"                                         \
    "Content-Disposition: attachment; filename*0=\"a \"; filename*1=b.eml\r\n" \
    "\r\n"                                                                     \
    "Subject: inner\r\n"                                                       \
    "Content-Type: multipart/mixed; boundary=x\r\n"                            \
    "\r\n"                                                                     \
    "--x\r\n"                                                                  \
    "Content-Type: image/png; name=\"p.png\"\r\n"                              \
    "Content-Transfer-Encoding: base64\r\n"                                    \
    "Content-ID: <1@x>\r\n"                                                    \
    "\r\n"                                                                     \
    "QUJD\r\n"                                                                 \
    "--x--\r\n"                                                                \
    "--outer--\r\n"                                                            \
    "epilogue\r\n"

static void test_reads_nested_parts(void **state)
{
    (void)state;
    struct mime_part *root = parse(S(NESTED));
    assert_structure(
        root, false,
        "(((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 5 0)"
        "(\"text\" \"html\" (\"charset\" \"utf-8\") NIL NIL \"quoted-printable\" 13 1) \"alternative\")"
        "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 172 "
        "(NIL \"inner\" NIL NIL NIL NIL NIL NIL NIL NIL) "
        "((\"image\" \"png\" (\"name\" \"p.png\") \"<1@x>\" NIL \"base64\" 4) \"mixed\") 9) \"mixed\")");
}

static void test_finds_sections(void **state)
{
    (void)state;
    struct mime_part *root = parse(S(NESTED));
    assert_section(root, "1.1", MIME_SECTION_ALL, "plain");
    assert_section(root, "1.1", MIME_SECTION_MIME, "\r\n");
    assert_section(root, "1.2", MIME_SECTION_ALL, "<p>html</p>\r\n");
    assert_section(root, "1", MIME_SECTION_HEADER, NULL);
    assert_section(root, "2", MIME_SECTION_HEADER,
                   "Subject: inner\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n");
    assert_section(root, "2.1", MIME_SECTION_ALL, "QUJD");
    assert_section(root, "2.1", MIME_SECTION_MIME,
                   "Content-Type: image/png; name=\"p.png\"\r\nContent-Transfer-Encoding: base64\r\n"
                   "Content-ID: <1@x>\r\n\r\n");
    assert_section(root, "2.2", MIME_SECTION_ALL, NULL);
    assert_section(root, "3", MIME_SECTION_ALL, NULL);
    assert_section(root, "", MIME_SECTION_ALL, NESTED);
    uint32_t numbers[3];
    size_t count;
    assert_true(mime_section_parse(S("1.2.3"), numbers, 3, &count));
    assert_int_equal(count, 3);
    assert_false(mime_section_parse(S("1.2.3.4"), numbers, 3, &count));
    assert_false(mime_section_parse(S("1.0"), numbers, 3, &count));
    assert_false(mime_section_parse(S("1."), numbers, 3, &count));
    assert_false(mime_section_parse(S(""), numbers, 3, &count));
}

static void test_joins_split_filename(void **state)
{
    (void)state;
    struct mime_part *root = parse(S(NESTED));
    CLEANUP(buf_release) struct buf out = BUF(1000);
    assert_true(mime_part_filename(&out, root->first_child->next));
    assert_buf(&out, "a b.eml");
    assert_structure(root->first_child->next->first_child->first_child, true,
                     "(\"image\" \"png\" (\"name\" \"p.png\") \"<1@x>\" NIL \"base64\" 4 NIL NIL NIL NIL)");
}

static void test_message_as_root(void **state)
{
    (void)state;
    struct mime_part *root = parse(S("Content-Type: message/rfc822\n\nSubject: in\n\ntext"));
    assert_int_equal(root->kind, MIME_MESSAGE);
    assert_section(root, "1", MIME_SECTION_ALL, "Subject: in\n\ntext");
    assert_section(root, "1", MIME_SECTION_HEADER, "Subject: in\n\n");
    assert_section(root, "1.1", MIME_SECTION_ALL, "text");
    assert_section(root, "1", MIME_SECTION_TEXT, "text");
    assert_section(root, "", MIME_SECTION_HEADER, "Content-Type: message/rfc822\n\n");
}

static void test_digest_holds_messages(void **state)
{
    (void)state;
    struct mime_part *root =
        parse(S("Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\n1\n--d\n"
                "Content-Type: text/plain\n\n2\n--d--\n"));
    assert_int_equal(root->child_count, 2);
    assert_int_equal(root->first_child->kind, MIME_MESSAGE);
    assert_slice(root->first_child->first_child->body, "1");
    assert_int_equal(root->first_child->next->kind, MIME_LEAF);
}

static void test_missing_end_boundary(void **state)
{
    (void)state;
    struct mime_part *root =
        parse(S("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n"));
    assert_int_equal(root->child_count, 2);
    assert_slice(root->first_child->body, "one");
    assert_slice(root->first_child->next->body, "two\n");
}

static void test_outer_boundary_ends_inner_parts(void **state)
{
    (void)state;
    struct mime_part *root = parse(
        S("Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n"
          "--i\n\ninner\n--o\n\nlast\n--o--\n"));
    assert_int_equal(root->child_count, 2);
    assert_slice(root->first_child->first_child->body, "inner");
    assert_slice(root->first_child->next->body, "last");
}

static void test_multipart_without_boundary_is_text(void **state)
{
    (void)state;
    struct mime_part *root = parse(S("Content-Type: multipart/mixed\n\nhello"));
    assert_int_equal(root->kind, MIME_LEAF);
    assert_slice(root->type, "text");
    root = parse(S("Content-Type: multipart/mixed; boundary=\"\"\n\n--\nhello"));
    assert_slice(root->type, "text");
    root = parse(S("Content-Type: multipart/mixed; boundary=never\n\nhello\n--no\n"));
    assert_slice(root->type, "text");
    assert_slice(root->body, "hello\n--no\n");
    root = parse(S("Content-Type: multipart/mixed; boundary=b\n\n--b--\n"));
    assert_slice(root->type, "text");
}

static void test_empty_and_headless_messages(void **state)
{
    (void)state;
    struct mime_part *root = parse(S(""));
    assert_int_equal(root->body.n, 0);
    root = parse(slice_none());
    assert_int_equal(root->header.n, 0);
    root = parse(S("Subject: only"));
    assert_slice(root->header, "Subject: only");
    root = parse(S("\r\nbody"));
    assert_slice(root->header, "\r\n");
    assert_slice(root->body, "body");
    root = parse(S("just text\r\n\r\nmore: text\r\n"));
    assert_int_equal(root->header.n, 0);
    assert_int_equal(root->body_lines, 3);
    root = parse(S("A: b\rC: d\r\rbody\r"));
    assert_slice(root->header, "A: b\rC: d\r\rbody\r");
    root = parse(S("Subject: x\nno separator\nat all"));
    assert_slice(root->header, "Subject: x\n");
    assert_slice(root->body, "no separator\nat all");
}

static void test_part_header_without_empty_line(void **state)
{
    (void)state;
    struct mime_part *root =
        parse(S("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n"
                "--b\nsome text\n--b\n--b--\n"));
    assert_int_equal(root->child_count, 3);
    assert_slice(root->first_child->subtype, "html");
    assert_int_equal(root->first_child->body.n, 0);
    assert_slice(root->first_child->next->body, "some text");
    assert_int_equal(root->first_child->next->next->whole.n, 0);
}

static void test_same_boundary_nested(void **state)
{
    (void)state;
    struct mime_part *root = parse(
        S("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; boundary=b\n\n"
          "--b\n\nin\n--b--\n--b\n\nout\n--b--\n"));
    assert_int_equal(root->child_count, 2);
    assert_slice(root->first_child->first_child->body, "in");
    assert_slice(root->first_child->next->body, "out");
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    for (int i = 0; i < 2 * MIME_DEPTH_MAX; i++)
        buf_printf(&text, "Content-Type: multipart/mixed; boundary=b%d_\r\n\r\n--b%d_\r\n", i, i);
    buf_put(&text, S("\r\ndeep"));
    const struct mime_part *part = parse(buf_slice(&text));
    int depth = 1;
    for (; part->first_child != NULL; part = part->first_child)
        depth++;
    assert_int_equal(depth, MIME_DEPTH_MAX);
    assert_slice(part->type, "text");
    assert_true(slice_ends(part->body, S("deep")));

    arena_reset(&arena);
    buf_clear(&text);
    for (int i = 0; i < 2 * MIME_DEPTH_MAX; i++)
        buf_put(&text, S("Content-Type: message/rfc822\n\n"));
    part = parse(buf_slice(&text));
    for (depth = 1; part->first_child != NULL; part = part->first_child)
        depth++;
    assert_int_equal(depth, MIME_DEPTH_MAX);
}

static void test_part_count_is_limited(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(8 << 20);
    CLEANUP(buf_release) struct buf out = BUF(MIME_IMAP_TEXT_MAX);
    struct error error;
    buf_put(&text, S("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
    for (int i = 0; i < 2 * MIME_PARTS_MAX; i++)
        buf_put(&text, S("--b\r\nContent-Type: image/png; name=x; a=b; c=d\r\n\r\nxx\r\n"));
    struct mime_part *root = parse(buf_slice(&text));
    assert_int_equal(root->child_count, MIME_PARTS_MAX - 1);
    assert_slice(root->last_child->type, "text");
    assert_true(slice_ends(root->last_child->body, S("xx\r\n")));
    assert_int_equal(mime_put_bodystructure(&out, root, true, &error), ERR_OK);
    assert_false(buf_failed(&out));
}

static void test_long_structure_is_written_lean(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(16 << 20);
    CLEANUP(buf_release) struct buf out = BUF(MIME_IMAP_TEXT_MAX);
    struct error error;
    buf_put(&text, S("Content-Type: multipart/mixed; boundary=b\r\n\r\n"));
    for (int i = 0; i < MIME_PARTS_MAX; i++) {
        buf_put(&text, S("--b\r\nContent-Type: image/png; name=\""));
        for (int k = 0; k < 60; k++)
            buf_put(&text, S("0123456789"));
        buf_put(&text, S("\"\r\n\r\nxx\r\n"));
    }
    struct mime_part *root = parse(buf_slice(&text));
    assert_int_equal(mime_put_bodystructure(&out, root, true, &error), ERR_OK);
    assert_false(buf_failed(&out));
    assert_true(out.n <= MIME_BODYSTRUCTURE_MAX);
    assert_true(
        slice_starts(buf_slice(&out), S("((\"image\" \"png\" NIL NIL NIL \"7bit\" 2 NIL NIL NIL NIL)")));
}

static void test_boundary_length_is_limited(void **state)
{
    (void)state;
    for (int n = MIME_BOUNDARY_MAX; n <= MIME_BOUNDARY_MAX + 1; n++) {
        CLEANUP(buf_release) struct buf boundary = BUF(2000);
        CLEANUP(buf_release) struct buf text = BUF(10000);
        for (int i = 0; i < n; i++)
            buf_putc(&boundary, 'b');
        buf_printf(&text, "Content-Type: multipart/mixed; boundary=%.*s\n\n--%.*s\n\nx",
                   SLICE_ARGS(buf_slice(&boundary)), SLICE_ARGS(buf_slice(&boundary)));
        struct mime_part *root = parse(buf_slice(&text));
        assert_int_equal(root->kind, n == MIME_BOUNDARY_MAX ? MIME_MULTIPART : MIME_LEAF);
    }
}

static void test_counts_lines_of_long_bodies(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    buf_put(&text, S("A: b\n\n"));
    for (int i = 0; i < 10007; i++)
        buf_put(&text, i % 3 == 0 ? S("\n") : S("some text\r\n"));
    assert_int_equal(parse(buf_slice(&text))->body_lines, 10007);
}

static void test_reads_fields_of_a_part(void **state)
{
    (void)state;
    struct mime_part *root =
        parse(S("Content-Type: TEXT / PLAIN ; charset=utf-8 (x) format=flowed\n"
                "Content-Transfer-Encoding: Base64 \n"
                "Content-Disposition: inline; filename==?utf-8?Q?=C3=A4?=\n"
                "Content-ID: <a@b>\nContent-Description: some\n thing\n"
                "Content-Language: de, en\nContent-Location: http://x/\nContent-MD5: abc\n\n"
                "aGFsbG8="));
    CLEANUP(buf_release) struct buf out = BUF(1000);
    assert_structure(
        root, true,
        "(\"TEXT\" \"PLAIN\" (\"charset\" \"utf-8\" \"format\" \"flowed\") \"<a@b>\" \"some thing\" "
        "\"base64\" 8 0 \"abc\" (\"inline\" (\"filename\" \"=?utf-8?Q?=C3=A4?=\")) (\"de\" \"en\") "
        "\"http://x/\")");
    assert_true(mime_part_filename(&out, root));
    assert_buf(&out, "\xc3\xa4");
    mime_part_decode(&out, root, true);
    assert_buf(&out, "hallo");
}

static void test_broken_type_is_text(void **state)
{
    (void)state;
    assert_slice(parse(S("Content-Type: text\n\n"))->subtype, "plain");
    assert_slice(parse(S("Content-Type: ;;;\n\n"))->subtype, "plain");
    assert_slice(parse(S("Content-Type:\n\n"))->type, "text");
    assert_int_equal(
        parse(S("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQQ=="))->kind, MIME_LEAF);
}

static void test_type_with_comments(void **state)
{
    (void)state;
    struct mime_part *part = parse(S("Content-Type: (a) text/(b (c)) html (d); (e) charset (f) = (g) utf-8\n"
                                     "Content-Disposition: (h) attachment (i); filename=x\n\n"));
    assert_slice(part->type, "text");
    assert_slice(part->subtype, "html");
    assert_slice(mime_parameter_raw(part->parameters, S("charset")), "utf-8");
    assert_slice(part->disposition, "attachment");
    assert_slice(mime_parameter_raw(part->disposition_parameters, S("filename")), "x");
    assert_slice(parse(S("Content-Type: (never closed text/html\n\n"))->subtype, "plain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reads_single_part, setup),
        cmocka_unit_test_setup(test_reads_nested_parts, setup),
        cmocka_unit_test_setup(test_finds_sections, setup),
        cmocka_unit_test_setup(test_joins_split_filename, setup),
        cmocka_unit_test_setup(test_message_as_root, setup),
        cmocka_unit_test_setup(test_digest_holds_messages, setup),
        cmocka_unit_test_setup(test_missing_end_boundary, setup),
        cmocka_unit_test_setup(test_outer_boundary_ends_inner_parts, setup),
        cmocka_unit_test_setup(test_multipart_without_boundary_is_text, setup),
        cmocka_unit_test_setup(test_empty_and_headless_messages, setup),
        cmocka_unit_test_setup(test_part_header_without_empty_line, setup),
        cmocka_unit_test_setup(test_same_boundary_nested, setup),
        cmocka_unit_test_setup(test_depth_is_limited, setup),
        cmocka_unit_test_setup(test_part_count_is_limited, setup),
        cmocka_unit_test_setup(test_long_structure_is_written_lean, setup),
        cmocka_unit_test_setup(test_boundary_length_is_limited, setup),
        cmocka_unit_test_setup(test_counts_lines_of_long_bodies, setup),
        cmocka_unit_test_setup(test_reads_fields_of_a_part, setup),
        cmocka_unit_test_setup(test_broken_type_is_text, setup),
        cmocka_unit_test_setup(test_type_with_comments, setup),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
