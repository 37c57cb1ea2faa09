/*
 * A bridge: a connection whose session lives in another process. It carries bytes between the peer (mostly
 * under TLS) and `fd`, one end of a stream socket pair.
 *
 * Two places in the loop, the conn's and one for fd; whichever wakes moves bytes both ways as far as they go
 * (pump), under one lock. Then it parks for what it waits for, and if the other side must now wait for
 * something else than it is parked for, that one is woken to park anew.
 *
 * The other process can end the bridge without ending the connection (conn_give_back): its last byte comes
 * with descriptors, its end of the pair and perhaps a memfd of input that it had read already. What is still
 * in the pair's queue lies behind that, what we hold for it behind that again; nobody writes there but we,
 * under the lock.
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
#include "rt/ipc.h"

enum { CHUNK = 64 * 1024, ROUNDS = 8, MARK_FDS_MAX = 2 };
/* For the other process to say its goodbye when the server stops. */
#define STOP_GRACE_US CLOCK_SECOND

struct bridge {
    pthread_mutex_t lock;
    struct conn *conn;
    struct place inner;
    int fd;
    struct buf to_inner;                /* conn->output is the other direction's */
    struct buf home;                    /* input that came back */
    int64_t deadline;                   /* of stopping */
    unsigned peer_parked, inner_parked; /* interests they are parked with; NOT_PARKED while they run */
    int64_t peer_deadline;
    unsigned peer_write_wants; /* what sending to the peer waits for */
    unsigned peer_read_wants;
    bool peer_eof, peer_failed, peer_shut, peer_gone;
    bool inner_eof, inner_failed, inner_shut, inner_gone; /* failed: takes no more; may still have words */
    bool more;                                            /* a side may have more than was moved */
    bool over;
    bool given_back; /* over, but the connection is not */
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
    if (b->peer_eof || b->peer_failed || b->inner_failed || b->over || b->to_inner.n > 0)
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

struct mark {
    int fds[MARK_FDS_MAX]; /* the other end, and perhaps a memfd */
    unsigned count;
};

static void mark_close(struct mark *mark)
{
    for (unsigned i = 0; i < mark->count; i++)
        fd_close(&mark->fds[i]);
}

/* As recv; nothing is read behind a mark. */
static ssize_t receive(int fd, char *chunk, struct mark *ret_mark)
{
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MARK_FDS_MAX)] = {0};
    struct iovec part = {.iov_base = chunk, .iov_len = CHUNK};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    ret_mark->count = 0;
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&header) : NULL;
    if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        ret_mark->count = (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(ret_mark->fds, CMSG_DATA(c), sizeof(int) * ret_mark->count);
    }
    return n;
}

/* Input that the other process had read, and what is in its queue still. */
static bool take_input(struct buf *input, const struct mark *mark, char *chunk)
{
    struct error error;
    ssize_t n;
    if (mark->count > 1) {
        struct slice read_ahead;
        if (ipc_map(mark->fds[1], CONN_PENDING_MAX, &read_ahead, &error) != ERR_OK)
            return false;
        buf_put(input, read_ahead);
        ipc_unmap(&read_ahead);
    }
    while ((n = recv(mark->fds[0], chunk, CHUNK, MSG_DONTWAIT)) > 0)
        buf_put(input, slice_of(chunk, (size_t)n));
    return (n == 0 || errno == EAGAIN) && !buf_failed(input);
}

static void end_at_mark(struct bridge *b, struct mark *received, char *chunk)
{
    CLEANUP(mark_close) struct mark mark = *received;
    b->home = BUF(CONN_GIVEN_BACK_MAX);
    b->over = true;
    b->given_back = b->conn->home != NULL && take_input(&b->home, &mark, chunk);
    buf_put(&b->home, buf_slice(&b->to_inner));
    b->given_back = b->given_back && !buf_failed(&b->home);
}

static bool from_inner(struct bridge *b, char *chunk)
{
    struct conn *conn = b->conn;
    if (b->inner_eof || b->peer_failed || b->over || conn->output.n > 0)
        return false;
    struct mark mark;
    ssize_t n = receive(b->fd, chunk, &mark);
    if (n <= 0) {
        b->inner_eof = n == 0 || (errno != EAGAIN && errno != EINTR);
        return false;
    }
    if (mark.count > 0)
        n--; /* it came with a byte that is nobody's */
    buf_put(&conn->output, slice_of(chunk, (size_t)n));
    if (mark.count > 0)
        end_at_mark(b, &mark, chunk);
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
    if (!b->over)
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
    buf_release(&b->home);
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
    bool given_back = b->given_back;
    bool stopping = b->deadline != 0;
    conn->eof = b->peer_eof;
    conn->bridge = NULL;
    conn->pending = b->home;
    b->home = (struct buf){0};
    b->peer_gone = true;
    unlock_or_free(b);
    if (failed)
        conn_free(conn);
    else if (given_back)
        conn_come_back(conn, stopping);
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

enum err conn_give_back(int fd, struct slice pending, struct error *error)
{
    CLEANUP(fd_close) int ours = fd;
    CLEANUP(fd_close) int memfd = -1;
    enum err err = pending.n > 0 ? ipc_memfd(pending, &memfd, error) : ERR_OK;
    if (err != ERR_OK)
        return err;
    const int fds[MARK_FDS_MAX] = {ours, memfd};
    size_t size = sizeof(int) * (memfd >= 0 ? 2 : 1);
    char mark = 0;
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(fds))] = {0};
    struct iovec part = {.iov_base = &mark, .iov_len = 1};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(size)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(c), fds, size);
    int64_t deadline = clock_mono_us() + CONN_WRITE_TIMEOUT_US;
    while (sendmsg(ours, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        struct pollfd p = {.fd = ours, .events = POLLOUT};
        int64_t wait = (deadline - clock_mono_us()) / CLOCK_MS;
        if ((errno != EAGAIN && errno != EINTR) || wait <= 0)
            return fail_errno(error, "connection given back");
        (void)!poll(&p, 1, (int)wait);
    }
    return ERR_OK;
}
