/* Compression against zlib used plainly, as clients do. */
#include "rt/squeeze.h"

#include <zlib.h>

#include "base/test.h"

enum { TEXT_MAX = 1 << 20 };

/* What a client sends: one deflate stream, flushed as told. */
static void client_put(z_stream *client, struct buf *out, struct slice text, int flush)
{
    client->next_in = (Bytef *)(uintptr_t)text.p;
    client->avail_in = (uInt)text.n;
    do {
        char *to = buf_reserve(out, 4096);
        assert_non_null(to);
        client->next_out = (Bytef *)to;
        client->avail_out = 4096;
        assert_int_not_equal(deflate(client, flush), Z_STREAM_ERROR);
        buf_grew(out, 4096 - client->avail_out);
    } while (client->avail_out == 0);
}

static void client_init(z_stream *client)
{
    *client = (z_stream){0};
    assert_int_equal(deflateInit2(client, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
}

/* Takes all there is, `step` bytes of input and output at once; the last status. */
static enum io take_all(struct squeeze *s, struct slice in, size_t step, struct buf *out)
{
    enum io io = IO_WANT_INPUT;
    for (;;) {
        size_t used, n;
        char *to = buf_reserve(out, step);
        assert_non_null(to);
        struct slice part = slice_sub(in, 0, step);
        io = squeeze_take(s, part, &used, to, step, &n);
        buf_grew(out, n);
        in = slice_from(in, used);
        if ((io == IO_WANT_INPUT && in.n == 0) || io == IO_END || io == IO_FAILED)
            return io;
    }
}

static void assert_takes(struct squeeze *s, const struct buf *in, size_t step, enum io end, struct slice text)
{
    CLEANUP(buf_release) struct buf out = BUF(TEXT_MAX);
    assert_int_equal(take_all(s, buf_slice(in), step, &out), end);
    assert_int_equal(out.n, text.n);
    assert_memory_equal(out.p, text.p, text.n);
}

/* Inflates what we said with one stream over all of it. */
static void assert_says(z_stream *peer, const struct buf *said, struct slice text)
{
    char *to = malloc(text.n + 1);
    peer->next_in = (Bytef *)said->p;
    peer->avail_in = (uInt)said->n;
    peer->next_out = (Bytef *)to;
    peer->avail_out = (uInt)text.n + 1;
    (void)inflate(peer, Z_SYNC_FLUSH);
    assert_int_equal(text.n + 1 - peer->avail_out, text.n);
    assert_memory_equal(to, text.p, text.n);
    free(to);
}

static void test_what_is_said_can_be_read_at_once_and_over_rests(void **state)
{
    (void)state;
    struct squeeze *s = squeeze_new();
    z_stream peer = {0};
    size_t sizes[3];
    assert_int_equal(inflateInit2(&peer, -15), Z_OK);
    for (int i = 0; i < 3; i++) {
        CLEANUP(buf_release) struct buf said = BUF(TEXT_MAX);
        assert_true(squeeze_put(s, &said, S("* 23 FETCH (FLAGS (\\Seen) UID 4827313)\r\n")));
        assert_says(&peer, &said, S("* 23 FETCH (FLAGS (\\Seen) UID 4827313)\r\n"));
        sizes[i] = said.n;
        squeeze_rest(s);
    }
    /* What was said before the rest is still drawn on. */
    assert_true(sizes[1] < sizes[0] && sizes[2] < sizes[0]);
    inflateEnd(&peer);
    squeeze_free(s);
}

static void test_long_texts_of_any_kind_go_through(void **state)
{
    (void)state;
    struct squeeze *s = squeeze_new();
    z_stream peer = {0};
    CLEANUP(buf_release) struct buf text = BUF(TEXT_MAX);
    uint32_t random = 1;
    assert_int_equal(inflateInit2(&peer, -15), Z_OK);
    for (int i = 0; i < 300000; i++) {
        random = random * 1664525 + 1013904223;
        buf_putc(&text, i % 5000 < 2500 ? 'a' : (char)(random >> 24));
    }
    for (int i = 0; i < 3; i++) {
        CLEANUP(buf_release) struct buf said = BUF(TEXT_MAX);
        assert_true(squeeze_put(s, &said, buf_slice(&text)));
        assert_says(&peer, &said, buf_slice(&text));
        squeeze_rest(s);
    }
    inflateEnd(&peer);
    squeeze_free(s);
}

static void test_output_without_room_fails(void **state)
{
    (void)state;
    struct squeeze *s = squeeze_new();
    CLEANUP(buf_release) struct buf said = BUF(100);
    assert_false(squeeze_put(s, &said, S("x")));
    squeeze_free(s);
}

static void test_takes_a_stream_in_any_pieces(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 7, 4096};
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct squeeze *s = squeeze_new();
        z_stream client;
        client_init(&client);
        CLEANUP(buf_release) struct buf sent = BUF(TEXT_MAX);
        client_put(&client, &sent, S("a1 NOOP\r\na2 NOOP\r\n"), Z_SYNC_FLUSH);
        client_put(&client, &sent, S("a3 NOOP\r\n"), Z_FULL_FLUSH);
        assert_takes(s, &sent, steps[i], IO_WANT_INPUT, S("a1 NOOP\r\na2 NOOP\r\na3 NOOP\r\n"));
        deflateEnd(&client);
        squeeze_free(s);
    }
}

