#include "mime/testing.h"

#include "mime/binary.h"

/* Every message here fits. */
enum { ROOM = 100000 };

static struct mime_part *parse(struct arena *arena, struct slice message)
{
    struct error error;
    struct mime_part *root;
    assert_int_equal(mime_parse(arena, message, &root, &error), ERR_OK);
    return root;
}

static void assert_binary(struct slice message, struct slice wanted)
{
    CLEANUP(arena_release) struct arena arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
    CLEANUP(buf_release) struct buf out = BUF(ROOM);
    const struct mime_part *root = parse(&arena, message);
    assert_true(mime_part_decodable(root));
    struct slice bytes = mime_part_binary(root, &out);
    assert_false(buf_failed(&out));
    assert_true(slice_eq(bytes, wanted));
}

static void test_decodes_a_body(void **state)
{
    (void)state;
    assert_binary(S("Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAGEK\r\n"),
                  S("\0a\n"));
    assert_binary(S("Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n"), S("a=bc\r\n"));
    assert_binary(S("Subject: x\r\n\r\nas it is\r\n"), S("as it is\r\n"));
    assert_binary(S("Content-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\n"), S("\0\n"));
    assert_binary(S("Content-Transfer-Encoding: base64\r\n\r\n"), S(""));
}

static void test_gives_text_lines_crlf(void **state)
{
    (void)state;
    assert_binary(S("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpiDQo=\r\n"),
                  S("a\r\nb\r\n"));
    assert_binary(S("Content-Type: text/plain; charset=UTF-16BE\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                    "AQo=\r\n"),
                  S("\1\n"));
    assert_binary(S("Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nYQpi\r\n"),
                  S("a\nb"));
}

static void test_knows_what_it_can_not_decode(void **state)
{
    (void)state;
    CLEANUP(arena_release) struct arena arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
    assert_false(
        mime_part_decodable(parse(&arena, S("Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin\r\n"))));
    assert_true(mime_part_decodable(
        parse(&arena, S("Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: what\r\n\r\n"
                        "--x\r\n\r\na\r\n--x--\r\n"))));
}

static void assert_encoded(struct slice message, const char *wanted)
{
    CLEANUP(arena_release) struct arena arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
    CLEANUP(buf_release) struct buf out = BUF(ROOM);
    struct error error;
    bool changed;
    assert_int_equal(mime_encode_binary(&arena, &out, message, &changed, &error), ERR_OK);
    assert_int_equal(changed, wanted != NULL);
    if (changed)
        assert_buf(&out, wanted);
    else
        assert_int_equal(out.n, 0);
}

static void test_encodes_a_part_with_a_nul(void **state)
{
    (void)state;
    assert_encoded(S("Content-Type: image/png\r\nContent-Transfer-Encoding:\r\n binary\r\nX: y\r\n\r\n\0a\n"),
                   "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nX: y\r\n\r\nAGEK\r\n");
    /* Whatever it says it is */
    assert_encoded(S("Content-Type: image/png\r\n\r\n\0a\n"),
                   "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAGEK\r\n");
    assert_encoded(S("\r\n\0a\n"), "Content-Transfer-Encoding: base64\r\n\r\nAGEK\r\n");
}

static void test_encodes_a_binary_part_whose_bytes_would_be_taken_for_lines(void **state)
{
    (void)state;
    assert_encoded(S("Content-Transfer-Encoding: binary\r\n\r\na\nb"),
                   "Content-Transfer-Encoding: base64\r\n\r\nYQpi\r\n");
    assert_encoded(S("Content-Transfer-Encoding: binary\r\n\r\na\r\nb\r"), NULL);
    assert_encoded(S("Content-Transfer-Encoding: 8bit\r\n\r\na\nb"), NULL);
}

static void test_leaves_other_parts_alone(void **state)
{
    (void)state;
    assert_encoded(S("Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
                     "preamble\r\n--x\r\n\r\n text \r\n"
                     "--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\n\0\0\0\r\n"
                     "--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: BINARY (x)\r\n\r\n\0\r\n"
                     "--x--\r\nepilogue"),
                   "Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
                   "preamble\r\n--x\r\n\r\n text \r\n"
                   "--x\r\nContent-Type: message/rfc822\r\n\r\n"
                   "Subject: y\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n"
                   "--x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n"
                   "--x--\r\nepilogue");
}

static void test_refuses_a_nul_that_no_encoding_reaches(void **state)
{
    (void)state;
    static const struct slice messages[] = {
        {"Subject: \0\r\n\r\nx", 14},
        {"Content-Transfer-Encoding: base64\r\n\r\nAA\0A", 41},
        {"Content-Transfer-Encoding: x-own\r\n\r\nAA\0A", 40},
        {"Content-Type: multipart/mixed; boundary=x\r\n\r\n\0\r\n--x\r\n\r\na\r\n--x--\r\n", 66},
    };
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        CLEANUP(arena_release) struct arena arena = ARENA(MIME_STRUCTURE_ARENA_MAX);
        CLEANUP(buf_release) struct buf out = BUF(ROOM);
        struct error error;
        bool changed;
        assert_int_equal(mime_encode_binary(&arena, &out, messages[i], &changed, &error), ERR_UNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_a_body),
        cmocka_unit_test(test_gives_text_lines_crlf),
        cmocka_unit_test(test_knows_what_it_can_not_decode),
        cmocka_unit_test(test_encodes_a_part_with_a_nul),
        cmocka_unit_test(test_encodes_a_binary_part_whose_bytes_would_be_taken_for_lines),
        cmocka_unit_test(test_leaves_other_parts_alone),
        cmocka_unit_test(test_refuses_a_nul_that_no_encoding_reaches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
