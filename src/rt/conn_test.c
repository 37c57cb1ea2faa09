/* Connections over real sockets: a line protocol with a verb for each behaviour. */
#include "rt/test_wire.h"

#include "rt/squeeze.h"

enum { IDLE_US = 2000000 };

struct talk {
    struct line_reader reader;
    struct conn *conn;
    struct place place;
    struct tls_context *tls;
    int64_t idle_us;
    int bridge_fd;
    _Atomic int ready, closed, notices, expired, stopping, secured;
    int handed_fd;
    struct buf handed;
    bool broke;
};

static void next(struct talk *t)
{
    conn_expect(t->conn, &t->reader.reader, t->idle_us);
}

static void verb_start_tls(struct conn *conn, struct talk *t)
{
    if (conn_has_pending(conn)) {
        conn_write(conn, S("502 not now\r\n"));
        next(t);
        return;
    }
    conn_write(conn, S("220 go\r\n"));
    conn_start_tls(conn, t->tls);
}

static void verb_deflate(struct conn *conn, struct talk *t)
{
    struct error error;
    assert_int_equal(conn_start_deflate(conn, &error), ERR_OK);
    conn_write(conn, S("from now on\r\n"));
    next(t);
}

static void verb_flood(struct conn *conn, struct talk *t)
{
    for (int i = 0; i < 4096 && !conn_broken(conn); i++) {
        char block[1024];
        memset(block, 'a' + i % 26, sizeof(block));
        conn_write(conn, slice_of(block, sizeof(block)));
    }
    t->broke = conn_broken(conn);
    next(t);
}

static void verb_hand_over(struct conn *conn, struct talk *t)
{
    struct error error;
    conn_write(conn, S("moving\r\n"));
    if (conn_hand_over(conn, &t->handed_fd, &t->handed, &error) != ERR_OK)
        conn_close(conn);
}

static void talk_ready(struct conn *conn, void *session)
{
    struct talk *t = session;
    struct slice line = line_reader_line(&t->reader);
    atomic_fetch_add(&t->ready, 1);
    if (slice_eq(line, S("QUIT"))) {
        conn_write(conn, S("bye\r\n"));
        conn_close(conn);
    } else if (slice_eq(line, S("STARTTLS"))) {
        verb_start_tls(conn, t);
    } else if (slice_eq(line, S("DEFLATE"))) {
        verb_deflate(conn, t);
    } else if (slice_eq(line, S("FLOOD"))) {
        verb_flood(conn, t);
    } else if (slice_eq(line, S("MOVE"))) {
        verb_hand_over(conn, t);
    } else if (slice_eq(line, S("BRIDGE"))) {
        conn_write(conn, S("bridged\r\n"));
        conn_bridge(conn, t->bridge_fd, NULL);
    } else {
        conn_printf(conn, "%s:%.*s\r\n", conn_is_tls(conn) ? "tls" : "got", SLICE_ARGS(line));
        next(t);
    }
}

static void talk_failed(struct conn *conn, void *session)
{
    conn_write(conn, S("too long\r\n"));
    next(session);
}

static void talk_notice(struct conn *conn, void *session)
{
    struct talk *t = session;
    atomic_fetch_add(&t->notices, 1);
    conn_write(conn, S("* news\r\n"));
}

static void talk_expired(struct conn *conn, void *session)
{
    struct talk *t = session;
    conn_write(conn, S("idle\r\n"));
    atomic_fetch_add(&t->expired, 1);
    conn_close(conn);
}

static void talk_stopping(struct conn *conn, void *session)
{
    struct talk *t = session;
    conn_write(conn, S("stopping\r\n"));
    atomic_fetch_add(&t->stopping, 1);
    conn_close(conn);
}

static void talk_secured(struct conn *conn UNUSED, void *session)
{
    struct talk *t = session;
    if (atomic_fetch_add(&t->secured, 1) == 0)
        next(t);
}

static void talk_closed(void *session)
{
    struct talk *t = session;
    line_reader_release(&t->reader);
    atomic_fetch_add(&t->closed, 1);
}

static const struct conn_handler talk_handler = {
    .protocol = "talk",
    .ready = talk_ready,
    .failed = talk_failed,
    .notice = talk_notice,
    .expired = talk_expired,
    .stopping = talk_stopping,
    .secured = talk_secured,
    .closed = talk_closed,
};

