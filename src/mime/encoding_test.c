#include "mime/testing.h"

#include "mime/encoding.h"

static void assert_decoded(enum mime_encoding encoding, const char *in, const char *wanted)
{
    size_t n = strlen(in);
    for (size_t step = 1; step <= n + 1; step++) {
        CLEANUP(buf_release) struct buf out = BUF(100000);
        CLEANUP(mime_decoder_release) struct mime_decoder decoder = MIME_DECODER(encoding);
        for (size_t i = 0; i < n; i += step)
            mime_decode(&decoder, &out, slice_sub(slice_of(in, n), i, step), i + step >= n);
        if (n == 0)
            mime_decode(&decoder, &out, slice_none(), true);
        assert_buf(&out, wanted);
    }
}

static void test_decodes_quoted_printable(void **state)
{
    (void)state;
    enum mime_encoding qp = MIME_ENCODING_QUOTED_PRINTABLE;
    assert_decoded(qp, "", "");
    assert_decoded(qp, "a=3D=c3=BC", "a=\xc3\xbc");
    assert_decoded(qp, "one=\r\n two= \t\r\nthree", "one twothree");
    assert_decoded(qp, "blanks  \t\r\nnext\n", "blanks\r\nnext\n");
    assert_decoded(qp, "bad =ZZ = =4", "bad =ZZ = =4");
    assert_decoded(qp, "end=", "end");
    assert_decoded(qp, "a \r b", "a \r b");
}

static void test_decodes_base64(void **state)
{
    (void)state;
    assert_decoded(MIME_ENCODING_BASE64, "SGFs\r\nbG8=\r\n", "Hallo");
    assert_decoded(MIME_ENCODING_BASE64, "SG!Fs bG8=junk", "Hallo");
    assert_decoded(MIME_ENCODING_8BIT, "as \xff is", "as \xff is");
    assert_decoded(MIME_ENCODING_UNKNOWN, "begin 644", "begin 644");
}

static void test_many_blanks_are_bounded(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    CLEANUP(mime_decoder_release) struct mime_decoder decoder = MIME_DECODER(MIME_ENCODING_QUOTED_PRINTABLE);
    for (int i = 0; i < 100000; i++)
        mime_decode(&decoder, &out, S(" "), false);
    mime_decode(&decoder, &out, S("x"), true);
    assert_false(buf_failed(&decoder.held));
    assert_int_equal(out.n, 100001);
}

static void test_knows_names(void **state)
{
    (void)state;
    assert_int_equal(mime_encoding_of(S(" Base64 (x)")), MIME_ENCODING_BASE64);
    assert_int_equal(mime_encoding_of(slice_none()), MIME_ENCODING_7BIT);
    assert_int_equal(mime_encoding_of(S("8BIT;")), MIME_ENCODING_8BIT);
    assert_int_equal(mime_encoding_of(S("x-uuencode")), MIME_ENCODING_UNKNOWN);
    assert_int_equal(mime_encoding_of(S("base64x")), MIME_ENCODING_UNKNOWN);
    assert_string_equal(mime_encoding_name(MIME_ENCODING_QUOTED_PRINTABLE), "quoted-printable");
}

static void test_encodes_quoted_printable(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(10000);
    mime_encode_quoted_printable(&out, S("a=b \nFrom x\r\n.\n\xc3\xbc\t"), true);
    assert_buf(&out, "a=3Db=20\r\n=46rom x\r\n=2E\r\n=C3=BC=09");
    mime_encode_quoted_printable(&out, S("a\nb"), false);
    assert_buf(&out, "a=0Ab");
    char line[200];
    memset(line, 'x', sizeof(line));
    mime_encode_quoted_printable(&out, slice_of(line, sizeof(line)), true);
    CLEANUP(buf_release) struct buf back = BUF(1000);
    mime_decode_all(&back, MIME_ENCODING_QUOTED_PRINTABLE, buf_slice(&out));
    assert_int_equal(back.n, sizeof(line));
    assert_int_equal(slice_find_char(buf_slice(&out), '\r'), 76);
}

static void test_encodes_base64_in_lines(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(10000);
    char bytes[58] = {0};
    mime_encode_base64(&out, slice_of(bytes, sizeof(bytes)));
    assert_int_equal(slice_find_char(buf_slice(&out), '\r'), 76);
    assert_true(slice_ends(buf_slice(&out), S("\r\nAA==\r\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_quoted_printable), cmocka_unit_test(test_decodes_base64),
        cmocka_unit_test(test_many_blanks_are_bounded),  cmocka_unit_test(test_knows_names),
        cmocka_unit_test(test_encodes_quoted_printable), cmocka_unit_test(test_encodes_base64_in_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
