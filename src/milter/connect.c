#include "milter/connect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fdio.h"
#include "base/wire.h"

enum { MILTER_FAILED = 1 };

union dial_address {
    struct sockaddr any;
    struct sockaddr_un local;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* 0: it is no address. */
static socklen_t read_inet(struct slice text, union dial_address *ret)
{
    char host[INET6_ADDRSTRLEN];
    uint32_t port;
    ssize_t colon = slice_rfind_char(text, ':');
    if (colon < 0 || !slice_to_u32(slice_from(text, (size_t)colon + 1), &port) || port > UINT16_MAX)
        return 0;
    text = slice_sub(text, 0, (size_t)colon);
    bool six = slice_starts(text, S("[")) && slice_ends(text, S("]"));
    if (six)
        text = slice_sub(text, 1, text.n - 2);
    if (text.n >= sizeof(host))
        return 0;
    snprintf(host, sizeof(host), "%.*s", SLICE_ARGS(text));
    if (six) {
        ret->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
        return inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1 ? sizeof(ret->v6) : 0;
    }
    ret->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1 ? sizeof(ret->v4) : 0;
}

static socklen_t read_place(struct slice address, union dial_address *ret)
{
    struct slice path = slice_from(address, S("unix:").n);
    if (slice_starts(address, S("inet:")))
        return read_inet(slice_from(address, S("inet:").n), ret);
    if (!slice_starts(address, S("unix:/")) || path.n >= sizeof(ret->local.sun_path))
        return 0;
    ret->local = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret->local.sun_path, path.p, path.n);
    return sizeof(ret->local);
}

static enum err wait_connected(int fd, int64_t deadline_us, struct error *error)
{
    int result = 0;
    socklen_t size = sizeof(result);
    for (;;) {
        int64_t left = deadline_us - clock_mono_us();
        struct pollfd poller = {.fd = fd, .events = POLLOUT};
        if (left <= 0)
            return fail(error, ERR_TIMEOUT, NULL, "no connection in time");
        int n = poll(&poller, 1, (int)(left / CLOCK_MS) + 1);
        if (n > 0)
            break;
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "poll");
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size) != 0)
        return fail_errno(error, "getsockopt");
    return result == 0 ? ERR_OK : fail(error, ERR_UNAVAILABLE, NULL, "connect: %s", strerror(result));
}

enum err milter_dial(struct slice address, int64_t deadline_us, int *ret_fd, struct error *error)
{
    union dial_address place;
    memset(&place, 0, sizeof(place));
    socklen_t size = read_place(address, &place);
    if (size == 0)
        return fail(error, ERR_INVALID, NULL, "\"%.*s\" is no address of a milter", SLICE_ARGS(address));
    CLEANUP(fd_close)
    int fd = socket(place.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno(error, "socket");
    if (connect(fd, &place.any, size) != 0) {
        /* A unix socket whose queue is full says EAGAIN: it is there, but has too much to do. */
        if (errno != EINPROGRESS)
            return fail(error, ERR_UNAVAILABLE, NULL, "connect to %.*s: %s", SLICE_ARGS(address),
                        strerror(errno));
        enum err err = wait_connected(fd, deadline_us, error);
        if (err != ERR_OK)
            return error_context(error, "%.*s", SLICE_ARGS(address)), err;
    }
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

/* --- relay --- */

static bool is_set(const struct settings *settings, struct slice address)
{
    for (size_t i = 0; i < settings->milter_count; i++)
        if (slice_eq(address, slice_cstr(settings->milters[i].address)))
            return true;
    return false;
}

void milter_connect_serve(const struct settings *settings, const struct ipc_message *request,
                          struct buf *reply_body, struct ipc_message *reply)
{
    struct error error;
    struct slice address = request->body;
    enum err err = is_set(settings, address)
                       ? milter_dial(address, clock_mono_us() + MILTER_CONNECT_US, &reply->fds[0], &error)
                       : fail(&error, ERR_DENIED, NULL, "no milter is set at that address");
    reply->type = err == ERR_OK ? MILTER_CALL : MILTER_FAILED;
    if (err == ERR_OK) {
        reply->fd_count = 1;
    } else {
        wire_put_u32(reply_body, (uint32_t)err);
        wire_put_slice(reply_body, slice_cstr(error.detail));
    }
    reply->body = buf_slice(reply_body);
}

/* --- edge --- */

enum err milter_connect(struct ipc_client *relay, const char *address, int *ret_fd, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    const struct ipc_message request = {.type = MILTER_CALL, .body = slice_cstr(address)};
    enum err err = ipc_call(relay, &request, MILTER_CONNECT_US + CLOCK_SECOND, &storage, &reply, error);
    if (err != ERR_OK)
        return err;
    if (reply.type == MILTER_CALL && reply.fd_count == 1) {
        *ret_fd = fd_take(&reply.fds[0]);
        return ERR_OK;
    }
    struct wire_reader r = wire_reader_of(reply.body);
    uint32_t code = wire_get_u32(&r);
    struct slice text = wire_get_slice(&r);
    bool known = wire_end(&r) && code > ERR_OK && code <= ERR_VERSION;
    return fail(error, known ? (enum err)code : ERR_UNAVAILABLE, NULL, "%.*s",
                SLICE_ARGS(slice_sub(text, 0, ERROR_DETAIL_MAX - 10)));
}
