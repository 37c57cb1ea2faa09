/*
 * A bridge: a connection whose session lives in another process. It carries bytes between the peer (mostly
 * under TLS) and `fd`, one end of a stream socket pair.
 *
 * Two places in the loop, the conn's and one for fd; whichever wakes moves bytes both ways as far as they go
 * (pump), under one lock. Then it parks for what it waits for, and if the other side must now wait for
 * something else than it is parked for, that one is woken to park anew.
 *
 * Invariants: 1. A side is read only when nothing is owed to the other: each direction holds at most one
 * chunk, and a buffer only while it holds bytes. 2. `over` is final: each place's runner then takes its own
 * side away, the last one the bridge. 3. The conn is touched under the lock, until peer_gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/must.h"
#include "rt/conn_private.h"

enum { CHUNK = 64 * 1024, ROUNDS = 8 };
/* For the other process to say its goodbye when the server stops. */
#define STOP_GRACE_US CLOCK_SECOND

struct bridge {
    pthread_mutex_t lock;
    struct conn *conn;
    struct place inner;
    int fd;
    struct buf to_inner;                /* conn->output is the other direction's */
    int64_t deadline;                   /* of stopping */
    unsigned peer_parked, inner_parked; /* interests they are parked with; NOT_PARKED while they run */
    int64_t peer_deadline;
    unsigned peer_write_wants; /* what sending to the peer waits for */
    unsigned peer_read_wants;
    bool peer_eof, peer_failed, peer_shut, peer_gone;
    bool inner_eof, inner_failed, inner_shut, inner_gone; /* failed: takes no more; may still have words */
    bool more;                                            /* a side may have more than was moved */
    bool over;
};

enum { NOT_PARKED = 1U << 16 };

static void to_inner(struct bridge *b)
{
    while (b->to_inner.n > 0 && !b->inner_failed) {
        ssize_t n = send(b->fd, b->to_inner.p, b->to_inner.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0) {
            b->inner_failed = errno != EAGAIN && errno != EINTR;
            break;
        }
        buf_consume(&b->to_inner, (size_t)n);
    }
    if (b->to_inner.n == 0 || b->inner_failed)
        buf_release(&b->to_inner);
}

static void to_peer(struct bridge *b)
{
    if (b->peer_failed)
        return;
    enum io io = conn_drain(b->conn);
    b->peer_write_wants = conn_interest(io);
    b->peer_failed = io == IO_FAILED;
}

