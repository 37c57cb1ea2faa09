#include "imap/reader.h"

/* Last: cmocka has a macro by the name of base/error.h's fail. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { LINE_MAX_HERE = 100, LITERAL_MAX_HERE = 200 };

static struct imap_reader reader_with(uint64_t message_max)
{
    struct imap_reader r;
    imap_reader_init(&r, &(struct imap_reader_limits){.line_max = LINE_MAX_HERE,
                                                      .plus_max = UINT64_MAX,
                                                      .literal_max = LITERAL_MAX_HERE,
                                                      .message_max = message_max});
    return r;
}

/* Feeds all of `in`, `step` bytes at a time, until the unit ends; *ret_used: how much it took. */
static enum reader_status feed_in_steps(struct imap_reader *r, struct slice in, size_t step, struct buf *out,
                                        size_t *ret_used)
{
    size_t at = 0;
    enum reader_status status = READER_MORE;
    while (at < in.n && status == READER_MORE) {
        size_t used = 0;
        struct slice part = slice_sub(in, at, step);
        status = r->reader.feed(&r->reader, part, &used, out);
        assert_true(used <= part.n);
        assert_true(status != READER_MORE || used == part.n);
        at += used;
    }
    *ret_used = at;
    return status;
}

static enum reader_status feed(struct imap_reader *r, struct slice in, struct buf *out)
{
    size_t used;
    return feed_in_steps(r, in, SIZE_MAX, out, &used);
}

#define assert_slice(s, text) assert_true(slice_eq((s), S(text)))

static void test_gives_a_line_without_its_end(void **state)
{
    (void)state;
    struct imap_reader r = reader_with(0);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    size_t used;
    struct slice in = S("a1 NOOP\r\na2 NOOP\n");
    assert_int_equal(feed_in_steps(&r, in, SIZE_MAX, &out, &used), READER_DONE);
    assert_slice(imap_reader_text(&r), "a1 NOOP");
    assert_int_equal(used, 9);
    assert_int_equal(feed(&r, slice_from(in, used), &out), READER_DONE);
    assert_slice(imap_reader_text(&r), "a2 NOOP");
    assert_int_equal(out.n, 0);
    imap_reader_clear(&r);
}

static void test_reads_literals_in_pieces_of_any_size(void **state)
{
    (void)state;
    struct slice in = S("a LOGIN {4}\r\nus\r\n {3+}\r\npwd {0}\r\n\r\n");
    for (size_t step = 1; step <= in.n; step++) {
        struct imap_reader r = reader_with(0);
        CLEANUP(buf_release) struct buf out = BUF(1000);
        size_t used;
        assert_int_equal(feed_in_steps(&r, in, step, &out, &used), READER_DONE);
        assert_int_equal(used, in.n);
        assert_slice(imap_reader_text(&r), "a LOGIN {4}\r\nus\r\n {3+}\r\npwd {0}\r\n");
        assert_slice(buf_slice(&out), "+ OK\r\n+ OK\r\n");
        imap_reader_clear(&r);
    }
}

static void test_refuses_line_of_limit_plus_one_and_stays_in_step(void **state)
{
    (void)state;
    for (size_t step = 1; step < 150; step += 7) {
        struct imap_reader r = reader_with(0);
        CLEANUP(buf_release) struct buf in = BUF(1000);
        CLEANUP(buf_release) struct buf out = BUF(1000);
        size_t used;
        buf_put(&in, S("a1 "));
        while (in.n < LINE_MAX_HERE + 1)
            buf_putc(&in, 'x');
        buf_put(&in, S("\r\na2 NOOP\r\n"));
        assert_int_equal(feed_in_steps(&r, buf_slice(&in), step, &out, &used), READER_FAILED);
        assert_int_equal(r.failure, IMAP_READER_LINE);
        assert_string_equal(r.tag, "a1");
        assert_int_equal(feed(&r, slice_from(buf_slice(&in), used), &out), READER_DONE);
        assert_slice(imap_reader_text(&r), "a2 NOOP");
        imap_reader_clear(&r);
    }
}

static void test_takes_line_of_the_limit(void **state)
{
    (void)state;
    struct imap_reader r = reader_with(0);
    CLEANUP(buf_release) struct buf in = BUF(1000);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    while (in.n < LINE_MAX_HERE)
        buf_putc(&in, 'x');
    buf_putc(&in, '\n');
    assert_int_equal(feed(&r, buf_slice(&in), &out), READER_DONE);
    imap_reader_clear(&r);
}

