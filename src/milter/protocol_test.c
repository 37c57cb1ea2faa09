/* Packets of the milter protocol. */
#include "milter/protocol.h"

#include "base/test.h"

#define BYTES(literal) slice_of(literal, sizeof(literal) - 1)

static void test_options_that_are_taken(void **state)
{
    (void)state;
    struct milter_options options;
    assert_true(milter_options_parse(BYTES("\0\0\0\6\0\0\0\x11\0\0\2\x80"), &options));
    assert_true(options.version == 6 && options.actions == 0x11 && options.steps == 0x280);
    assert_true(milter_options_parse(BYTES("\0\0\0\2\0\0\0\0\0\0\0\0more"), &options));
    static const char *const wrong[] = {
        "\0\0\0\1\0\0\0\0\0\0\0\0",   /* too old */
        "\0\0\0\7\0\0\0\0\0\0\0\0",   /* unknown */
        "\0\0\0\6\0\0\1\0\0\0\0\0",   /* wants to choose macros, which is not offered */
        "\0\0\0\6\0\0\0\0\0\0\x08\0", /* wants refused recipients */
        "\0\0\0\6\0\0\0\0\x10\0\0\0", /* larger pieces of a body */
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(milter_options_parse(slice_of(wrong[i], 12), &options));
    assert_false(milter_options_parse(BYTES("\0\0\0\6\0\0\0\0\0\0\0"), &options));
}

static void test_replies(void **state)
{
    (void)state;
    struct milter_reply reply;
    assert_true(milter_reply_parse('c', slice_none(), &reply));
    assert_int_equal(reply.kind, MILTER_REPLY_CONTINUE);
    assert_true(milter_reply_parse('m', BYTES("\0\0\0\2Subject\0new\n text\0"), &reply));
    assert_int_equal(reply.index, 2);
    assert_true(slice_eq(reply.name, S("Subject")) && slice_eq(reply.value, S("new\n text")));
    assert_true(milter_reply_parse('h', BYTES("X\0\0"), &reply));
    assert_true(slice_eq(reply.name, S("X")) && reply.value.n == 0);
    assert_true(milter_reply_parse('2', BYTES("<a@b>\0NOTIFY=NEVER\0"), &reply));
    assert_true(slice_eq(reply.name, S("<a@b>")));
    assert_true(milter_reply_parse('b', BYTES("any\0thing"), &reply));
    assert_int_equal(reply.value.n, 9);
}

static void test_replies_that_are_none(void **state)
{
    (void)state;
    struct milter_reply reply;
    assert_false(milter_reply_parse('?', slice_none(), &reply));
    assert_false(milter_reply_parse('+', BYTES("<a@b>"), &reply));
    assert_false(milter_reply_parse('+', BYTES("<a@b>\0x"), &reply));
    assert_false(milter_reply_parse('h', BYTES("X\0y"), &reply));
    assert_false(milter_reply_parse('m', BYTES("\0\0\2"), &reply));
    assert_false(milter_reply_parse('i', BYTES("\0\0\0\1X\0"), &reply));
    assert_false(milter_reply_parse('y', slice_none(), &reply));
}

static void test_texts_for_the_client(void **state)
{
    (void)state;
    char text[MILTER_REPLY_MAX];
    static const struct {
        const char *said;
        const char *told; /* NULL: it is none */
    } cases[] = {
        {"550 5.7.1 no", "550 5.7.1 no"},
        {"451 4.7.1 wait\r\n", "451 4.7.1 wait"},
        {"550", "550 "},
        {"550 100%% spam", "550 100% spam"},
        {"554-5.7.1 one\r\n554 5.7.1 two", "554-5.7.1 one\r\n554 5.7.1 two"},
        {"554 5.7.1 one\n554-5.7.1 two", "554-5.7.1 one\r\n554 5.7.1 two"},
        {"554 5.7.1 a\001b", "554 5.7.1 a?b"},
        {"250 fine", NULL},
        {"5x0 no", NULL},
        {"", NULL},
        {"550no", NULL},
        {"554 one\r\n250 two", NULL},
        {"554 one\r\ntwo", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(milter_reply_text(slice_cstr(cases[i].said), text), cases[i].told != NULL);
        if (cases[i].told != NULL)
            assert_string_equal(text, cases[i].told);
    }
}

static void test_texts_at_their_limits(void **state)
{
    (void)state;
    char text[MILTER_REPLY_MAX];
    char line[512];
    memset(line, 'x', sizeof(line));
    memcpy(line, "550 ", 4);
    assert_true(milter_reply_text(slice_of(line, 510), text));
    assert_false(milter_reply_text(slice_of(line, 511), text));
    CLEANUP(buf_release) struct buf lines = BUF(10000);
    for (int i = 0; i < 4; i++) {
        buf_put(&lines, slice_of(line, 496));
        buf_put(&lines, S("\r\n"));
    }
    assert_true(milter_reply_text(buf_slice(&lines), text));
    buf_put(&lines, S("550 one line more"));
    assert_false(milter_reply_text(buf_slice(&lines), text));
}

static void test_packets(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf out = BUF(1000);
    const struct slice texts[] = {S("<a@b>"), BYTES("SIZE=1\0hidden")};
    milter_put_options(&out);
    assert_true(slice_eq(buf_slice(&out), BYTES("\0\0\0\x0dO\0\0\0\6\0\0\0\xff\0\x1f\xf7\xff")));
    buf_clear(&out);
    milter_put_texts(&out, MILTER_MAIL, texts, 2);
    assert_true(slice_eq(buf_slice(&out), BYTES("\0\0\0\x0eM<a@b>\0SIZE=1\0")));
    buf_clear(&out);
    milter_put_connect(&out, S("[192.0.2.1]"), S("192.0.2.1"), 258);
    assert_true(slice_eq(buf_slice(&out), BYTES("\0\0\0\x1a"
                                                "C[192.0.2.1]\0"
                                                "4\1\2"
                                                "192.0.2.1\0")));
    buf_clear(&out);
    milter_put_connect(&out, S("x"), S("2001:db8::1"), 1);
    assert_true(slice_find(buf_slice(&out), BYTES("6\0\1"
                                                  "2001:db8::1\0")) > 0);
    buf_clear(&out);
    milter_put_connect(&out, S("x"), S("local"), 1);
    assert_true(slice_eq(buf_slice(&out), BYTES("\0\0\0\4Cx\0U")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_that_are_taken), cmocka_unit_test(test_replies),
        cmocka_unit_test(test_replies_that_are_none),  cmocka_unit_test(test_texts_for_the_client),
        cmocka_unit_test(test_texts_at_their_limits),  cmocka_unit_test(test_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
