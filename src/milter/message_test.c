/* A message as milters change it. */
#include "milter/message.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/test.h"

struct desk {
    struct arena arena;
    struct milter_message message;
    struct buf text;
    struct error error;
};

static int setup(void **state)
{
    struct desk *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    t->arena = ARENA(MILTER_ARENA_MAX);
    t->text = BUF(4 * MILTER_HEADER_MAX);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct desk *t = *state;
    milter_message_release(&t->message);
    arena_release(&t->arena);
    buf_release(&t->text);
    free(t);
    return 0;
}

static void read_text(struct desk *t, struct slice text)
{
    milter_message_release(&t->message);
    assert_int_equal(milter_message_read(&t->message, text, -1, text.n, &t->arena, &t->error), ERR_OK);
}

/* The whole message as it is now. */
static struct slice whole(struct desk *t)
{
    CLEANUP(buf_release) struct buf storage = BUF(100);
    struct slice piece;
    uint64_t offset = 0;
    buf_clear(&t->text);
    milter_message_put_header(&t->message, &t->text);
    do {
        assert_int_equal(milter_message_body(&t->message, &offset, 7, &storage, &piece, &t->error), ERR_OK);
        buf_put(&t->text, piece);
    } while (piece.n > 0);
    return buf_slice(&t->text);
}

static void assert_is(struct desk *t, const char *text)
{
    if (!slice_eq(whole(t), slice_cstr(text)))
        print_error("%s\n", buf_cstr(&t->text));
    assert_true(slice_eq(whole(t), slice_cstr(text)));
}

#define GOOD(t, call) assert_int_equal(call, ERR_OK)

static void test_what_nobody_changes_stays(void **state)
{
    struct desk *t = *state;
    static const char text[] = "A : b\r\nno field\r\nC:d\r\n\te\r\n\r\nbody\r\n";
    read_text(t, slice_cstr(text));
    assert_is(t, text);
    assert_false(t->message.changed);
    read_text(t, S("\r\nbody"));
    assert_is(t, "\r\nbody");
    read_text(t, S("A: b"));
    assert_is(t, "A: b\r\n\r\n");
}

static void test_fields_are_added_and_inserted(void **state)
{
    struct desk *t = *state;
    read_text(t, S("A: 1\r\nB: 2\r\n\r\nx"));
    GOOD(t, milter_message_add(&t->message, S("Last"), S("z"), false, &t->error));
    GOOD(t, milter_message_insert(&t->message, 1, S("One"), S("o"), false, &t->error));
    GOOD(t, milter_message_insert(&t->message, 0, S("Zero"), S(" o"), true, &t->error));
    GOOD(t, milter_message_insert(&t->message, 4, S("Mid"), S("m"), false, &t->error));
    GOOD(t, milter_message_insert(&t->message, 99, S("End"), S("e"), false, &t->error));
    assert_true(t->message.changed);
    assert_is(t, "Zero: o\r\nOne: o\r\nA: 1\r\nMid: m\r\nB: 2\r\nLast: z\r\nEnd: e\r\n\r\nx");
}

static void test_fields_are_changed_and_removed(void **state)
{
    struct desk *t = *state;
    read_text(t, S("A: 1\r\na: 2\r\nB: 3\r\n\r\n"));
    GOOD(t, milter_message_change(&t->message, 2, S("A"), S("new"), false, &t->error));
    GOOD(t, milter_message_change(&t->message, 0, S("b"), slice_none(), false, &t->error));
    GOOD(t, milter_message_change(&t->message, 9, S("B"), slice_none(), false, &t->error));
    GOOD(t, milter_message_change(&t->message, 3, S("A"), S("third"), false, &t->error));
    assert_is(t, "A: 1\r\nA: new\r\nA: third\r\n\r\n");
}

