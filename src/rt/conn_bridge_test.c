/* Bridges between a TLS client and the other process's socket. */
#include "rt/test_wire.h"

enum { BULK = 50 * 1024 * 1024, CHUNK = 32 * 1024 };

struct side {
    struct loop *loop;
    struct tls_context *tls;
    struct line_reader reader;
    struct conn *conn;
    struct wire peer;
    int inner;      /* the other process's end */
    int bridged_fd; /* the conn's end */
    const struct conn_home *home;
    _Atomic int closed;
};

static void side_ready(struct conn *conn, void *session)
{
    struct side *side = session;
    conn_write(conn, S("over\r\n"));
    conn_bridge(conn, fd_take(&side->bridged_fd), side->home);
}

static void side_closed(void *session)
{
    struct side *side = session;
    line_reader_release(&side->reader);
    atomic_fetch_add(&side->closed, 1);
}

static const struct conn_handler handler = {.protocol = "side", .ready = side_ready, .closed = side_closed};

static void no_sigpipe(void)
{
    signal(SIGPIPE, SIG_IGN);
}

/* At home again: what comes is echoed line by line. */
static void home_ready(struct conn *conn, void *session)
{
    struct side *side = session;
    conn_write(conn, S("home:"));
    conn_write(conn, line_reader_line(&side->reader));
    conn_write(conn, S("\r\n"));
    if (slice_eq(line_reader_line(&side->reader), S("again"))) {
        conn_bridge(conn, fd_take(&side->bridged_fd), side->home);
        return;
    }
    conn_expect(conn, &side->reader.reader, CLOCK_HOUR);
}

static const struct conn_handler home_handler = {
    .protocol = "home", .ready = home_ready, .closed = side_closed};

struct side_home {
    struct conn_home home;
    struct side *side;
    bool refuses;
};

static void side_came(struct conn *conn, const struct conn_home *home)
{
    struct side_home *h = container_of(home, struct side_home, home);
    if (h->refuses) {
        conn_write(conn, S("no room\r\n"));
        conn_close(conn);
        return;
    }
    line_reader_init(&h->side->reader, 100000);
    conn_resume(conn, &home_handler, h->side);
    conn_expect(conn, &h->side->reader.reader, CLOCK_HOUR);
}

/* A TLS client whose connection is bridged after its first line; `sent` is that line and what follows it. */
static void begin_at(struct side *side, const char *sent, const struct conn_home *home)
{
    int peer[2];
    int inner[2];
    struct error error;
    no_sigpipe();
    *side = (struct side){.home = home, .loop = wire_loop(), .tls = wire_tls("example.org")};
    wire_pair(peer);
    wire_pair(inner);
    side->inner = inner[1];
    side->bridged_fd = inner[0];
    struct conn_options options = {.peer = "192.0.2.7", .tls = side->tls};
    line_reader_init(&side->reader, 100);
    assert_int_equal(conn_open(side->loop, peer[0], &handler, side, &options, &side->conn, &error), ERR_OK);
    conn_expect(side->conn, &side->reader.reader, CLOCK_HOUR);
    conn_start(side->conn, slice_none());
    side->peer = wire_of(peer[1]);
    wire_start_tls(&side->peer, NULL, 0);
    wire_send(&side->peer, sent);
    wire_expect(&side->peer, "over\r\n");
    wire_wait(&side->closed, 1);
}

static void begin(struct side *side, const char *sent)
{
    begin_at(side, sent, NULL);
}

static void end_after(struct side *side, int sessions)
{
    wire_close(&side->peer);
    fd_close(&side->inner);
    wire_finish(side->loop);
    tls_context_unref(side->tls);
    assert_int_equal(side->closed, sessions);
}

static void end(struct side *side)
{
    end_after(side, 1);
}

static void test_pending_input_goes_over_first(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\nahead\r\n");
    struct wire inner = wire_of(side.inner);
    wire_expect(&inner, "ahead\r\n");
    wire_send(&side.peer, "more");
    wire_expect(&inner, "more");
    wire_send(&inner, "back");
    wire_expect(&side.peer, "back");
    end(&side);
}

static void test_an_idle_bridge_holds_no_thread(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    usleep(20000);
    assert_int_equal(loop_figures(side.loop).busy, 0);
    assert_int_equal(loop_figures(side.loop).places, 2);
    end(&side);
}

static char pattern(size_t at)
{
    return (char)(at * 7 + at / 4096);
}

struct stream {
    struct wire *peer; /* TLS, both ways by one thread */
    int fd;
    size_t got;
    bool intact;
};

static void *inner_sends(void *argument)
{
    struct stream *s = argument;
    char chunk[CHUNK];
    for (size_t at = 0; at < BULK; at += sizeof(chunk)) {
        for (size_t i = 0; i < sizeof(chunk); i++)
            chunk[i] = pattern(at + i);
        struct error error;
        if (fd_write_all(s->fd, slice_of(chunk, sizeof(chunk)), &error) != ERR_OK)
            return NULL;
    }
    return NULL;
}

