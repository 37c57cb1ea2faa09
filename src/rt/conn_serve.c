/*
 * A turn of a connection: what the loop calls when something happened, and how it parks again.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/must.h"
#include "rt/conn_private.h"
#include "rt/metrics.h"

enum { LINGER_READS = 16 };

/* The session goes on with this connection. */
static bool goes_on(const struct conn *conn)
{
    return !conn->closing && !conn->broken && conn->fd >= 0 && conn->tls_next == NULL && conn->bridge_fd < 0;
}

void conn_end_session(struct conn *conn)
{
    if (conn->ended)
        return;
    conn->ended = true;
    conn->handler->closed(conn->session);
}

/* After what completes or ends a unit: the session has said what comes next. */
static void check_expects(const struct conn *conn)
{
    must(conn->expecting || !goes_on(conn));
}

/* A NULL member means the default: close, or nothing. */
static void call_or_close(struct conn *conn, void (*fn)(struct conn *conn, void *session))
{
    if (fn != NULL)
        fn(conn, conn->session);
    else
        conn_close(conn);
}

static void restart_idle(struct conn *conn)
{
    conn->received = 0;
    conn->deadline = conn->idle_us > 0 ? clock_mono_us() + conn->idle_us : 0;
}

/* More input into the chunk. False: there is none now, or none any more. */
static bool fill(struct conn *conn, char *chunk)
{
    if (conn->dry)
        return false;
    size_t n = 0;
    conn->pending.n = 0; /* all used */
    enum io io = conn_io_read(conn, chunk, CONN_READ_CHUNK, &n);
    conn->read_wants_output = io == IO_WANT_OUTPUT;
    if (io == IO_DONE) {
        conn->input = slice_of(chunk, n);
        conn->received += (uint32_t)n;
        if (conn->received >= CONN_PROGRESS_BYTES)
            restart_idle(conn);
        return true;
    }
    if (io == IO_END) {
        /* Complete units were all served before this read; half a one is worth nothing now. */
        conn->eof = true;
        conn_close(conn);
    } else if (io == IO_FAILED) {
        conn_break(conn);
    }
    return false;
}

/* The answer to the unit that asked for it was the last in the clear. */
static void begin_deflate(struct conn *conn)
{
    if (conn->squeeze_next == NULL)
        return;
    conn->squeeze = take(conn->squeeze_next);
    conn->squeezed = conn->output.n;
}

/* Feeds the reader once. True: a unit was completed or given up. */
static bool feed(struct conn *conn)
{
    size_t used = 0;
    enum reader_status status = conn->reader->feed(conn->reader, conn->input, &used, &conn->output);
    must(used <= conn->input.n && (status != READER_MORE || used == conn->input.n));
    conn->input = slice_from(conn->input, used);
    conn->unit_begun = true;
    conn_wrote(conn);
    if (status == READER_MORE)
        return false;
    conn->expecting = false;
    if (status == READER_DONE)
        conn->handler->ready(conn, conn->session);
    else if (status == READER_NOMEM)
        conn_break(conn);
    else
        call_or_close(conn, conn->handler->failed);
    check_expects(conn);
    begin_deflate(conn);
    conn_count_unit(conn);
    return true;
}

/* What was not used is kept for a later turn. */
static void keep_input(struct conn *conn)
{
    struct slice rest = conn->input;
    conn->input = slice_none();
    conn->in_turn = false;
    bool within =
        conn->pending.p != NULL && rest.p >= conn->pending.p && rest.p <= conn->pending.p + conn->pending.n;
    if (rest.n == 0) {
        buf_release(&conn->pending);
    } else if (within) {
        buf_consume(&conn->pending, conn->pending.n - rest.n);
    } else {
        buf_clear(&conn->pending);
        buf_put(&conn->pending, rest);
        if (buf_failed(&conn->pending))
            conn_break(conn);
    }
}