/* A running connection and its client. */
static struct wire talk_open(struct loop *loop, struct talk *t, bool implicit_tls, struct slice pending)
{
    int fds[2];
    wire_pair(fds);
    struct conn_options options = {
        .peer = "192.0.2.1", .peer_port = 4711, .tls = implicit_tls ? t->tls : NULL};
    struct error error;
    if (t->idle_us == 0)
        t->idle_us = CLOCK_HOUR;
    line_reader_init(&t->reader, 100);
    assert_int_equal(conn_open(loop, fds[0], &talk_handler, t, &options, &t->conn, &error), ERR_OK);
    t->place = conn_place(t->conn);
    conn_write(t->conn, S("hello\r\n"));
    next(t);
    conn_start(t->conn, pending);
    return wire_of(fds[1]);
}

static void test_serves_lines_and_quits(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "a\r\n");
    wire_expect(&w, "got:a\r\n");
    wire_send(&w, "b");
    usleep(20000);
    wire_send(&w, "c\r\nd\r\nQUIT\r\nnever\r\n");
    wire_expect(&w, "got:bc\r\ngot:d\r\nbye\r\n");
    wire_expect_end(&w);
    wire_wait(&t.closed, 1);
    assert_int_equal(t.ready, 4);
    wire_close(&w);
    wire_finish(loop);
}

static void test_serves_what_was_pending_at_the_start(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, S("x\r\ny\r\nhal"));
    wire_expect(&w, "hello\r\ngot:x\r\ngot:y\r\n");
    wire_send(&w, "f\r\n");
    wire_expect(&w, "got:half\r\n");
    wire_close(&w);
    wire_wait(&t.closed, 1);
    wire_finish(loop);
}

static void test_answers_an_overlong_line_and_goes_on(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    char line[300];
    memset(line, 'x', sizeof(line));
    line[299] = 0;
    wire_expect(&w, "hello\r\n");
    wire_send(&w, line);
    wire_send(&w, "\r\nnext\r\n");
    wire_expect(&w, "too long\r\ngot:next\r\n");
    wire_close(&w);
    wire_wait(&t.closed, 1);
    wire_finish(loop);
}

static void test_half_closed_peer_gets_all_answers(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    for (int i = 0; i < 300; i++) /* more than are served in a row */
        wire_send(&w, "z\r\n");
    shutdown(w.fd, SHUT_WR);
    wire_expect(&w, "hello\r\n");
    for (int i = 0; i < 300; i++)
        wire_expect(&w, "got:z\r\n");
    wire_expect_end(&w);
    wire_wait(&t.closed, 1);
    assert_int_equal(t.ready, 300);
    wire_close(&w);
    wire_finish(loop);
}

static void test_notice_comes_while_a_unit_is_half_read(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "DO");
    usleep(20000);
    loop_notify(loop, t.place);
    wire_expect(&w, "* news\r\n");
    wire_send(&w, "NE\r\n");
    wire_expect(&w, "got:DONE\r\n");
    wire_close(&w);
    wire_wait(&t.closed, 1);
    loop_notify(loop, t.place); /* stale by now */
    wire_finish(loop);
}

static void test_dripping_bytes_buys_no_time(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {.idle_us = 300 * CLOCK_MS};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    int64_t start = clock_mono_us();
    for (int i = 0; i < 50 && atomic_load(&t.expired) == 0; i++) {
        (void)!send(w.fd, "x", 1, MSG_NOSIGNAL);
        usleep(20000);
    }
    assert_int_equal(t.expired, 1);
    assert_true(clock_mono_us() - start >= 290 * CLOCK_MS);
    wire_expect(&w, "idle\r\n");
    wire_expect_end(&w);
    wire_close(&w);
    wire_wait(&t.closed, 1);
    wire_finish(loop);
}

static void test_stop_says_goodbye_to_the_parked(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    loop_stop(loop);
    wire_expect(&w, "stopping\r\n");
    wire_expect_end(&w);
    wire_close(&w);
    wire_finish(loop);
    assert_int_equal(t.closed, 1);
}