static void test_a_rest_between_two_flushes_forgets_nothing(void **state)
{
    (void)state;
    struct squeeze *s = squeeze_new();
    z_stream client;
    client_init(&client);
    for (int i = 0; i < 5; i++) {
        CLEANUP(buf_release) struct buf sent = BUF(TEXT_MAX);
        unsigned awake;
        client_put(&client, &sent, S("a1 FETCH 1:* (UID FLAGS ENVELOPE)\r\n"), Z_SYNC_FLUSH);
        assert_takes(s, &sent, 4096, IO_WANT_INPUT, S("a1 FETCH 1:* (UID FLAGS ENVELOPE)\r\n"));
        squeeze_rest(s);
        assert_true(squeeze_held(s, &awake) < 1024);
        assert_int_equal(awake, 0);
    }
    deflateEnd(&client);
    squeeze_free(s);
}

static void test_a_rest_within_a_byte_keeps_the_state(void **state)
{
    (void)state;
    struct squeeze *s = squeeze_new();
    z_stream client;
    client_init(&client);
    unsigned kept = 0;
    for (int i = 0; i < 8; i++) {
        CLEANUP(buf_release) struct buf sent = BUF(TEXT_MAX);
        CLEANUP(buf_release) struct buf text = BUF(100);
        unsigned awake;
        buf_printf(&text, "%.*s NOOP\r\n", i + 1, "abcdefghi");
        client_put(&client, &sent, buf_slice(&text), Z_PARTIAL_FLUSH);
        assert_takes(s, &sent, 4096, IO_WANT_INPUT, buf_slice(&text));
        squeeze_rest(s);
        (void)squeeze_held(s, &awake);
        kept += awake;
    }
    assert_true(kept > 0);
    deflateEnd(&client);
    squeeze_free(s);
}

static void test_a_full_window_is_kept_whole(void **state)
{
    (void)state;
    struct squeeze *s = squeeze_new();
    z_stream client;
    client_init(&client);
    CLEANUP(buf_release) struct buf text = BUF(TEXT_MAX);
    uint32_t random = 1;
    for (int i = 0; i < 30000; i++) {
        random = random * 1664525 + 1013904223;
        buf_putc(&text, (char)(random >> 24));
    }
    for (int i = 0; i < 3; i++) {
        CLEANUP(buf_release) struct buf sent = BUF(TEXT_MAX);
        unsigned awake;
        client_put(&client, &sent, buf_slice(&text), Z_SYNC_FLUSH);
        assert_takes(s, &sent, 1000, IO_WANT_INPUT, buf_slice(&text));
        squeeze_rest(s);
        assert_true(squeeze_held(s, &awake) <= 33 * 1024);
        assert_int_equal(awake, 0);
        assert_true(i == 0 || sent.n < text.n / 10); /* it refers to what came before the rest */
    }
    deflateEnd(&client);
    squeeze_free(s);
}

/* What a client may send behind UNAUTHENTICATE, whole or byte by byte: its stream ends, words in the clear
 * follow. */
static void check_end(int flush, int last, struct slice behind)
{
    const struct slice words = S("a UNAUTHENTICATE\r\n");
    CLEANUP(buf_release) struct buf sent = BUF(TEXT_MAX);
    char text[100];
    size_t used, n;
    z_stream client;
    client_init(&client);
    client_put(&client, &sent, words, flush);
    if (last != Z_NO_FLUSH)
        client_put(&client, &sent, slice_none(), last);
    deflateEnd(&client);
    size_t stream = sent.n;
    buf_put(&sent, behind);
    struct squeeze *s = squeeze_new();
    assert_int_equal(squeeze_take(s, buf_slice(&sent), &used, text, sizeof(text), &n), IO_DONE);
    assert_int_equal(n, words.n);
    assert_true(used <= stream);
    for (size_t at = used; at < stream; at += used) {
        enum io io = squeeze_end(s, slice_of(sent.p + at, 1), &used);
        assert_int_equal(io, at + 1 < stream ? IO_WANT_INPUT : IO_DONE);
    }
    squeeze_free(s);
    s = squeeze_new();
    assert_int_equal(squeeze_take(s, buf_slice(&sent), &used, text, sizeof(text), &n), IO_DONE);
    size_t at = used;
    assert_int_equal(squeeze_end(s, slice_from(buf_slice(&sent), at), &used), IO_DONE);
    assert_int_equal(at + used, stream);
    squeeze_free(s);
}