/* Serves units while there is input, up to a fair number of them. */
static __attribute__((noinline)) void serve_units(struct conn *conn)
{
    __attribute__((uninitialized)) char chunk[CONN_READ_CHUNK];
    unsigned units = 0;
    conn->in_turn = true;
    conn->input = buf_slice(&conn->pending);
    conn->again = false;
    while (goes_on(conn) && (conn->input.n > 0 || fill(conn, chunk))) {
        if (feed(conn) && ++units == CONN_UNITS_IN_A_ROW) {
            conn->again = goes_on(conn);
            break;
        }
    }
    keep_input(conn);
}

static void serve_expired(struct conn *conn)
{
    int64_t deadline = conn->deadline;
    call_or_close(conn, conn->handler->expired);
    /* It neither closed nor gave more time. */
    if (goes_on(conn) && conn->deadline == deadline)
        conn_close(conn);
}

static bool is_past(int64_t deadline)
{
    return deadline != 0 && deadline <= clock_mono_us();
}

/* Output that waits goes first: until it is sent, neither input nor notices are looked at. */
static bool output_is_gone(struct conn *conn)
{
    if (conn_drain(conn) != IO_DONE) {
        if (!conn->broken && is_past(conn->write_deadline))
            conn_break(conn);
        return false;
    }
    if (conn->output_waited)
        restart_idle(conn); /* until now it was not the peer's turn */
    conn->output_waited = false;
    return true;
}

static void serve(struct conn *conn, unsigned wakes)
{
    if ((wakes & WAKE_STOP) != 0 && goes_on(conn))
        call_or_close(conn, conn->handler->stopping);
    if (output_is_gone(conn)) {
        if (conn->noticed && goes_on(conn) && conn->handler->notice != NULL)
            conn->handler->notice(conn, conn->session);
        conn->noticed = false;
        if (goes_on(conn))
            serve_units(conn);
        if ((wakes & WAKE_EXPIRED) != 0 && goes_on(conn) && is_past(conn->deadline))
            serve_expired(conn);
    }
    conn_settle(conn);
}

/* The TLS state is made when the peer's first bytes are there: who connects and says nothing costs little. */
static enum io handshake_step(struct conn *conn, struct error *error)
{
    if (conn->tls == NULL) {
        conn->tls = tls_new(conn->tls_next, conn->fd);
        tls_context_unref(take(conn->tls_next));
    }
    if (conn->tls != NULL)
        return tls_handshake(conn->tls, error);
    fail_nomem(error);
    return IO_FAILED;
}

static enum io handshake_fails(struct error *error, enum err code, const char *why)
{
    fail_plain(error, code, "TLS handshake: %s", why);
    return IO_FAILED;
}

static void handshake(struct conn *conn, unsigned wakes)
{
    struct error error;
    enum io io = IO_WANT_INPUT;
    if ((wakes & WAKE_STOP) != 0)
        io = handshake_fails(&error, ERR_CLOSED, "the server stops");
    else if ((wakes & WAKE_EXPIRED) != 0 && is_past(conn->deadline))
        io = handshake_fails(&error, ERR_TIMEOUT, "no end in time");
    else if ((wakes & (WAKE_INPUT | WAKE_OUTPUT)) != 0)
        io = handshake_step(conn, &error);
    if (io == IO_FAILED) {
        metric_count(TLS_FAILURES, METRIC_ONE);
        LOG(LOG_DEBUG, conn->sid, "rt.tls_failed", F_CSTR("peer", conn->peer), F_ERR(&error));
        conn_free(conn);
        return;
    }
    if (io != IO_DONE) {
        loop_park(conn->loop, conn->place, conn_interest(io), conn->deadline);
        return;
    }
    conn->phase = CONN_OPEN;
    conn->dry = false; /* what came behind the handshake may be in the TLS buffer */
    restart_idle(conn);
    if (conn->handler->secured != NULL)
        conn->handler->secured(conn, conn->session);
    check_expects(conn);
    serve(conn, 0);
}

