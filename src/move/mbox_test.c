#include "base/test.h"

#include <stdlib.h>

#include "base/clock.h"
#include "move/mbox.h"
#include "store/message.h"

#define FROM "From a@b Sun Nov 22 10:00:00 2026\n"
#define WHEN (INT64_C(1795341600) * CLOCK_SECOND)

struct file {
    struct mbox_input input;
    struct slice bytes;
};

static enum err read_file(struct mbox_input *input, uint64_t offset, char *to, size_t n, size_t *ret_n,
                          struct error *error)
{
    (void)error;
    struct slice part = slice_sub(container_of(input, struct file, input)->bytes, (size_t)offset, n);
    memcpy(to, part.n > 0 ? part.p : "", part.n);
    *ret_n = part.n;
    return ERR_OK;
}

static enum err take_bytes(void *context, struct slice bytes, struct error *error)
{
    (void)error;
    buf_put(context, bytes);
    return ERR_OK;
}

struct read {
    size_t count;
    struct mbox_message last;
    struct buf all; /* each message's bytes and a '|' */
};

static void read_all(struct slice text, struct read *read)
{
    struct file file = {{read_file}, text};
    struct mbox *mbox = malloc(2 * sizeof(*mbox));
    struct error error;
    bool found = true;
    assert_non_null(mbox);
    *read = (struct read){.all = BUF(100000)};
    mbox_init(&mbox[0], &file.input);
    mbox_init(&mbox[1], &file.input);
    while (found) {
        struct mbox_message message;
        assert_int_equal(mbox_next(&mbox[0], &found, &message, &error), ERR_OK);
        if (!found)
            break;
        mbox_message_release(&read->last);
        read->last = message;
        read->count++;
        assert_int_equal(mbox_give(&mbox[1], &message, take_bytes, &read->all, &error), ERR_OK);
        buf_putc(&read->all, '|');
    }
    free(mbox);
}

static void read_release(struct read *read)
{
    mbox_message_release(&read->last);
    buf_release(&read->all);
}

static void assert_read(const char *text, const char *wanted)
{
    CLEANUP(read_release) struct read read;
    read_all(slice_cstr(text), &read);
    buf_putc(&read.all, 0);
    assert_string_equal(read.all.p, wanted);
}

static void test_finds_the_messages(void **state)
{
    (void)state;
    assert_read(FROM "A: 1\n\none\n\n" FROM "B: 2\n\ntwo\n", "A: 1\n\none\n|B: 2\n\ntwo\n|");
    assert_read(FROM "A: 1\n\none\n\n" FROM "B: 2\n\nno end", "A: 1\n\none\n|B: 2\n\nno end|");
    assert_read(FROM "A: 1\n\ntwo empty\n\n\n" FROM "B: 2\n\n", "A: 1\n\ntwo empty\n\n|B: 2\n|");
    assert_read("\n\n" FROM "A: 1\n\n", "A: 1\n|");
    assert_read("Subject: no mbox\n\nx\n", "");
    assert_read("", "");
}

static void test_takes_quoted_and_unquoted_words_for_text(void **state)
{
    (void)state;
    assert_read(FROM "A: 1\n\n>From x\n>>From y\n> From z\n", "A: 1\n\nFrom x\n>From y\n> From z\n|");
    /* No empty line before it, or no date in it. */
    assert_read(FROM "A: 1\n\nx\n" FROM "\nFrom me to you\n", "A: 1\n\nx\n" FROM "\nFrom me to you\n|");
}

static void test_reads_crlf_and_ignores_content_length(void **state)
{
    (void)state;
    assert_read("From a Sun Nov 22 10:00:00 2026\r\nContent-Length: 9999\r\n\r\none\r\n\r\n"
                "From a Sun Nov 22 10:00:00 2026\r\nB: 2\r\n\r\n",
                "Content-Length: 9999\r\n\r\none\r\n|B: 2\r\n|");
}

static void test_reads_flags_and_leaves_their_fields_out(void **state)
{
    (void)state;
    CLEANUP(read_release) struct read read;
    read_all(S(FROM "A: 1\nStatus: RO\nX-Status: AFT\nX-Keywords: $Forwarded\n  mine\nX-UID: 7\nB: 2\n\n"
                    "Status: body\n"),
             &read);
    assert_int_equal(read.last.flags,
                     1U << FLAG_SEEN | 1U << FLAG_ANSWERED | 1U << FLAG_FLAGGED | 1U << FLAG_DRAFT);
    assert_true(slice_eq(buf_slice(&read.last.keywords), S("$Forwarded")));
    assert_int_equal(read.last.date_us, WHEN);
    assert_true(slice_eq(buf_slice(&read.all), S("A: 1\nB: 2\n\nStatus: body\n|")));
}

static void test_knows_what_is_no_message(void **state)
{
    (void)state;
    CLEANUP(read_release) struct read read;
    read_all(S(FROM "X-Mozilla-Status: 0009\n\nx\n"), &read);
    assert_true(read.last.is_none);
    assert_int_equal(read.last.flags, 1U << FLAG_SEEN);
    read_release(&read);
    read_all(S(FROM "Subject: DON'T DELETE\nX-IMAP: 12 34\n\nx\n"), &read);
    assert_true(read.last.is_none);
}

static void test_reads_the_dates_of_from_lines(void **state)
{
    (void)state;
    static const char *const good[] = {
        "From a@b Sun Nov 22 10:00:00 2026\n",       "From \"a b\" Sun Nov 22 10:00:00 2026",
        "From - Sun Nov 22 10:00:00 2026\r\n",       "From a@b  Sun Nov 22 10:00:00 CET 2026\n",
        "From a@b Sun Nov 22 10:00 2026 remote x\n", "From Nov Sun Nov 22 10:00:00 2026",
    };
    static const char *const bad[] = {
        "From a@b\n",
        "From a Sun Nov 22\n",
        "From a Sun Nov 32 10:00:00 2026",
        "From a Sun Nov 22 25:00:00 2026",
        "from a Sun Nov 22 10:00:00 2026",
    };
    int64_t us;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(mbox_from_line(slice_cstr(good[i]), &us));
        assert_int_equal(us, WHEN);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(mbox_from_line(slice_cstr(bad[i]), &us));
}

static void test_reads_lines_of_any_length(void **state)
{
    (void)state;
    for (size_t n = MBOX_LINE - 2; n < MBOX_LINE + 3; n++) {
        CLEANUP(read_release) struct read read;
        CLEANUP(buf_release) struct buf text = BUF(100000);
        CLEANUP(buf_release) struct buf wanted = BUF(100000);
        buf_put(&text, S(FROM));
        for (size_t i = 0; i < n; i++)
            buf_putc(&wanted, i < 5 ? ":hello"[i] : '>');
        buf_put(&wanted, S("From x\n\nbody\n"));
        buf_put(&text, buf_slice(&wanted));
        buf_putc(&wanted, '|');
        read_all(buf_slice(&text), &read);
        assert_true(slice_eq(buf_slice(&read.all), buf_slice(&wanted)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_messages),
        cmocka_unit_test(test_takes_quoted_and_unquoted_words_for_text),
        cmocka_unit_test(test_reads_crlf_and_ignores_content_length),
        cmocka_unit_test(test_reads_flags_and_leaves_their_fields_out),
        cmocka_unit_test(test_knows_what_is_no_message),
        cmocka_unit_test(test_reads_the_dates_of_from_lines),
        cmocka_unit_test(test_reads_lines_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