static void test_refuses_synchronising_literal_at_once(void **state)
{
    (void)state;
    struct imap_reader r = reader_with(0);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    assert_int_equal(feed(&r, S("a1 LOGIN {201}\r\n"), &out), READER_FAILED);
    assert_int_equal(r.failure, IMAP_READER_LITERAL);
    assert_string_equal(r.tag, "a1");
    assert_int_equal(out.n, 0);
    /* Its bytes never come: the next is a command. */
    assert_int_equal(feed(&r, S("a2 NOOP\r\n"), &out), READER_DONE);
    assert_slice(imap_reader_text(&r), "a2 NOOP");
    imap_reader_clear(&r);
}

static void test_counts_all_literals_of_a_command(void **state)
{
    (void)state;
    struct imap_reader r = reader_with(0);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    CLEANUP(buf_release) struct buf in = BUF(1000);
    buf_put(&in, S("a1 LOGIN {150+}\r\n"));
    for (int i = 0; i < 150; i++)
        buf_putc(&in, 'u');
    buf_put(&in, S(" {51}\r\n"));
    assert_int_equal(feed(&r, buf_slice(&in), &out), READER_FAILED);
    assert_int_equal(r.failure, IMAP_READER_LITERAL);
    imap_reader_clear(&r);
}

static void test_passes_over_refused_non_synchronising_literals(void **state)
{
    (void)state;
    for (size_t step = 1; step < 300; step += 11) {
        struct imap_reader r = reader_with(0);
        CLEANUP(buf_release) struct buf in = BUF(2000);
        CLEANUP(buf_release) struct buf out = BUF(1000);
        size_t used;
        buf_put(&in, S("a1 LOGIN {201+}\r\n"));
        for (int i = 0; i < 201; i++)
            buf_putc(&in, i % 40 == 39 ? '\n' : 'u');
        buf_put(&in, S(" {12+}\r\nb1 LOGOUT\r\n\n rest\r\na2 NOOP\r\n"));
        assert_int_equal(feed_in_steps(&r, buf_slice(&in), step, &out, &used), READER_FAILED);
        assert_int_equal(r.failure, IMAP_READER_LITERAL);
        assert_string_equal(r.tag, "a1");
        assert_int_equal(feed(&r, slice_from(buf_slice(&in), used), &out), READER_DONE);
        assert_slice(imap_reader_text(&r), "a2 NOOP");
        imap_reader_clear(&r);
    }
}

static void test_gives_up_on_an_absurd_non_synchronising_literal(void **state)
{
    (void)state;
    struct imap_reader r = reader_with(0);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    assert_int_equal(feed(&r, S("a1 LOGIN {99999999999999999999+}\r\n"), &out), READER_FAILED);
    assert_int_equal(r.failure, IMAP_READER_FLOOD);
    imap_reader_clear(&r);
}

static void test_spools_the_message_of_append_only(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf in = BUF(1000000);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    buf_put(&in, S("a1 APPEND INBOX {70000}\r\n"));
    for (int i = 0; i < 70000; i++)
        buf_putc(&in, (char)('a' + i % 26));
    buf_put(&in, S("\r\n"));
    struct imap_reader r = reader_with(70000);
    size_t used;
    assert_int_equal(feed_in_steps(&r, buf_slice(&in), 4096, &out, &used), READER_DONE);
    assert_slice(imap_reader_text(&r), "a1 APPEND INBOX {70000}\r\n");
    assert_int_equal(imap_reader_spool(&r).n, 70000);
    assert_int_equal(imap_reader_spool(&r).p[69999], 'a' + 69999 % 26);
    imap_reader_clear(&r);
    assert_int_equal(feed(&r, S("a1 APPEND INBOX {70001}\r\n"), &out), READER_FAILED);
    assert_int_equal(r.failure, IMAP_READER_LITERAL);
    assert_int_equal(feed(&r, S("a1 LOGIN {70000}\r\n"), &out), READER_FAILED);
    imap_reader_clear(&r);
}

static void test_spools_the_message_of_replace(void **state)
{
    (void)state;
    static const struct slice commands[] = {{"a1 REPLACE 1 x ~{5000+}\r\n", 25},
                                            {"a1 uid replace 1 x {5000+}\r\n", 28}};
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        CLEANUP(buf_release) struct buf in = BUF(10000);
        CLEANUP(buf_release) struct buf out = BUF(1000);
        buf_put(&in, commands[i]);
        while (in.n < commands[i].n + 5000)
            buf_putc(&in, 'x');
        buf_put(&in, S("\r\n"));
        struct imap_reader r = reader_with(5000);
        assert_int_equal(feed(&r, buf_slice(&in), &out), READER_DONE);
        assert_true(slice_eq(imap_reader_text(&r), commands[i]));
        assert_int_equal(imap_reader_spool(&r).n, 5000);
        imap_reader_clear(&r);
    }
}