static void test_a_flood_of_output_waits_for_the_reader(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "FLOOD\r\nafter\r\n");
    usleep(50000);
    loop_notify(loop, t.place);
    size_t total = 0;
    char block[8192];
    while (total < 4096 * 1024) {
        ssize_t n = recv(w.fd, block, MIN(sizeof(block), 4096 * 1024 - total), 0);
        assert_true(n > 0);
        assert_int_equal(block[0], 'a' + (int)(total / 1024 % 26));
        total += (size_t)n;
    }
    wire_expect(&w, "got:after\r\n* news\r\n");
    assert_false(t.broke);
    wire_close(&w);
    wire_wait(&t.closed, 1);
    wire_finish(loop);
}

/* Fills the socket with less than blocks a thread, so that the connection parks for output. */
static void test_output_that_is_never_taken_ends_the_connection(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    int least = 1;
    wire_expect(&w, "hello\r\n");
    setsockopt(w.fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least));
    char line[92];
    memset(line, 'y', sizeof(line));
    line[89] = '\r';
    line[90] = '\n';
    line[91] = 0;
    /* Until the server has taken nothing for a while: then it waits for us to read. */
    for (int quiet = 0; quiet < 60;) {
        if (send(w.fd, line, 91, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
            quiet = 0;
        } else {
            quiet++;
            usleep(5000);
        }
    }
    assert_int_equal(loop_figures(loop).busy, 0); /* it holds no thread */
    assert_int_equal(t.closed, 0);
    clock_shift(CONN_WRITE_TIMEOUT_US + CLOCK_SECOND);
    loop_clock_shifted(loop);
    wire_wait(&t.closed, 1);
    wire_close(&w);
    wire_finish(loop);
}

static void test_implicit_tls_greets_after_the_handshake(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {.tls = wire_tls("mail.example.org"), .secured = 1};
    struct wire w = talk_open(loop, &t, true, slice_none());
    wire_start_tls(&w, "mail.example.org", 0);
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "a\r\nb\r\n");
    wire_expect(&w, "tls:a\r\ntls:b\r\n");
    wire_send(&w, "QUIT\r\n");
    wire_expect(&w, "bye\r\n");
    wire_expect_end(&w);
    assert_int_equal(SSL_get_shutdown(w.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    wire_close(&w);
    wire_wait(&t.closed, 1);
    assert_int_equal(t.secured, 2);
    wire_finish(loop);
    tls_context_unref(t.tls);
}

static void test_starttls_handshakes_after_its_answer(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {.tls = wire_tls("mail.example.org")};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "STARTTLS\r\n");
    wire_expect(&w, "220 go\r\n");
    wire_start_tls(&w, NULL, TLS1_2_VERSION);
    assert_string_equal(SSL_get_version(w.ssl), "TLSv1.2");
    wire_send(&w, "a\r\n");
    wire_expect(&w, "tls:a\r\n");
    wire_close(&w);
    wire_wait(&t.closed, 1);
    wire_finish(loop);
    tls_context_unref(t.tls);
}

static void test_input_ahead_of_starttls_is_seen(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {.tls = wire_tls("mail.example.org")};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "STARTTLS\r\ninjected\r\n");
    wire_expect(&w, "502 not now\r\ngot:injected\r\n");
    wire_close(&w);
    wire_wait(&t.closed, 1);
    wire_finish(loop);
    tls_context_unref(t.tls);
}

static void test_half_a_hello_holds_no_thread_and_expires(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {.tls = wire_tls("mail.example.org")};
    struct wire w = talk_open(loop, &t, true, slice_none());
    static const char hello[] = {0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00};
    assert_int_equal(send(w.fd, hello, sizeof(hello), 0), sizeof(hello));
    usleep(50000);
    assert_int_equal(loop_figures(loop).busy, 0);
    assert_int_equal(t.closed, 0);
    clock_shift(CONN_HANDSHAKE_TIMEOUT_US + CLOCK_SECOND);
    loop_clock_shifted(loop);
    wire_wait(&t.closed, 1);
    assert_int_equal(t.secured, 0);
    wire_close(&w);
    wire_finish(loop);
    tls_context_unref(t.tls);
}

