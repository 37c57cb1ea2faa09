#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "rt/line_reader.h"

#include <cmocka.h> /* last: it defines fail() */

enum { LINE = 10 };

static enum reader_status feed(struct line_reader *r, struct slice *in)
{
    size_t used = 0;
    struct buf out = BUF(10);
    enum reader_status status = r->reader.feed(&r->reader, *in, &used, &out);
    assert_true(used <= in->n);
    assert_int_equal(out.n, 0);
    *in = slice_from(*in, used);
    if (status == READER_MORE)
        assert_int_equal(in->n, 0);
    return status;
}

static void expect_line(struct line_reader *r, struct slice *in, struct slice line, bool bare_lf)
{
    assert_int_equal(feed(r, in), READER_DONE);
    assert_true(slice_eq(line_reader_line(r), line));
    assert_int_equal(r->bare_lf, bare_lf);
}

static void test_reads_lines_however_they_are_cut(void **state)
{
    (void)state;
    static const char text[] = "one\r\n\r\ntwo\nlone\rcr\r\n";
    for (size_t cut = 1; cut < sizeof(text); cut++) {
        CLEANUP(line_reader_release) struct line_reader r;
        line_reader_init(&r, LINE);
        struct slice wanted[] = {S("one"), S(""), S("two"), S("lone\rcr")};
        size_t lines = 0;
        for (size_t at = 0; at < sizeof(text) - 1; at += cut) {
            struct slice in = slice_sub(slice_of(text, sizeof(text) - 1), at, cut);
            while (in.n > 0) {
                if (feed(&r, &in) != READER_DONE)
                    continue;
                assert_true(slice_eq(line_reader_line(&r), wanted[lines]));
                assert_int_equal(r.bare_lf, lines == 2);
                lines++;
            }
        }
        assert_int_equal(lines, 4);
    }
}

static void test_takes_max_bytes_and_refuses_one_more(void **state)
{
    (void)state;
    CLEANUP(line_reader_release) struct line_reader r;
    line_reader_init(&r, LINE);
    struct slice in = S("0123456789\r\n0123456789\n01234567890\r\nx\r\n01234567890\ny\r\n");
    expect_line(&r, &in, S("0123456789"), false);
    expect_line(&r, &in, S("0123456789"), true);
    assert_int_equal(feed(&r, &in), READER_FAILED);
    expect_line(&r, &in, S("x"), false);
    assert_int_equal(feed(&r, &in), READER_FAILED);
    expect_line(&r, &in, S("y"), false);
}

static void test_skips_the_rest_of_an_overlong_line(void **state)
{
    (void)state;
    CLEANUP(line_reader_release) struct line_reader r;
    line_reader_init(&r, LINE);
    struct slice in = S("0123456789ab");
    assert_int_equal(feed(&r, &in), READER_FAILED);
    in = S("0123456789ab");
    assert_int_equal(feed(&r, &in), READER_MORE);
    in = S("cd\r\nnext\r\n");
    expect_line(&r, &in, S("next"), false);
    assert_int_equal(in.n, 0);
}

static void test_a_pending_cr_counts_with_the_line(void **state)
{
    (void)state;
    CLEANUP(line_reader_release) struct line_reader r;
    line_reader_init(&r, LINE);
    struct slice in = S("0123456789\r");
    assert_int_equal(feed(&r, &in), READER_MORE);
    in = S("\n");
    expect_line(&r, &in, S("0123456789"), false);
    in = S("0123456789\r");
    assert_int_equal(feed(&r, &in), READER_MORE);
    in = S("x\n");
    assert_int_equal(feed(&r, &in), READER_FAILED);
    assert_int_equal(in.n, 0);
}

static void test_holds_no_memory_between_lines(void **state)
{
    (void)state;
    CLEANUP(line_reader_release) struct line_reader r;
    line_reader_init(&r, LINE);
    struct slice in = S("line\r\nhalf");
    expect_line(&r, &in, S("line"), false);
    r.reader.idle(&r.reader);
    assert_null(r.line.p);
    assert_int_equal(feed(&r, &in), READER_MORE);
    in = S("\r\n");
    expect_line(&r, &in, S("half"), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_lines_however_they_are_cut),
        cmocka_unit_test(test_takes_max_bytes_and_refuses_one_more),
        cmocka_unit_test(test_skips_the_rest_of_an_overlong_line),
        cmocka_unit_test(test_a_pending_cr_counts_with_the_line),
        cmocka_unit_test(test_holds_no_memory_between_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