static void test_a_stream_ends_where_the_client_ends_it(void **state)
{
    (void)state;
    check_end(Z_SYNC_FLUSH, Z_NO_FLUSH, S("b LOGIN anna secret\r\n"));
    check_end(Z_SYNC_FLUSH, Z_NO_FLUSH, S(""));
    check_end(Z_FULL_FLUSH, Z_NO_FLUSH, S("b LOGIN anna secret\r\n"));
    check_end(Z_FINISH, Z_NO_FLUSH, S("b LOGIN anna secret\r\n"));
    check_end(Z_BLOCK, Z_FINISH, S("\r\n"));
}

static void test_an_empty_last_block_behind_a_flush_is_of_the_stream(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf sent = BUF(TEXT_MAX);
    char text[100];
    size_t used, n;
    z_stream client;
    client_init(&client);
    client_put(&client, &sent, S("a UNAUTHENTICATE\r\n"), Z_SYNC_FLUSH);
    client_put(&client, &sent, slice_none(), Z_FINISH);
    deflateEnd(&client);
    buf_put(&sent, S("b"));
    struct squeeze *s = squeeze_new();
    assert_int_equal(squeeze_take(s, buf_slice(&sent), &used, text, sizeof(text), &n), IO_DONE);
    buf_consume(&sent, used);
    assert_int_equal(squeeze_end(s, buf_slice(&sent), &used), IO_DONE);
    assert_int_equal(used, sent.n - 1);
    squeeze_free(s);
}

static void test_a_stream_that_goes_on_has_not_ended(void **state)
{
    (void)state;
    CLEANUP(buf_release) struct buf sent = BUF(TEXT_MAX);
    char text[100];
    size_t used, n;
    z_stream client;
    client_init(&client);
    client_put(&client, &sent, S("a UNAUTHENTICATE\r\n"), Z_BLOCK);
    client_put(&client, &sent, S("b LOGIN anna secret\r\n"), Z_SYNC_FLUSH);
    deflateEnd(&client);
    struct squeeze *s = squeeze_new();
    assert_int_equal(squeeze_take(s, buf_slice(&sent), &used, text, sizeof(text), &n), IO_DONE);
    buf_consume(&sent, used);
    assert_int_equal(squeeze_end(s, buf_slice(&sent), &used), IO_FAILED);
    squeeze_free(s);
}

static void test_an_ended_stream_is_an_end_and_rubbish_a_failure(void **state)
{
    (void)state;
    struct squeeze *s = squeeze_new();
    z_stream client;
    client_init(&client);
    CLEANUP(buf_release) struct buf sent = BUF(TEXT_MAX);
    client_put(&client, &sent, S("a LOGOUT\r\n"), Z_FINISH);
    buf_put(&sent, S("behind it"));
    assert_takes(s, &sent, 4096, IO_END, S("a LOGOUT\r\n"));
    deflateEnd(&client);
    squeeze_free(s);
    s = squeeze_new();
    buf_clear(&sent);
    buf_put(&sent, S("a1 NOOP\r\nin the clear\r\n"));
    CLEANUP(buf_release) struct buf out = BUF(TEXT_MAX);
    assert_int_equal(take_all(s, buf_slice(&sent), 4096, &out), IO_FAILED);
    squeeze_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said_can_be_read_at_once_and_over_rests),
        cmocka_unit_test(test_long_texts_of_any_kind_go_through),
        cmocka_unit_test(test_output_without_room_fails),
        cmocka_unit_test(test_takes_a_stream_in_any_pieces),
        cmocka_unit_test(test_a_rest_between_two_flushes_forgets_nothing),
        cmocka_unit_test(test_a_rest_within_a_byte_keeps_the_state),
        cmocka_unit_test(test_a_full_window_is_kept_whole),
        cmocka_unit_test(test_a_stream_ends_where_the_client_ends_it),
        cmocka_unit_test(test_an_empty_last_block_behind_a_flush_is_of_the_stream),
        cmocka_unit_test(test_a_stream_that_goes_on_has_not_ended),
        cmocka_unit_test(test_an_ended_stream_is_an_end_and_rubbish_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