static void test_rubbish_for_a_handshake_ends_it(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {.tls = wire_tls("mail.example.org")};
    struct wire w = talk_open(loop, &t, true, slice_none());
    wire_send(&w, "EHLO plain.example.org\r\n");
    wire_wait(&t.closed, 1);
    wire_close(&w);
    wire_finish(loop);
    tls_context_unref(t.tls);
}

static void test_hand_over_moves_descriptor_and_pending_input(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {.handed_fd = -1};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "MOVE\r\nrest of it");
    wire_expect(&w, "moving\r\n");
    wire_wait(&t.closed, 1);
    assert_true(t.handed_fd >= 0);
    assert_int_equal(t.handed.n, 10);
    assert_memory_equal(t.handed.p, "rest of it", 10);
    assert_int_equal(send(t.handed_fd, "mine\r\n", 6, 0), 6);
    wire_expect(&w, "mine\r\n");
    close(t.handed_fd);
    buf_release(&t.handed);
    wire_expect_end(&w);
    wire_close(&w);
    wire_finish(loop);
}

/* A client that compresses: what it hears, decompressed, up to so many bytes. */
static void squeezed_send(struct wire *w, struct squeeze *client, struct slice text)
{
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    assert_true(squeeze_put(client, &out, text));
    assert_int_equal(send(w->fd, out.p, out.n, 0), out.n);
}

static void squeezed_receive(struct wire *w, struct squeeze *client, struct buf *in, size_t wanted,
                             struct buf *out)
{
    while (out->n < wanted) {
        char chunk[4096];
        size_t used, n;
        char *to = buf_reserve(out, wanted - out->n);
        assert_non_null(to);
        enum io io = squeeze_take(client, buf_slice(in), &used, to, wanted - out->n, &n);
        buf_consume(in, used);
        buf_grew(out, n);
        if (io == IO_DONE)
            continue;
        assert_int_equal(io, IO_WANT_INPUT);
        ssize_t got = recv(w->fd, chunk, sizeof(chunk), 0);
        assert_true(got > 0);
        buf_put(in, slice_of(chunk, (size_t)got));
    }
}

static void squeezed_expect(struct wire *w, struct squeeze *client, struct buf *in, const char *text)
{
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    squeezed_receive(w, client, in, strlen(text), &out);
    assert_string_equal(buf_cstr(&out), text);
}

static void test_compresses_both_ways_and_rests_between(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    struct squeeze *client = squeeze_new();
    CLEANUP(buf_release) struct buf in = BUF(1 << 20);
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "a\r\nDEFLATE\r\n");
    wire_expect(&w, "got:a\r\nfrom now on\r\n");
    squeezed_send(&w, client, S("b\r\nc\r\nhal"));
    squeezed_expect(&w, client, &in, "got:b\r\ngot:c\r\n");
    usleep(20000);
    loop_notify(loop, t.place);
    squeezed_expect(&w, client, &in, "* news\r\n");
    squeezed_send(&w, client, S("f\r\n"));
    squeezed_expect(&w, client, &in, "got:half\r\n");
    squeezed_send(&w, client, S("QUIT\r\n"));
    squeezed_expect(&w, client, &in, "bye\r\n");
    wire_expect_end(&w);
    wire_close(&w);
    wire_wait(&t.closed, 1);
    wire_finish(loop);
    squeeze_free(client);
}

static void test_a_flood_of_compressed_output_waits_for_the_reader(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    struct squeeze *client = squeeze_new();
    CLEANUP(buf_release) struct buf in = BUF(1 << 20);
    CLEANUP(buf_release) struct buf out = BUF(8 << 20);
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "DEFLATE\r\n");
    wire_expect(&w, "from now on\r\n");
    squeezed_send(&w, client, S("FLOOD\r\nafter\r\n"));
    squeezed_receive(&w, client, &in, 4096 * 1024, &out);
    for (size_t i = 0; i < out.n; i += 1024)
        assert_int_equal(out.p[i], 'a' + (int)(i / 1024 % 26));
    squeezed_expect(&w, client, &in, "got:after\r\n");
    assert_false(t.broke);
    wire_close(&w);
    wire_wait(&t.closed, 1);
    wire_finish(loop);
    squeeze_free(client);
}

