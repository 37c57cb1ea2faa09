#include <errno.h>
#include <sys/socket.h>

#include "base/must.h"
#include "rt/conn_private.h"
#include "rt/metrics.h"

static enum io io_of_errno(enum io wait)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? wait : IO_FAILED;
}

enum { COMPRESSED_CHUNK = 16 * 1024 /* bytes read at once */ };

static enum io read_wire(struct conn *conn, char *to, size_t n, size_t *ret_n)
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

/* From what has come already. IO_WANT_INPUT: more must come first. */
static enum io decompress(struct conn *conn, char *to, size_t n, size_t *ret_n)
{
    size_t used = 0;
    if (conn->compressed.n == 0 && !conn->decompressor_full)
        return IO_WANT_INPUT;
    enum io io = squeeze_take(conn->squeeze, buf_slice(&conn->compressed), &used, to, n, ret_n);
    buf_consume(&conn->compressed, used);
    if (conn->compressed.n == 0)
        buf_release(&conn->compressed);
    conn->decompressor_full = io == IO_DONE && *ret_n == n;
    return io;
}

static enum io read_compressed(struct conn *conn, char *to, size_t n, size_t *ret_n)
{
    enum io io = decompress(conn, to, n, ret_n);
    while (io == IO_WANT_INPUT) {
        char chunk[COMPRESSED_CHUNK];
        size_t came = 0;
        io = read_wire(conn, chunk, sizeof(chunk), &came);
        if (io != IO_DONE)
            return io;
        conn->compressed_received += came;
        buf_put(&conn->compressed, slice_of(chunk, came));
        if (buf_failed(&conn->compressed))
            return IO_FAILED;
        io = decompress(conn, to, n, ret_n);
        if (io == IO_WANT_INPUT && conn->dry)
            return io;
    }
    if (conn->compressed.n > 0 || conn->decompressor_full)
        conn->dry = false;
    return io;
}

/* Sets conn->dry when there is no more now, so that the next read would only find that out. */
enum io conn_io_read(struct conn *conn, char *to, size_t n, size_t *ret_n)
{
    enum io io = conn->squeeze != NULL ? read_compressed(conn, to, n, ret_n) : read_wire(conn, to, n, ret_n);
    if (io == IO_DONE && !conn->tls_outside) /* else they are counted where TLS is spoken */
        metric_add(BYTES, METRIC_BYTES_IN, *ret_n);
    return io;
}

void conn_count_unit(struct conn *conn)
{
    if (conn->squeeze != NULL &&
        ++conn->compressed_units > CONN_COMPRESSED_UNITS_MAX + conn->compressed_received)
        conn_break(conn);
}

static enum io count_written(const struct conn *conn, enum io io, const size_t *n)
{
    if (io == IO_DONE && !conn->tls_outside)
        metric_add(BYTES, METRIC_BYTES_OUT, *n);
    return io;
}

enum io conn_io_write(struct conn *conn, struct slice s, size_t *ret_n)
{
    if (conn->tls != NULL)
        return count_written(conn, tls_write(conn->tls, s, ret_n), ret_n);
    ssize_t put = send(conn->fd, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0)
        return io_of_errno(IO_WANT_OUTPUT);
    *ret_n = (size_t)put;
    return count_written(conn, IO_DONE, ret_n);
}

void conn_break(struct conn *conn)
{
    conn->broken = true;
    buf_release(&conn->output);
    conn->squeezed = 0;
}

/* Brings all output into the form of the wire. */
static bool compress_output(struct conn *conn)
{
    if (conn->squeeze == NULL || conn->output.n == conn->squeezed)
        return true;
    CLEANUP(buf_release) struct buf packed = BUF(CONN_OUTPUT_HARD_MAX);
    if (!squeeze_put(conn->squeeze, &packed, slice_from(buf_slice(&conn->output), conn->squeezed)))
        return false;
    conn->output.n = conn->squeezed;
    buf_put(&conn->output, buf_slice(&packed));
    conn->squeezed = conn->output.n;
    return true;
}

enum io conn_drain(struct conn *conn)
{
    if (!compress_output(conn)) {
        conn_break(conn);
        return IO_FAILED;
    }
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
    conn->squeezed -= MIN(conn->squeezed, at);
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
