#include "rt/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "rt/conn_private.h"

static enum err prepare_socket(int fd, struct error *error)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return fail_errno(error, "connection");
    /* Output is sent when all input is used up, so nothing is gained by waiting for more. On a unix socket
     * this fails, which is fine. */
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return ERR_OK;
}

enum err conn_open(struct loop *loop, int fd, const struct conn_handler *handler, void *session,
                   const struct conn_options *options, struct conn **ret_conn, struct error *error)
{
    struct slice peer = slice_sub(slice_cstr(options->peer), 0, CONN_PEER_TEXT_MAX - 1);
    struct conn *conn = calloc(1, sizeof(*conn) + peer.n + 1);
    enum err result = conn != NULL ? prepare_socket(fd, error) : fail_nomem(error);
    if (result == ERR_OK)
        result = loop_add(loop, fd, conn_wake, conn, &conn->place, error);
    if (result != ERR_OK) {
        free(conn);
        handler->closed(session);
        close(fd);
        return result;
    }
    conn->loop = loop;
    conn->handler = handler;
    conn->session = session;
    conn->sid = options->sid;
    conn->fd = fd;
    conn->bridge_fd = -1;
    conn->tls_outside = options->tls_outside;
    conn->tls_next = tls_context_ref(options->tls);
    conn->output = BUF(CONN_OUTPUT_HARD_MAX);
    conn->pending = BUF(CONN_PENDING_MAX);
    conn->compressed = BUF(CONN_READ_CHUNK);
    conn->peer_port = options->peer_port;
    conn->dry = true;
    if (peer.n > 0)
        memcpy(conn->peer, peer.p, peer.n);
    *ret_conn = conn;
    return ERR_OK;
}

void conn_start(struct conn *conn, struct slice pending)
{
    must(conn->phase == CONN_NEW && (conn->expecting || conn->closing));
    buf_put(&conn->pending, pending);
    if (buf_failed(&conn->pending))
        conn_break(conn);
    conn->phase = CONN_OPEN;
    if (conn->tls_next != NULL && !conn->broken)
        conn_begin_handshake(conn); /* before what was written */
    else
        conn_settle(conn);
}

void conn_expect(struct conn *conn, struct reader *reader, int64_t idle_us)
{
    conn->reader = reader;
    conn->idle_us = idle_us;
    conn->deadline = idle_us > 0 ? clock_mono_us() + idle_us : 0;
    conn->received = 0;
    /* Anew in the middle of a unit (from `notice`): its reader's state stays. */
    if (!conn->expecting)
        conn->unit_begun = false;
    conn->expecting = true;
}

void conn_close(struct conn *conn)
{
    conn->closing = true;
}

static struct slice unused_input(const struct conn *conn)
{
    return conn->in_turn ? conn->input : buf_slice(&conn->pending);
}

bool conn_has_pending(const struct conn *conn)
{
    return unused_input(conn).n > 0;
}

void conn_start_tls(struct conn *conn, struct tls_context *tls)
{
    must(conn->tls == NULL && conn->tls_next == NULL);
    conn->tls_next = tls_context_ref(tls);
}

enum err conn_start_deflate(struct conn *conn, struct error *error)
{
    must(!conn_is_deflated(conn) && !conn_has_pending(conn));
    conn->squeeze_next = squeeze_new();
    return conn->squeeze_next != NULL ? ERR_OK : fail_nomem(error);
}

bool conn_is_deflated(const struct conn *conn)
{
    return conn->squeeze != NULL || conn->squeeze_next != NULL;
}

/* Before the start and until a handshake is done, output is only collected. */
static bool may_send(const struct conn *conn)
{
    return conn->phase == CONN_OPEN && !conn->broken;
}

/* Waits until more can be sent, at most until the deadline. */
static bool wait_for_peer(struct conn *conn, enum io io, int64_t deadline)
{
    int64_t wait = deadline - clock_mono_us();
    struct pollfd p = {.fd = conn->fd, .events = io == IO_WANT_OUTPUT ? POLLOUT : POLLIN};
    int n = wait > 0 ? poll(&p, 1, (int)(wait / CLOCK_MS) + 1) : 0;
    return n > 0 || (n < 0 && errno == EINTR);
}

