#include "milter/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fdio.h"

enum { LENGTH_BYTES = 4, READ_BYTES = 16 * 1024 };

void milter_stream_init(struct milter_stream *stream, int fd)
{
    *stream = (struct milter_stream){.fd = fd, .in = BUF(MILTER_PACKET_MAX + LENGTH_BYTES + READ_BYTES)};
}

void milter_stream_close(struct milter_stream *stream)
{
    fd_close(&stream->fd);
    buf_release(&stream->in);
    stream->used = 0;
}

static enum err wait_for(int fd, short events, int64_t deadline_us, struct error *error)
{
    for (;;) {
        int64_t left = deadline_us - clock_mono_us();
        struct pollfd poller = {.fd = fd, .events = events};
        if (left <= 0)
            return fail(error, ERR_TIMEOUT, NULL, "the milter does not answer");
        int n = poll(&poller, 1, (int)(left / CLOCK_MS) + 1);
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "poll");
    }
}

enum err milter_stream_send(struct milter_stream *stream, struct slice bytes, int64_t deadline_us,
                            struct error *error)
{
    while (bytes.n > 0) {
        ssize_t n = send(stream->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            bytes = slice_from(bytes, (size_t)n);
        } else if (errno == EAGAIN) {
            enum err err = wait_for(stream->fd, POLLOUT, deadline_us, error);
            if (err != ERR_OK)
                return err;
        } else if (errno != EINTR) {
            return fail(error, ERR_CLOSED, NULL, "the milter is gone: %s", strerror(errno));
        }
    }
    return ERR_OK;
}

/* Some more bytes. */
static enum err fill(struct milter_stream *stream, int64_t deadline_us, struct error *error)
{
    char *place = buf_reserve(&stream->in, READ_BYTES);
    if (place == NULL)
        return fail_nomem(error);
    for (;;) {
        ssize_t n = recv(stream->fd, place, READ_BYTES, MSG_DONTWAIT);
        if (n > 0) {
            buf_grew(&stream->in, (size_t)n);
            return ERR_OK;
        }
        if (n == 0)
            return fail(error, ERR_CLOSED, NULL, "the milter has closed the connection");
        if (errno == EAGAIN) {
            enum err err = wait_for(stream->fd, POLLIN, deadline_us, error);
            if (err != ERR_OK)
                return err;
        } else if (errno != EINTR) {
            return fail(error, ERR_CLOSED, NULL, "the milter is gone: %s", strerror(errno));
        }
    }
}

enum err milter_stream_receive(struct milter_stream *stream, int64_t deadline_us, char *ret_character,
                               struct slice *ret_data, struct error *error)
{
    uint32_t length = 0;
    buf_consume(&stream->in, stream->used);
    stream->used = 0;
    for (;;) {
        if (stream->in.n >= LENGTH_BYTES) {
            memcpy(&length, stream->in.p, LENGTH_BYTES);
            length = ntohl(length);
            if (length == 0 || length > MILTER_PACKET_MAX)
                return fail(error, ERR_INVALID, NULL, "a milter's packet of %u bytes", length);
            if (stream->in.n - LENGTH_BYTES >= length)
                break;
        }
        enum err err = fill(stream, deadline_us, error);
        if (err != ERR_OK)
            return err;
    }
    *ret_character = stream->in.p[LENGTH_BYTES];
    *ret_data = slice_of(stream->in.p + LENGTH_BYTES + 1, length - 1);
    stream->used = LENGTH_BYTES + length;
    return ERR_OK;
}