void conn_come_back(struct conn *conn, bool stopping)
{
    conn->phase = CONN_OPEN;
    conn->dry = false; /* input may be in the TLS buffer */
    conn->read_wants_output = false;
    conn->home->came(conn, conn->home);
    check_expects(conn);
    serve(conn, stopping ? WAKE_STOP : 0);
}

void conn_begin_handshake(struct conn *conn)
{
    /* Sent in the clear by whoever sits in between: it must not be taken for input under TLS. */
    buf_release(&conn->pending);
    conn->phase = CONN_HANDSHAKE;
    conn->deadline = clock_mono_us() + CONN_HANDSHAKE_TIMEOUT_US;
    loop_park(conn->loop, conn->place, WAKE_INPUT, conn->deadline);
}

static void linger(struct conn *conn, unsigned wakes)
{
    char rubbish[4096];
    ssize_t n = 1;
    for (int i = 0; i < LINGER_READS && n > 0; i++)
        n = recv(conn->fd, rubbish, sizeof(rubbish), MSG_DONTWAIT);
    bool over = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
    if (over || (wakes & WAKE_STOP) != 0 || is_past(conn->deadline))
        conn_free(conn);
    else
        loop_park(conn->loop, conn->place, WAKE_INPUT, conn->deadline);
}

/*
 * Closing a socket that holds unread input resets the connection, and the reset may overtake our last words
 * on their way. So a peer that still sends is given a moment to stop.
 */
void conn_finish(struct conn *conn)
{
    int unread = 0;
    if (conn->tls != NULL)
        tls_end(conn->tls);
    if (conn->eof || (ioctl(conn->fd, FIONREAD, &unread) == 0 && unread == 0)) {
        conn_free(conn);
        return;
    }
    shutdown(conn->fd, SHUT_WR);
    conn_end_session(conn);
    conn->phase = CONN_LINGER;
    conn->deadline = clock_mono_us() + CONN_LINGER_US;
    linger(conn, 0);
}

static void park(struct conn *conn)
{
    unsigned interest = conn->read_wants_output ? WAKE_OUTPUT : WAKE_INPUT;
    if (conn->again || conn->pending.n > 0 || conn->noticed || (!conn->dry && !conn->read_wants_output))
        interest |= WAKE_AGAIN;
    if (!conn->unit_begun && conn->reader->idle != NULL)
        conn->reader->idle(conn->reader);
    if (conn->squeeze != NULL)
        squeeze_rest(conn->squeeze);
    loop_park(conn->loop, conn->place, interest, conn->deadline);
}

static void park_for_output(struct conn *conn, enum io io)
{
    conn->output_waited = true;
    loop_park(conn->loop, conn->place, conn_interest(io), conn->write_deadline);
}

void conn_settle(struct conn *conn)
{
    if (conn->broken || conn->fd < 0) {
        conn_free(conn);
        return;
    }
    if (conn->bridge_fd >= 0 && !conn->closing) {
        bridge_begin(conn);
        return;
    }
    enum io io = conn_drain(conn);
    if (io == IO_FAILED)
        conn_free(conn);
    else if (io != IO_DONE)
        park_for_output(conn, io);
    else if (conn->closing)
        conn_finish(conn);
    else if (conn->tls_next != NULL)
        conn_begin_handshake(conn);
    else
        park(conn);
}

void conn_wake(struct loop *loop UNUSED, struct place place UNUSED, void *owner, unsigned wakes)
{
    struct conn *conn = owner;
    if (conn->phase == CONN_BRIDGE) {
        bridge_wake_peer(conn, wakes); /* what follows would need its lock */
        return;
    }
    if ((wakes & WAKE_NOTICE) != 0)
        conn->noticed = true;
    if ((wakes & (conn->read_wants_output ? WAKE_INPUT | WAKE_OUTPUT : WAKE_INPUT)) != 0)
        conn->dry = false;
    if (conn->phase == CONN_HANDSHAKE) {
        handshake(conn, wakes);
    } else if (conn->phase == CONN_LINGER) {
        linger(conn, wakes);
    } else {
        must(conn->phase == CONN_OPEN);
        serve(conn, wakes);
    }
}