static void *inner_receives(void *argument)
{
    struct stream *s = argument;
    char chunk[CHUNK];
    s->intact = true;
    while (s->got < BULK) {
        ssize_t n = recv(s->fd, chunk, sizeof(chunk), 0);
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            s->intact = s->intact && chunk[i] == pattern(s->got + (size_t)i);
        s->got += (size_t)n;
    }
    return NULL;
}

/* The client: one thread that sends and receives as either goes (an SSL may not be used by two). */
static void peer_both_ways(struct wire *peer, size_t *ret_got, bool *ret_intact)
{
    char out[CHUNK];
    char in[CHUNK];
    size_t sent = 0;
    size_t got = 0;
    bool intact = true;
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    SSL_set_mode(peer->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    while (sent < BULK || got < BULK) {
        bool moved = false;
        if (sent < BULK) {
            size_t n = MIN(sizeof(out), BULK - sent);
            for (size_t i = 0; i < n; i++)
                out[i] = pattern(sent + i);
            int put = SSL_write(peer->ssl, out, (int)n);
            sent += put > 0 ? (size_t)put : 0;
            moved = put > 0;
        }
        int n = got < BULK ? SSL_read(peer->ssl, in, sizeof(in)) : 0;
        for (int i = 0; i < n; i++)
            intact = intact && in[i] == pattern(got + (size_t)i);
        got += n > 0 ? (size_t)n : 0;
        struct pollfd p = {.fd = peer->fd, .events = POLLIN | (sent < BULK ? POLLOUT : 0)};
        if (!moved && n <= 0 && poll(&p, 1, 60000) <= 0)
            break;
    }
    *ret_got = got;
    *ret_intact = intact;
}

static void test_carries_50_megabytes_both_ways_at_once(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    struct stream in = {.fd = side.inner};
    struct stream out = {.fd = side.inner};
    pthread_t threads[2];
    pthread_create(&threads[0], NULL, inner_sends, &out);
    pthread_create(&threads[1], NULL, inner_receives, &in);
    size_t got;
    bool intact;
    peer_both_ways(&side.peer, &got, &intact);
    assert_int_equal(got, BULK);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_true(intact);
    assert_int_equal(in.got, BULK);
    assert_true(in.intact);
    end(&side);
}

static void test_back_pressure_holds_the_sender(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    char chunk[CHUNK] = {0};
    size_t taken = 0;
    for (int quiet = 0; quiet < 20;) {
        ssize_t n = send(side.inner, chunk, sizeof(chunk), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            taken += (size_t)n;
            quiet = 0;
        } else {
            quiet++;
            usleep(5000);
        }
    }
    assert_true(taken < 4 * 1024 * 1024);
    assert_int_equal(loop_figures(side.loop).busy, 0);
    shutdown(side.inner, SHUT_WR);
    size_t got = 0;
    for (ssize_t n; (n = wire_recv(&side.peer, chunk, sizeof(chunk))) > 0;)
        got += (size_t)n;
    assert_int_equal(got, taken);
    end(&side);
}

static void test_half_closes_are_passed_on(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    struct wire inner = wire_of(side.inner);
    wire_send(&inner, "last words");
    shutdown(side.inner, SHUT_WR);
    wire_expect(&side.peer, "last words");
    wire_expect_end(&side.peer);
    wire_send(&side.peer, "I still talk");
    wire_expect(&inner, "I still talk");
    SSL_shutdown(side.peer.ssl);
    wire_expect_end(&inner);
    wire_finish(side.loop);
    side.loop = wire_loop();
    end(&side);
}

static void test_the_other_process_gone_ends_the_peer_after_what_is_owed(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    struct wire inner = wire_of(side.inner);
    wire_send(&side.peer, "unread by the one that dies");
    usleep(20000);
    wire_send(&inner, "farewell");
    fd_close(&side.inner);
    wire_expect(&side.peer, "farewell");
    wire_expect_end(&side.peer);
    for (int i = 0; i < 5000 && loop_figures(side.loop).places > 0; i++)
        usleep(1000);
    assert_int_equal(loop_figures(side.loop).places, 0);
    end(&side);
}

static void test_the_peer_gone_ends_the_other_process_after_what_is_owed(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    wire_send(&side.peer, "to be delivered");
    wire_close(&side.peer);
    struct wire inner = wire_of(side.inner);
    wire_expect(&inner, "to be delivered");
    wire_expect_end(&inner);
    fd_close(&side.inner);
    for (int i = 0; i < 5000 && loop_figures(side.loop).places > 0; i++)
        usleep(1000);
    assert_int_equal(loop_figures(side.loop).places, 0);
    end(&side);
}

static void test_stop_lets_the_other_process_say_goodbye(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    struct wire inner = wire_of(side.inner);
    loop_stop(side.loop);
    usleep(20000);
    wire_send(&inner, "BYE");
    fd_close(&side.inner);
    wire_expect(&side.peer, "BYE");
    wire_expect_end(&side.peer);
    end(&side);
}

static void test_stop_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    loop_stop(side.loop);
    for (int i = 0; i < 1000 && loop_figures(side.loop).places > 0; i++) {
        usleep(5000);
        clock_shift(50 * CLOCK_MS);
        loop_clock_shifted(side.loop);
    }
    assert_int_equal(loop_figures(side.loop).places, 0);
    end(&side);
}