static void append_of_size(size_t n, size_t wanted_in_spool)
{
    CLEANUP(buf_release) struct buf in = BUF(100000);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    buf_printf(&in, "a1 APPEND INBOX {%zu+}\r\n", n);
    for (size_t i = 0; i < n; i++)
        buf_putc(&in, 'x');
    buf_put(&in, S(" {3+}\r\nabc\r\n"));
    struct imap_reader r;
    imap_reader_init(&r, &(struct imap_reader_limits){.line_max = IMAP_LINE_MAX,
                                                      .plus_max = UINT64_MAX,
                                                      .literal_max = IMAP_COMMAND_MAX,
                                                      .message_max = 70000});
    size_t used;
    assert_int_equal(feed_in_steps(&r, buf_slice(&in), 4096, &out, &used), READER_DONE);
    assert_int_equal(imap_reader_spool(&r).n, wanted_in_spool);
    assert_true(slice_ends(imap_reader_text(&r), S(" {3+}\r\nabc")));
    imap_reader_clear(&r);
}

static void test_small_messages_stay_in_the_text(void **state)
{
    (void)state;
    append_of_size(IMAP_MESSAGE_INLINE_MAX, 0);
    append_of_size(IMAP_MESSAGE_INLINE_MAX + 1, IMAP_MESSAGE_INLINE_MAX + 1);
}

static void test_the_whole_text_has_a_limit(void **state)
{
    (void)state;
    /* "{0+}" and its line end take 6 bytes each time; the last line is empty. */
    for (size_t extra = 0; extra < 2; extra++) {
        struct imap_reader r = reader_with(0);
        CLEANUP(buf_release) struct buf in = BUF(10000);
        CLEANUP(buf_release) struct buf out = BUF(1000);
        buf_put(&in, S("a1 "));
        while (in.n < 3 + 6 * 49)
            buf_put(&in, S("{0+}\r\n"));
        while (in.n < LINE_MAX_HERE + LITERAL_MAX_HERE + extra)
            buf_putc(&in, 'x');
        buf_put(&in, S("\n"));
        assert_int_equal(feed(&r, buf_slice(&in), &out), extra == 0 ? READER_DONE : READER_FAILED);
        if (extra == 1)
            assert_string_equal(r.tag, "a1");
        imap_reader_clear(&r);
    }
}

static void test_raw_line_has_no_literals(void **state)
{
    (void)state;
    struct imap_reader r = reader_with(0);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    r.raw = true;
    assert_int_equal(feed(&r, S("DONE {5}\r\n"), &out), READER_DONE);
    assert_slice(imap_reader_text(&r), "DONE {5}");
    imap_reader_clear(&r);
}

static void test_keeps_no_memory_after_clear(void **state)
{
    (void)state;
    struct imap_reader r = reader_with(0);
    CLEANUP(buf_release) struct buf out = BUF(1000);
    assert_int_equal(feed(&r, S("a1 NOOP\r\n"), &out), READER_DONE);
    imap_reader_clear(&r);
    assert_null(r.text.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_a_line_without_its_end),
        cmocka_unit_test(test_reads_literals_in_pieces_of_any_size),
        cmocka_unit_test(test_refuses_line_of_limit_plus_one_and_stays_in_step),
        cmocka_unit_test(test_takes_line_of_the_limit),
        cmocka_unit_test(test_refuses_synchronising_literal_at_once),
        cmocka_unit_test(test_counts_all_literals_of_a_command),
        cmocka_unit_test(test_passes_over_refused_non_synchronising_literals),
        cmocka_unit_test(test_gives_up_on_an_absurd_non_synchronising_literal),
        cmocka_unit_test(test_spools_the_message_of_append_only),
        cmocka_unit_test(test_spools_the_message_of_replace),
        cmocka_unit_test(test_small_messages_stay_in_the_text),
        cmocka_unit_test(test_the_whole_text_has_a_limit),
        cmocka_unit_test(test_raw_line_has_no_literals),
        cmocka_unit_test(test_keeps_no_memory_after_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