/* More of the compressed stream, by waiting for it. */
static enum io wait_for_compressed(struct conn *conn, int64_t deadline)
{
    char chunk[4096];
    ssize_t n = recv(conn->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return wait_for_peer(conn, IO_WANT_INPUT, deadline) ? IO_DONE : IO_FAILED;
    if (n <= 0)
        return IO_FAILED;
    buf_put(&conn->compressed, slice_of(chunk, (size_t)n));
    return buf_failed(&conn->compressed) ? IO_FAILED : IO_DONE;
}

enum err conn_end_deflate(struct conn *conn, struct error *error)
{
    if (unused_input(conn).n > 0 || conn->decompressor_full)
        return fail_plain(error, ERR_INVALID, "the compressed stream goes on");
    int64_t deadline = clock_mono_us() + CONN_DEFLATE_END_US;
    bool waits = loop_wait_begin(conn->loop);
    enum io io = IO_WANT_INPUT;
    while (io == IO_WANT_INPUT) {
        size_t used = 0;
        io = squeeze_end(conn->squeeze, buf_slice(&conn->compressed), &used);
        buf_consume(&conn->compressed, used);
        if (io == IO_WANT_INPUT && (!waits || wait_for_compressed(conn, deadline) != IO_DONE))
            io = IO_FAILED;
    }
    if (waits)
        loop_wait_end(conn->loop);
    if (io != IO_DONE)
        return fail_plain(error, ERR_INVALID, "the compressed stream did not end");
    squeeze_free(take(conn->squeeze));
    conn->squeezed = 0;
    return ERR_OK;
}

/* Sends until at most `rest` bytes are left, waiting for the peer. A thread waits too, so dripping won't do.
 */
static void drain_blocking(struct conn *conn, size_t rest)
{
    enum io io = conn_drain(conn);
    if (io == IO_DONE || io == IO_FAILED || conn->output.n <= rest)
        return;
    bool waits = loop_wait_begin(conn->loop);
    size_t before = conn->output.n;
    int64_t deadline = waits ? clock_mono_us() + CONN_WRITE_TIMEOUT_US : 0;
    while (io != IO_DONE && io != IO_FAILED && conn->output.n > rest) {
        if (before - conn->output.n >= CONN_WAITING_BYTES) {
            before = conn->output.n;
            deadline = clock_mono_us() + CONN_WRITE_TIMEOUT_US;
        }
        if (wait_for_peer(conn, io, deadline))
            io = conn_drain(conn);
        else
            conn_break(conn);
        io = conn->broken ? IO_FAILED : io;
    }
    if (waits)
        loop_wait_end(conn->loop);
}

void conn_wrote(struct conn *conn)
{
    if (buf_failed(&conn->output))
        conn_break(conn);
    else if (conn->output.n > CONN_OUTPUT_MAX && may_send(conn))
        drain_blocking(conn, CONN_OUTPUT_MAX / 2);
}

void conn_write(struct conn *conn, struct slice s)
{
    while (s.n > 0 && !conn->broken) {
        struct slice part = slice_sub(s, 0, CONN_OUTPUT_MAX);
        buf_put(&conn->output, part);
        s = slice_from(s, part.n);
        conn_wrote(conn);
    }
}

void conn_printf(struct conn *conn, const char *format, ...)
{
    if (conn->broken)
        return;
    va_list args;
    va_start(args, format);
    buf_vprintf(&conn->output, format, args);
    va_end(args);
    conn_wrote(conn);
}

void conn_flush(struct conn *conn)
{
    if (may_send(conn))
        drain_blocking(conn, 0);
}

struct buf *conn_output(struct conn *conn)
{
    /* What was built on a broken connection goes nowhere. */
    if (conn->broken)
        buf_clear(&conn->output);
    return &conn->output;
}

bool conn_broken(const struct conn *conn)
{
    return conn->broken;
}

struct place conn_place(const struct conn *conn)
{
    return conn->place;
}

struct loop *conn_loop(const struct conn *conn)
{
    return conn->loop;
}

struct session_id conn_sid(const struct conn *conn)
{
    return conn->sid;
}

const char *conn_peer(const struct conn *conn)
{
    return conn->peer;
}

bool conn_is_tls(const struct conn *conn)
{
    return conn->tls_outside || conn->tls != NULL;
}

const struct tls *conn_tls(const struct conn *conn)
{
    return conn->tls;
}

enum err conn_hand_over(struct conn *conn, int *ret_fd, struct buf *ret_pending, struct error *error)
{
    must(conn->phase == CONN_OPEN && conn->tls == NULL);
    conn_flush(conn);
    if (conn->broken)
        return fail_plain(error, ERR_CLOSED, "the client is gone");
    if (conn->squeeze != NULL) {
        enum err ended = conn_end_deflate(conn, error);
        if (ended != ERR_OK)
            return ended;
    }
    CLEANUP(buf_release) struct buf pending = BUF(CONN_PENDING_MAX);
    buf_put(&pending, unused_input(conn));
    buf_put(&pending, buf_slice(&conn->compressed));
    if (buf_failed(&pending))
        return fail_nomem(error);
    /* epoll follows the open file into the other process, so it must let go of it first. */
    enum err result = loop_set_fd(conn->loop, conn->place, -1, error);
    if (result != ERR_OK)
        return result;
    conn->input = slice_none();
    if (!conn->in_turn)
        buf_release(&conn->pending);
    *ret_fd = fd_take(&conn->fd);
    *ret_pending = pending;
    pending = BUF(CONN_PENDING_MAX);
    return ERR_OK;
}

void conn_bridge(struct conn *conn, int fd, const struct conn_home *home)
{
    must(conn->bridge_fd < 0);
    conn->bridge_fd = fd;
    conn->home = home;
}

void conn_resume(struct conn *conn, const struct conn_handler *handler, void *session)
{
    must(conn->phase == CONN_OPEN && conn->ended);
    conn->handler = handler;
    conn->session = session;
    conn->ended = false;
}

void conn_free(struct conn *conn)
{
    loop_remove(conn->loop, conn->place);
    fd_close(&conn->fd);
    fd_close(&conn->bridge_fd);
    tls_free(conn->tls);
    tls_context_unref(conn->tls_next);
    buf_release(&conn->output);
    buf_release(&conn->pending);
    buf_release(&conn->compressed);
    squeeze_free(conn->squeeze);
    squeeze_free(conn->squeeze_next);
    conn_end_session(conn);
    free(conn);
}