/* A long unit is taken in pieces; units by the thousand for a few bytes are not. */
static void test_a_bomb_of_units_breaks_the_connection(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    struct squeeze *client = squeeze_new();
    CLEANUP(buf_release) struct buf in = BUF(1 << 20);
    CLEANUP(buf_release) struct buf bomb = BUF(1 << 20);
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "DEFLATE\r\n");
    wire_expect(&w, "from now on\r\n");
    for (int i = 0; i < 500000; i++)
        buf_putc(&bomb, 'x');
    buf_put(&bomb, S("\r\n"));
    squeezed_send(&w, client, buf_slice(&bomb));
    squeezed_expect(&w, client, &in, "too long\r\n");
    buf_clear(&bomb);
    for (int i = 0; i < CONN_COMPRESSED_UNITS_MAX - 2; i++)
        buf_put(&bomb, S("\r\n"));
    squeezed_send(&w, client, buf_slice(&bomb));
    for (int i = 0; i < CONN_COMPRESSED_UNITS_MAX - 2; i++)
        squeezed_expect(&w, client, &in, "got:\r\n");
    assert_int_equal(t.closed, 0);
    for (int i = 0; i < 100; i++)
        buf_put(&bomb, S("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"));
    squeezed_send(&w, client, buf_slice(&bomb));
    wire_wait(&t.closed, 1);
    wire_close(&w);
    wire_finish(loop);
    squeeze_free(client);
}

static void test_what_is_not_compressed_breaks_the_connection(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    struct talk t = {0};
    struct wire w = talk_open(loop, &t, false, slice_none());
    wire_expect(&w, "hello\r\n");
    wire_send(&w, "DEFLATE\r\n");
    wire_expect(&w, "from now on\r\n");
    wire_send(&w, "in the clear\r\n");
    wire_wait(&t.closed, 1);
    assert_int_equal(t.ready, 1);
    wire_close(&w);
    wire_finish(loop);
}

static void test_many_connections_leave_no_descriptor(void **state)
{
    (void)state;
    struct loop *loop = wire_loop();
    int before = wire_open_fds();
    struct talk talks[50] = {0};
    struct wire wires[50];
    for (int i = 0; i < 50; i++)
        wires[i] = talk_open(loop, &talks[i], false, slice_none());
    for (int i = 0; i < 50; i++) {
        wire_expect(&wires[i], "hello\r\n");
        wire_send(&wires[i], i % 2 == 0 ? "QUIT\r\n" : "x");
        wire_close(&wires[i]);
    }
    for (int i = 0; i < 50; i++)
        wire_wait(&talks[i].closed, 1);
    assert_int_equal(wire_open_fds(), before);
    wire_finish(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_serves_lines_and_quits),
        cmocka_unit_test(test_serves_what_was_pending_at_the_start),
        cmocka_unit_test(test_answers_an_overlong_line_and_goes_on),
        cmocka_unit_test(test_half_closed_peer_gets_all_answers),
        cmocka_unit_test(test_notice_comes_while_a_unit_is_half_read),
        cmocka_unit_test(test_dripping_bytes_buys_no_time),
        cmocka_unit_test(test_stop_says_goodbye_to_the_parked),
        cmocka_unit_test(test_a_flood_of_output_waits_for_the_reader),
        cmocka_unit_test(test_output_that_is_never_taken_ends_the_connection),
        cmocka_unit_test(test_implicit_tls_greets_after_the_handshake),
        cmocka_unit_test(test_starttls_handshakes_after_its_answer),
        cmocka_unit_test(test_input_ahead_of_starttls_is_seen),
        cmocka_unit_test(test_half_a_hello_holds_no_thread_and_expires),
        cmocka_unit_test(test_rubbish_for_a_handshake_ends_it),
        cmocka_unit_test(test_hand_over_moves_descriptor_and_pending_input),
        cmocka_unit_test(test_compresses_both_ways_and_rests_between),
        cmocka_unit_test(test_a_flood_of_compressed_output_waits_for_the_reader),
        cmocka_unit_test(test_a_bomb_of_units_breaks_the_connection),
        cmocka_unit_test(test_what_is_not_compressed_breaks_the_connection),
        cmocka_unit_test(test_many_connections_leave_no_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
