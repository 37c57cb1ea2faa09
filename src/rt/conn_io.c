#include <errno.h>
#include <sys/socket.h>

#include "base/must.h"
#include "rt/conn_private.h"

static enum io io_of_errno(enum io wait)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? wait : IO_FAILED;
}

/* Sets conn->dry when the descriptor has given all it had, so that the next read would only find that out. */
enum io conn_io_read(struct conn *conn, char *to, size_t n, size_t *ret_n)
{
    if (conn->tls != NULL) {
        enum io io = tls_read(conn->tls, to, n, ret_n);
        conn->dry = io == IO_WANT_INPUT || (io == IO_DONE && !tls_has_more(conn->tls));
        return io;
    }
    ssize_t got = recv(conn->fd, to, n, MSG_DONTWAIT);
    if (got < 0) {
        conn->dry = true;
        return io_of_errno(IO_WANT_INPUT);
    }
    if (got == 0)
        return IO_END;
    conn->dry = (size_t)got < n;
    *ret_n = (size_t)got;
    return IO_DONE;
}

enum io conn_io_write(struct conn *conn, struct slice s, size_t *ret_n)
{
    if (conn->tls != NULL)
        return tls_write(conn->tls, s, ret_n);
    ssize_t put = send(conn->fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0)
        return io_of_errno(IO_WANT_OUTPUT);
    *ret_n = (size_t)put;
    return IO_DONE;
}

void conn_break(struct conn *conn)
{
    conn->broken = true;
    buf_release(&conn->output);
}

enum io conn_drain(struct conn *conn)
{
    size_t at = 0;
    enum io io = IO_DONE;
    while (at < conn->output.n) {
        size_t n = 0;
        io = conn_io_write(conn, slice_from(buf_slice(&conn->output), at), &n);
        if (io != IO_DONE)
            break;
        at += n;
        conn->sent += (uint32_t)n;
        if (conn->sent >= CONN_PROGRESS_BYTES)
            conn->write_deadline = 0;
    }
    if (io == IO_FAILED || io == IO_END || buf_failed(&conn->output)) {
        conn_break(conn);
        return IO_FAILED;
    }
    buf_consume(&conn->output, at);
    if (conn->output.n == 0) {
        buf_release(&conn->output);
        conn->write_deadline = 0;
        return IO_DONE;
    }
    if (conn->write_deadline == 0) {
        conn->write_deadline = clock_mono_us() + CONN_WRITE_TIMEOUT_US;
        conn->sent = 0;
    }
    return io;
}