static void give_back(struct side *side, const char *pending)
{
    struct error error;
    assert_int_equal(conn_give_back(fd_take(&side->inner), slice_cstr(pending), &error), ERR_OK);
}

static void test_a_connection_given_back_has_all_its_input_in_order(void **state)
{
    (void)state;
    struct side side;
    struct side_home h = {.home = {side_came}, .side = &side};
    begin_at(&side, "go\r\nread ahead|", &h.home);
    struct wire inner = wire_of(side.inner);
    wire_expect(&inner, "read ahead|");
    wire_send(&side.peer, "in the queue|");
    usleep(20000);
    wire_send(&inner, "last words\r\n");
    give_back(&side, "read ahead|");
    wire_expect(&side.peer, "last words\r\n");
    wire_send(&side.peer, "new\r\n");
    wire_expect(&side.peer, "home:read ahead|in the queue|new\r\n");
    assert_int_equal(loop_figures(side.loop).places, 1);
    end_after(&side, 2);
}

static void test_a_connection_given_back_can_be_bridged_again(void **state)
{
    (void)state;
    struct side side;
    struct side_home h = {.home = {side_came}, .side = &side};
    begin_at(&side, "go\r\n", &h.home);
    for (int i = 0; i < 3; i++) {
        int pair[2];
        give_back(&side, "");
        wire_pair(pair);
        side.inner = pair[1];
        side.bridged_fd = pair[0];
        wire_send(&side.peer, "again\r\nahead");
        wire_expect(&side.peer, "home:again\r\n");
        struct wire inner = wire_of(side.inner);
        wire_expect(&inner, "ahead");
        wire_send(&inner, "here");
        wire_expect(&side.peer, "here");
    }
    end_after(&side, 4);
}

static void test_more_than_comes_back_ends_the_connection(void **state)
{
    (void)state;
    struct side side;
    struct side_home h = {.home = {side_came}, .side = &side};
    CLEANUP(buf_release) struct buf pending = BUF(CONN_GIVEN_BACK_MAX + 2);
    struct error error;
    begin_at(&side, "go\r\n", &h.home);
    while (pending.n < CONN_GIVEN_BACK_MAX + 1)
        buf_putc(&pending, 'x');
    assert_int_equal(conn_give_back(fd_take(&side.inner), buf_slice(&pending), &error), ERR_OK);
    wire_expect_end(&side.peer);
    end(&side);
}

static void test_a_long_queue_comes_back_whole(void **state)
{
    (void)state;
    enum { LINES = 60, LENGTH = 2000 };
    struct side side;
    struct side_home h = {.home = {side_came}, .side = &side};
    begin_at(&side, "go\r\n", &h.home);
    char text[LENGTH + 3];
    memset(text, 'x', LENGTH);
    memcpy(text + LENGTH, "\r\n", 3);
    for (int i = 0; i < LINES; i++)
        wire_send(&side.peer, text);
    usleep(20000);
    give_back(&side, "");
    for (int i = 0; i < LINES; i++) {
        wire_expect(&side.peer, "home:");
        wire_expect(&side.peer, text);
    }
    end_after(&side, 2);
}

static void test_home_may_refuse(void **state)
{
    (void)state;
    struct side side;
    struct side_home h = {.home = {side_came}, .side = &side, .refuses = true};
    begin_at(&side, "go\r\n", &h.home);
    give_back(&side, "");
    wire_expect(&side.peer, "no room\r\n");
    wire_expect_end(&side.peer);
    end(&side);
}

static void test_without_a_home_it_is_closed(void **state)
{
    (void)state;
    struct side side;
    begin(&side, "go\r\n");
    give_back(&side, "");
    wire_expect_end(&side.peer);
    end(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending_input_goes_over_first),
        cmocka_unit_test(test_an_idle_bridge_holds_no_thread),
        cmocka_unit_test(test_carries_50_megabytes_both_ways_at_once),
        cmocka_unit_test(test_back_pressure_holds_the_sender),
        cmocka_unit_test(test_a_connection_given_back_has_all_its_input_in_order),
        cmocka_unit_test(test_a_connection_given_back_can_be_bridged_again),
        cmocka_unit_test(test_more_than_comes_back_ends_the_connection),
        cmocka_unit_test(test_a_long_queue_comes_back_whole),
        cmocka_unit_test(test_home_may_refuse),
        cmocka_unit_test(test_without_a_home_it_is_closed),
        cmocka_unit_test(test_half_closes_are_passed_on),
        cmocka_unit_test(test_the_other_process_gone_ends_the_peer_after_what_is_owed),
        cmocka_unit_test(test_the_peer_gone_ends_the_other_process_after_what_is_owed),
        cmocka_unit_test(test_stop_lets_the_other_process_say_goodbye),
        cmocka_unit_test(test_stop_does_not_wait_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
