/* DATA and BDAT as they come in, whole and in every possible pieces. */
#include "base/test.h"

#include "smtp/chunk_reader.h"

struct result {
    struct buf text;
    bool done;
    bool bare;
    size_t used; /* of the input */
};

static void sink(void *context, struct slice s)
{
    struct result *result = context;
    buf_put(&result->text, s);
}

static void feed(struct reader *reader, struct result *result, struct slice part)
{
    CLEANUP(buf_release) struct buf out = BUF(100);
    size_t used = 0;
    if (result->done)
        return;
    enum reader_status status = reader->feed(reader, part, &used, &out);
    assert_int_not_equal(status, READER_FAILED);
    assert_true(status == READER_DONE ? used <= part.n : used == part.n);
    result->done = status == READER_DONE;
    result->used += used;
    assert_int_equal(out.n, 0);
}

/* Cut at `first` and `second`. */
static struct result read_dots(struct slice in, size_t first, size_t second)
{
    struct dot_reader r;
    struct result result = {.text = BUF(10000)};
    dot_reader_init(&r, sink, &result);
    feed(&r.reader, &result, slice_sub(in, 0, first));
    feed(&r.reader, &result, slice_sub(in, first, second - first));
    feed(&r.reader, &result, slice_from(in, second));
    result.bare = r.bare;
    return result;
}

static void assert_same(const struct result *a, const struct result *b)
{
    assert_true(slice_eq(buf_slice(&a->text), buf_slice(&b->text)));
    assert_int_equal(a->done, b->done);
    assert_int_equal(a->bare, b->bare);
    assert_int_equal(a->used, b->used);
}

static void assert_dots(struct slice in, struct slice text, bool done, bool bare, size_t left)
{
    struct result whole = read_dots(in, in.n, in.n);
    if (!slice_eq(buf_slice(&whole.text), text)) {
        print_error("%.*s gave %.*s\n", SLICE_ARGS(in), SLICE_ARGS(buf_slice(&whole.text)));
        assert_true(false);
    }
    assert_int_equal(whole.done, done);
    assert_int_equal(whole.bare, bare);
    assert_int_equal(in.n - whole.used, left);
    for (size_t first = 0; first <= in.n; first++) {
        for (size_t second = first; second <= in.n; second++) {
            struct result pieces = read_dots(in, first, second);
            assert_same(&whole, &pieces);
            buf_release(&pieces.text);
        }
    }
    buf_release(&whole.text);
}

/* RFC 5321 4.5.2. */
static void test_ends_at_a_lone_dot_and_undoes_doubled_ones(void **state)
{
    (void)state;
    assert_dots(S(".\r\n"), S(""), true, false, 0);
    assert_dots(S("a\r\n.\r\nQUIT\r\n"), S("a\r\n"), true, false, 6);
    assert_dots(S("..\r\n...\r\n.a\r\n.\r\n"), S(".\r\n..\r\na\r\n"), true, false, 0);
    assert_dots(S("\r\n\r\n.\r\n"), S("\r\n\r\n"), true, false, 0);
    assert_dots(S("a.\r\n.\r\n"), S("a.\r\n"), true, false, 0);
    assert_dots(S("a\r\n"), S("a\r\n"), false, false, 0);
}

/* RFC 5321 2.3.8: none of these is an end, and each is remembered. */
static void test_flags_bare_cr_and_lf(void **state)
{
    (void)state;
    assert_dots(S("a\n.\r\nb\r\n.\r\n"), S("a\n.\r\nb\r\n"), true, true, 0);
    assert_dots(S("a\r\n.\nb\r\n.\r\n"), S("a\r\n\nb\r\n"), true, true, 0);
    assert_dots(S("a\r.\r\n.\r\n"), S("a\r.\r\n"), true, true, 0);
    assert_dots(S("a\n.\nb\r\n.\r\n"), S("a\n.\nb\r\n"), true, true, 0);
    assert_dots(S("a\r\n.\rb\r\n.\r\n"), S("a\r\n\rb\r\n"), true, true, 0);
    assert_dots(S("a\r\r\n.\r\n"), S("a\r\r\n"), true, true, 0);
    assert_dots(S(".\r\r\n.\r\n"), S("\r\r\n"), true, true, 0);
    assert_dots(S("\n\r\n.\r\n"), S("\n\r\n"), true, true, 0);
    assert_dots(S("\r"), S(""), false, false, 0);
}

/* Bytes of those that matter, in random order and random pieces. */
static void test_pieces_never_matter(void **state)
{
    static const char alphabet[] = {'\r', '\n', '.', 'a'};
    unsigned seed = 4711;
    (void)state;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        for (size_t i = 0; i < sizeof(text); i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = alphabet[seed >> 16 & 3];
        }
        size_t first = (seed >> 8) % sizeof(text);
        struct slice in = slice_of(text, sizeof(text));
        struct result whole = read_dots(in, in.n, in.n);
        struct result pieces = read_dots(in, first, first + (seed >> 4) % (sizeof(text) - first));
        assert_same(&whole, &pieces);
        buf_release(&whole.text);
        buf_release(&pieces.text);
    }
}

static struct result read_chunk(struct slice in, uint64_t size, size_t cut, char *last)
{
    struct chunk_reader r;
    struct result result = {.text = BUF(10000)};
    chunk_reader_init(&r, sink, &result);
    chunk_reader_expect(&r, size);
    feed(&r.reader, &result, slice_sub(in, 0, cut));
    feed(&r.reader, &result, slice_from(in, cut));
    result.bare = r.bare;
    *last = r.last;
    return result;
}

/* RFC 3030: so many bytes, whatever they are. */
static void test_chunk_takes_just_its_bytes(void **state)
{
    char last;
    (void)state;
    for (size_t cut = 0; cut <= 9; cut++) {
        struct result result = read_chunk(S(".\r\n.\r\nabc"), 6, cut, &last);
        assert_true(slice_eq(buf_slice(&result.text), S(".\r\n.\r\n")));
        assert_true(result.done);
        assert_false(result.bare);
        assert_int_equal(result.used, 6);
        buf_release(&result.text);
        result = read_chunk(S("a\rb\r\n"), 100, MIN(cut, (size_t)5), &last);
        assert_false(result.done);
        assert_true(result.bare);
        buf_release(&result.text);
        result = read_chunk(S("ab\ncd"), 5, MIN(cut, (size_t)5), &last);
        assert_true(result.bare);
        buf_release(&result.text);
        result = read_chunk(S("abcd\r"), 5, MIN(cut, (size_t)5), &last);
        assert_true(!result.bare && last == '\r');
        buf_release(&result.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ends_at_a_lone_dot_and_undoes_doubled_ones),
        cmocka_unit_test(test_flags_bare_cr_and_lf),
        cmocka_unit_test(test_pieces_never_matter),
        cmocka_unit_test(test_chunk_takes_just_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