static void test_values_stay_within_their_field(void **state)
{
    struct desk *t = *state;
    read_text(t, S("\r\n"));
    GOOD(t, milter_message_add(&t->message, S("X"), S("a\nInjected: b\r\n c\r\rd\n\n"), false, &t->error));
    assert_is(t, "X: a\r\n\tInjected: b\r\n cd\r\n\r\n");
    assert_int_equal(milter_message_add(&t->message, S("X\r\nY"), S("a"), false, &t->error), ERR_INVALID);
    assert_int_equal(milter_message_add(&t->message, S("X:"), S("a"), false, &t->error), ERR_INVALID);
    assert_int_equal(milter_message_add(&t->message, slice_none(), S("a"), false, &t->error), ERR_INVALID);
    assert_is(t, "X: a\r\n\tInjected: b\r\n cd\r\n\r\n");
}

static void test_body_is_replaced_in_pieces(void **state)
{
    struct desk *t = *state;
    read_text(t, S("A: 1\r\n\r\nold body\r\n"));
    GOOD(t, milter_message_replace(&t->message, true, S("new "), &t->error));
    GOOD(t, milter_message_replace(&t->message, false, S("body, longer\r\n"), &t->error));
    assert_is(t, "A: 1\r\n\r\nnew body, longer\r\n");
    GOOD(t, milter_message_replace(&t->message, true, S("again"), &t->error));
    assert_is(t, "A: 1\r\n\r\nagain");
}

static int file_of(struct slice text)
{
    struct error error;
    char name[] = "/tmp/milter-test-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    (void)unlink(name);
    assert_int_equal(fd_write_all(fd, text, &error), ERR_OK);
    return fd;
}

static void test_message_in_a_file(void **state)
{
    struct desk *t = *state;
    CLEANUP(buf_release) struct buf text = BUF(2 * MILTER_HEADER_MAX);
    while (text.n < 200000)
        buf_put(&text, S("X: 0123456789\r\n"));
    buf_put(&text, S("\r\nbody of it\r\n"));
    CLEANUP(fd_close) int fd = file_of(buf_slice(&text));
    GOOD(t, milter_message_read(&t->message, slice_none(), fd, text.n, &t->arena, &t->error));
    assert_true(slice_eq(whole(t), buf_slice(&text)));
    GOOD(t, milter_message_change(&t->message, 1, S("X"), S("first"), false, &t->error));
    assert_true(slice_starts(whole(t), S("X: first\r\nX: 0123456789\r\n")));
    assert_true(slice_ends(whole(t), S("9\r\n\r\nbody of it\r\n")));
}

static void test_header_at_its_limits(void **state)
{
    struct desk *t = *state;
    for (size_t more = 0; more < 2; more++) {
        CLEANUP(buf_release) struct buf text = BUF(2 * MILTER_HEADER_MAX);
        buf_put(&text, S("X: "));
        while (text.n < MILTER_HEADER_MAX + more - 4)
            buf_putc(&text, 'x');
        buf_put(&text, S("\r\n\r\nbody"));
        CLEANUP(fd_close) int fd = file_of(buf_slice(&text));
        arena_reset(&t->arena);
        assert_int_equal(milter_message_read(&t->message, slice_none(), fd, text.n, &t->arena, &t->error),
                         more == 0 ? ERR_OK : ERR_LIMIT);
    }
    arena_reset(&t->arena);
    CLEANUP(buf_release) struct buf many = BUF(2 * MILTER_HEADER_MAX);
    for (int i = 0; i < MILTER_FIELDS_MAX - 1; i++)
        buf_put(&many, S("A:b\r\n"));
    read_text(t, buf_slice(&many));
    GOOD(t, milter_message_add(&t->message, S("A"), S("b"), false, &t->error));
    assert_int_equal(milter_message_add(&t->message, S("A"), S("b"), false, &t->error), ERR_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_nobody_changes_stays),      TEST(test_fields_are_added_and_inserted),
        TEST(test_fields_are_changed_and_removed), TEST(test_values_stay_within_their_field),
        TEST(test_body_is_replaced_in_pieces),     TEST(test_message_in_a_file),
        TEST(test_header_at_its_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
