#include "smtp/reception.h"

#include "base/test.h"

static void begin(struct smtp_reception *reception, struct smtp_body *body)
{
    struct error error;
    smtp_body_init(body, NULL, 1024 * 1024);
    *reception =
        (struct smtp_reception){.body = body, .server = S("mail.example"), .header = BUF(SMTP_HEADER_MAX)};
    assert_int_equal(dkim_verifier_create(&reception->verifier, &error), ERR_OK);
}

static void assert_comes_out(const char *in, size_t piece, const char *out)
{
    struct smtp_reception reception;
    struct smtp_body body;
    begin(&reception, &body);
    for (struct slice rest = slice_cstr(in); rest.n > 0; rest = slice_from(rest, piece))
        smtp_reception_put(&reception, slice_sub(rest, 0, piece));
    smtp_reception_finish(&reception);
    assert_true(slice_eq(buf_slice(&body.memory), slice_cstr(out)));
    smtp_reception_drop(&reception);
    smtp_body_drop(&body);
}

static void test_only_our_name_is_taken_out(void **state)
{
    (void)state;
    static const char in[] =
        "From: a@b.example\r\nAuthentication-Results: mail.example; spf=pass\r\n\tx=y\r\n"
        "Subject: x\r\n\r\nAuthentication-Results: mail.example; this is text\r\n";
    static const char out[] = "From: a@b.example\r\nSubject: x\r\n\r\n"
                              "Authentication-Results: mail.example; this is text\r\n";
    for (size_t piece = 1; piece < sizeof(in); piece++)
        assert_comes_out(in, piece, out);
}

static void test_messages_of_one_half(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 20; piece++) {
        assert_comes_out("", piece, "");
        assert_comes_out("\r\n", piece, "\r\n");
        assert_comes_out("\r\nbody\r\n\r\nmore", piece, "\r\nbody\r\n\r\nmore");
        assert_comes_out("A: b\r\n", piece, "A: b\r\n");
        assert_comes_out("A: b\r\n\r\n", piece, "A: b\r\n\r\n");
        assert_comes_out("no field\r\n\r\nAuthentication-Results: mail.example; x", piece,
                         "no field\r\n\r\nAuthentication-Results: mail.example; x");
    }
}

static void test_header_at_its_limit(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf header = BUF(2 * SMTP_HEADER_MAX);
        struct smtp_reception reception;
        struct smtp_body body;
        begin(&reception, &body);
        while (header.n < SMTP_HEADER_MAX + more - 100)
            buf_put(&header, S("X: 0123456789012345678901234567890123456789\r\n"));
        buf_put(&header, S("Y: "));
        while (header.n < SMTP_HEADER_MAX + more - 4)
            buf_putc(&header, 'y');
        buf_put(&header, S("\r\n\r\n"));
        body.max = 0; /* what passes is not to be written anywhere */
        smtp_reception_put(&reception, buf_slice(&header));
        smtp_reception_put(&reception, S("body"));
        smtp_reception_finish(&reception);
        assert_int_equal(reception.too_long, more == 1);
        smtp_reception_drop(&reception);
        smtp_body_drop(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_our_name_is_taken_out),
        cmocka_unit_test(test_messages_of_one_half),
        cmocka_unit_test(test_header_at_its_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