/* True: something was read. */
static bool from_peer(struct bridge *b, char *chunk)
{
    if (b->peer_eof || b->peer_failed || b->inner_failed || b->to_inner.n > 0)
        return false;
    size_t n = 0;
    enum io io = conn_io_read(b->conn, chunk, CHUNK, &n);
    b->peer_read_wants = conn_interest(io);
    if (io != IO_DONE) {
        b->peer_eof = io == IO_END;
        b->peer_failed = io == IO_FAILED;
        return false;
    }
    b->peer_read_wants = WAKE_INPUT;
    ssize_t sent = send(b->fd, chunk, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    size_t at = sent > 0 ? (size_t)sent : 0;
    buf_put(&b->to_inner, slice_of(chunk + at, n - at));
    b->inner_failed = (sent < 0 && errno != EAGAIN && errno != EINTR) || buf_failed(&b->to_inner);
    return true;
}

static bool from_inner(struct bridge *b, char *chunk)
{
    struct conn *conn = b->conn;
    if (b->inner_eof || b->peer_failed || conn->output.n > 0)
        return false;
    ssize_t n = recv(b->fd, chunk, CHUNK, MSG_DONTWAIT);
    if (n <= 0) {
        b->inner_eof = n == 0 || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    buf_put(&conn->output, slice_of(chunk, (size_t)n));
    to_peer(b);
    return true;
}

/* Passes the ends on, and finds out whether all is said. */
static void pass_ends(struct bridge *b)
{
    struct conn *conn = b->conn;
    bool inner_owed = b->to_inner.n > 0 && !b->inner_failed;
    bool peer_owed = conn->output.n > 0 && !b->peer_failed;
    if (b->peer_eof && !inner_owed && !b->inner_shut) {
        shutdown(b->fd, SHUT_WR);
        b->inner_shut = true;
    }
    if (b->inner_eof && !peer_owed) {
        /* Closed altogether, it will not take what the peer still sends. */
        struct pollfd p = {.fd = b->fd};
        if (poll(&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0)
            b->inner_failed = true;
        if (!b->peer_shut && !b->inner_failed) {
            if (conn->tls != NULL)
                tls_end(conn->tls);
            shutdown(conn->fd, SHUT_WR);
            b->peer_shut = true;
        }
    }
    b->over = (b->peer_failed && !inner_owed) || (b->inner_failed && b->inner_eof && !peer_owed) ||
              (b->peer_eof && b->inner_eof && !inner_owed && !peer_owed);
}

static __attribute__((noinline)) void pump(struct bridge *b)
{
    __attribute__((uninitialized)) char chunk[CHUNK];
    bool moved = true;
    to_inner(b);
    to_peer(b);
    for (int i = 0; i < ROUNDS && moved; i++) {
        moved = from_peer(b, chunk);
        moved = from_inner(b, chunk) || moved;
    }
    b->more = moved;
    pass_ends(b);
}

static unsigned peer_wants(const struct bridge *b)
{
    unsigned wants = 0;
    if (!b->peer_eof && !b->peer_failed && b->to_inner.n == 0)
        wants |= b->peer_read_wants;
    if (b->conn->output.n > 0 && !b->peer_failed)
        wants |= b->peer_write_wants;
    return wants;
}

static unsigned inner_wants(const struct bridge *b)
{
    unsigned wants = 0;
    if (!b->inner_eof && b->conn->output.n == 0)
        wants |= WAKE_INPUT;
    if (b->to_inner.n > 0)
        wants |= WAKE_OUTPUT;
    return wants;
}

static int64_t peer_wants_until(const struct bridge *b)
{
    int64_t write = b->conn->output.n > 0 ? b->conn->write_deadline : 0;
    if (write == 0 || b->deadline == 0)
        return write + b->deadline;
    return MIN(write, b->deadline);
}

/* With the lock held, which it gives back; the bridge may be gone then. */
static void unlock_or_free(struct bridge *b)
{
    bool last = b->peer_gone && b->inner_gone;
    pthread_mutex_unlock(&b->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&b->lock);
    buf_release(&b->to_inner);
    free(b);
}

static void leave_inner(struct bridge *b, struct loop *loop)
{
    loop_remove(loop, b->inner);
    fd_close(&b->fd);
    b->inner_gone = true;
    unlock_or_free(b);
}

static void leave_peer(struct bridge *b)
{
    struct conn *conn = b->conn;
    bool failed = b->peer_failed;
    conn->eof = b->peer_eof;
    conn->bridge = NULL;
    b->peer_gone = true;
    unlock_or_free(b);
    if (failed)
        conn_free(conn);
    else
        conn_finish(conn);
}

/* With the lock held: moves what there is, then parks this side and tells the other one if it must know. */
static void turn(struct bridge *b, bool is_peer)
{
    struct loop *loop = b->conn->loop;
    if (!b->over)
        pump(b);
    if (b->over) {
        struct place other = is_peer ? b->inner : b->conn->place;
        if (!(is_peer ? b->inner_gone : b->peer_gone))
            loop_notify(loop, other);
        if (is_peer)
            leave_peer(b);
        else
            leave_inner(b, loop);
        return;
    }
    unsigned peer = peer_wants(b);
    unsigned inner = inner_wants(b);
    int64_t until = peer_wants_until(b);
    struct place place = is_peer ? b->conn->place : b->inner;
    unsigned interest = (is_peer ? peer : inner) | (b->more ? WAKE_AGAIN : 0);
    if (is_peer) {
        b->peer_parked = peer;
        b->peer_deadline = until;
        if (b->inner_parked != inner)
            loop_notify(loop, b->inner);
    } else {
        b->inner_parked = inner;
        if (b->peer_parked != peer || b->peer_deadline != until)
            loop_notify(loop, b->conn->place);
    }
    pthread_mutex_unlock(&b->lock);
    loop_park(loop, place, interest, is_peer ? until : 0);
}

static void wake_inner(struct loop *loop, struct place place UNUSED, void *owner, unsigned wakes UNUSED)
{
    struct bridge *b = owner;
    pthread_mutex_lock(&b->lock);
    if (b->peer_gone)
        leave_inner(b, loop);
    else
        turn(b, false);
}

void bridge_wake_peer(struct conn *conn, unsigned wakes)
{
    struct bridge *b = conn->bridge;
    pthread_mutex_lock(&b->lock);
    int64_t now = clock_mono_us();
    if ((wakes & WAKE_STOP) != 0)
        b->deadline = now + STOP_GRACE_US;
    if (conn->write_deadline != 0 && conn->write_deadline <= now && conn->output.n > 0) {
        conn_break(conn);
        b->peer_failed = true;
    } else if (b->deadline != 0 && b->deadline <= now) {
        /* The first time it is as if the peer had ended, the second time there is no waiting any more. */
        if (b->peer_eof)
            b->inner_failed = b->inner_eof = b->peer_failed = true;
        b->peer_eof = true;
        b->deadline = now + CONN_LINGER_US;
    }
    turn(b, true);
}

void bridge_begin(struct conn *conn)
{
    struct error error;
    struct bridge *b = calloc(1, sizeof(*b));
    int flags = fcntl(conn->bridge_fd, F_GETFL);
    if (b == NULL || flags < 0 || fcntl(conn->bridge_fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        loop_add(conn->loop, conn->bridge_fd, wake_inner, b, &b->inner, &error) != ERR_OK) {
        free(b);
        conn_free(conn);
        return;
    }
    pthread_mutex_init(&b->lock, NULL);
    b->conn = conn;
    b->fd = fd_take(&conn->bridge_fd);
    b->to_inner = conn->pending;
    conn->pending = BUF(CONN_PENDING_MAX);
    b->peer_parked = NOT_PARKED;
    b->peer_read_wants = WAKE_INPUT;
    b->peer_write_wants = WAKE_OUTPUT;
    conn->bridge = b;
    conn->phase = CONN_BRIDGE;
    conn_end_session(conn);
    pthread_mutex_lock(&b->lock);
    b->inner_parked = WAKE_INPUT;
    loop_park(conn->loop, b->inner, WAKE_INPUT, 0);
    turn(b, true);
}
