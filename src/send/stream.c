#include "send/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"

enum { READ_CHUNK = 16 * 1024 };

/* Until the descriptor is ready for `events`. */
static enum err wait_for(int fd, short events, int64_t deadline_us, struct error *error)
{
    struct pollfd p = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = deadline_us - clock_mono_us();
        if (left <= 0)
            return fail(error, ERR_TIMEOUT, NULL, "timed out");
        int ready = poll(&p, 1, (int)MIN(left / CLOCK_MS + 1, INT64_C(1000000)));
        if (ready > 0)
            return ERR_OK;
        if (ready < 0 && errno != EINTR)
            return fail_errno(error, "poll");
    }
}

static enum err finish_connecting(int fd, int64_t deadline_us, struct error *error)
{
    int result = 0;
    socklen_t n = sizeof(result);
    enum err err = wait_for(fd, POLLOUT, deadline_us, error);
    if (err != ERR_OK)
        return err;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &n) != 0)
        return fail_errno(error, "connect");
    errno = result;
    return result == 0 ? ERR_OK : fail_errno(error, "connect");
}

/* The port is found when the connection is made, so that one may serve for several peers. */
static enum err leave_from(int fd, const struct own_address *source, struct error *error)
{
    const int yes = 1;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    bool six = source->family == AF_INET6;
    if (six)
        v6.sin6_addr = source->v6;
    else
        v4.sin_addr = source->v4;
    const struct sockaddr *from = six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
    if (bind(fd, from, six ? sizeof(v6) : sizeof(v4)) == 0)
        return ERR_OK;
    char text[INET6_ADDRSTRLEN];
    int why = errno;
    inet_ntop(source->family, &source->v6, text, sizeof(text));
    return fail(error, ERR_UNAVAILABLE, NULL, "mail can't leave from %s: %s", text, strerror(why));
}

enum err stream_connect(const struct resolver_address *address, uint16_t port,
                        const struct own_address *source, int64_t deadline_us, struct stream *ret_stream,
                        struct error *error)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address->v4};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = address->v6};
    bool six = address->family == AF_INET6;
    const struct sockaddr *to = six ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    CLEANUP(fd_close) int fd = socket(address->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno(error, "socket");
    enum err err = source != NULL ? leave_from(fd, source, error) : ERR_OK;
    if (err == ERR_OK && connect(fd, to, six ? sizeof(v6) : sizeof(v4)) != 0)
        err = errno == EINPROGRESS ? finish_connecting(fd, deadline_us, error) : fail_errno(error, "connect");
    if (err != ERR_OK)
        return err;
    *ret_stream = (struct stream){.fd = fd_take(&fd), .input = BUF(STREAM_INPUT_MAX + READ_CHUNK)};
    return ERR_OK;
}

void stream_close(struct stream *stream)
{
    if (stream->tls != NULL)
        tls_end(stream->tls);
    tls_free(stream->tls);
    stream->tls = NULL;
    buf_release(&stream->input);
    fd_close(&stream->fd);
}

static enum io write_some(struct stream *stream, struct slice bytes, size_t *ret_n)
{
    if (stream->tls != NULL)
        return tls_write(stream->tls, bytes, ret_n);
    ssize_t n = send(stream->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? IO_WANT_OUTPUT : IO_FAILED;
    *ret_n = (size_t)n;
    return IO_DONE;
}

static enum io read_some(struct stream *stream, char *to, size_t max, size_t *ret_n)
{
    if (stream->tls != NULL)
        return tls_read(stream->tls, to, max, ret_n);
    ssize_t n = recv(stream->fd, to, max, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? IO_WANT_INPUT : IO_FAILED;
    *ret_n = (size_t)n;
    return n == 0 ? IO_END : IO_DONE;
}

/* After a step that did not get through: waits for what it wants. */
static enum err wait_as_told(struct stream *stream, enum io io, int64_t deadline_us, struct error *error)
{
    if (io == IO_WANT_INPUT || io == IO_WANT_OUTPUT)
        return wait_for(stream->fd, io == IO_WANT_INPUT ? POLLIN : POLLOUT, deadline_us, error);
    return fail(error, ERR_CLOSED, NULL, "connection lost");
}

enum err stream_write(struct stream *stream, struct slice bytes, int64_t deadline_us, struct error *error)
{
    while (bytes.n > 0) {
        size_t n = 0;
        enum io io = write_some(stream, bytes, &n);
        enum err err = io == IO_DONE ? ERR_OK : wait_as_told(stream, io, deadline_us, error);
        if (err != ERR_OK)
            return err;
        bytes = slice_from(bytes, n);
    }
    return ERR_OK;
}

struct slice stream_input(const struct stream *stream)
{
    return slice_from(buf_slice(&stream->input), stream->used);
}

void stream_use(struct stream *stream, size_t n)
{
    stream->used += n;
    if (stream->used == stream->input.n) {
        buf_clear(&stream->input);
        stream->used = 0;
    }
}

enum err stream_more(struct stream *stream, int64_t deadline_us, struct error *error)
{
    if (stream_input(stream).n >= STREAM_INPUT_MAX)
        return fail(error, ERR_LIMIT, NULL, "more than %d bytes at once", STREAM_INPUT_MAX);
    if (stream->used > 0) {
        buf_consume(&stream->input, stream->used);
        stream->used = 0;
    }
    for (;;) {
        size_t n = 0;
        char *to = buf_reserve(&stream->input, READ_CHUNK);
        if (to == NULL)
            return fail_nomem(error);
        enum io io = read_some(stream, to, READ_CHUNK, &n);
        if (io == IO_DONE) {
            buf_grew(&stream->input, n);
            return ERR_OK;
        }
        enum err err = wait_as_told(stream, io, deadline_us, error);
        if (err != ERR_OK)
            return err;
    }
}

enum err stream_start_tls(struct stream *stream, struct tls_context *context,
                          const struct tls_expectation *expectation, int64_t deadline_us, struct error *error)
{
    if (stream_input(stream).n > 0)
        return fail(error, ERR_INVALID, NULL, "the server spoke before the TLS handshake");
    enum err err = tls_client_new(context, stream->fd, expectation, &stream->tls, error);
    while (err == ERR_OK) {
        enum io io = tls_handshake(stream->tls, error);
        if (io == IO_DONE)
            return ERR_OK;
        if (io == IO_FAILED) {
            const char *refusal = tls_client_refusal(stream->tls);
            return refusal != NULL ? fail(error, ERR_AUTH, NULL, "certificate: %s", refusal) : error->code;
        }
        err = wait_as_told(stream, io, deadline_us, error);
    }
    return err;
}
