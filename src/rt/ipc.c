#include "rt/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "rt/ipc_private.h"

enum { TYPE_BYTES = 4, SEND_BUFFER = 256 * 1024 };
#define SEND_TIMEOUT_US (30 * CLOCK_SECOND)

void ipc_message_close(struct ipc_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        fd_close(&message->fds[i]);
    message->fd_count = 0;
}

enum err ipc_pair(int ret_fds[static 2], struct error *error)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return fail_errno(error, "socketpair");
    int size = SEND_BUFFER;
    for (int i = 0; i < 2; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return ERR_OK;
}

/* Waits for events until the deadline (0: for ever). */
static enum err wait_for(int fd, short events, int64_t deadline_us, struct error *error)
{
    for (;;) {
        int64_t wait = deadline_us == 0 ? -1 : deadline_us - clock_mono_us();
        if (deadline_us != 0 && wait <= 0)
            return fail_plain(error, ERR_TIMEOUT, "no answer in time");
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, wait < 0 ? -1 : (int)MIN(wait / CLOCK_MS + 1, INT32_MAX));
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "poll");
    }
}

static enum err fail_socket(struct error *error, const char *what)
{
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return fail(error, ERR_CLOSED, NULL, "%s: the other side is gone", what);
    return fail_errno(error, "%s", what);
}

static unsigned put_fds(struct msghdr *header, const struct ipc_message *message)
{
    unsigned count = 0;
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    for (unsigned i = 0; i < message->fd_count; i++)
        if (message->fds[i] >= 0) /* taken ones are not sent */
            memcpy(CMSG_DATA(control) + sizeof(int) * count++, &message->fds[i], sizeof(int));
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int) * count);
    header->msg_controllen = CMSG_SPACE(sizeof(int) * count);
    if (count == 0) {
        header->msg_control = NULL;
        header->msg_controllen = 0;
    }
    return count;
}

enum err ipc_send(int fd, const struct ipc_message *message, struct error *error)
{
    must(message->fd_count <= IPC_FDS_MAX);
    if (message->body.n > IPC_BODY_MAX)
        return fail(error, ERR_INVALID, NULL, "a record of %zu bytes is too large", message->body.n);
    uint32_t type = message->type;
    struct iovec parts[2] = {
        {.iov_base = &type, .iov_len = TYPE_BYTES},
        {.iov_base = (void *)message->body.p, .iov_len = message->body.n},
    };
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)] = {0};
    struct msghdr header = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};
    put_fds(&header, message);
    int64_t deadline = clock_mono_us() + SEND_TIMEOUT_US;
    while (sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return fail_socket(error, "send");
        enum err result = wait_for(fd, POLLOUT, deadline, error);
        if (result != ERR_OK)
            return result;
    }
    return ERR_OK;
}

/* Descriptors that came along; every one is kept, so that it can be closed. False: not what we know. */
static bool get_fds(struct msghdr *header, struct ipc_message *message)
{
    bool ok = (header->msg_flags & MSG_CTRUNC) == 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            ok = false;
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + sizeof(int) * i, sizeof(int));
            if (message->fd_count < IPC_FDS_MAX) {
                message->fds[message->fd_count++] = fd;
            } else {
                close(fd);
                ok = false;
            }
        }
    }
    return ok;
}

__attribute__((noinline)) enum err ipc_receive_now(int fd, struct buf *storage,
                                                   struct ipc_message *ret_message, bool *ret_none,
                                                   struct error *error)
{
    __attribute__((uninitialized)) char bytes[IPC_BODY_MAX];
    uint32_t type = 0;
    struct iovec parts[2] = {
        {.iov_base = &type, .iov_len = TYPE_BYTES},
        {.iov_base = bytes, .iov_len = sizeof(bytes)},
    };
    /* Room for one more than is allowed, so that too many are seen. */
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * (IPC_FDS_MAX + 1))] = {0};
    struct msghdr header = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    *ret_none = n < 0 && (errno == EAGAIN || errno == EINTR);
    if (n < 0)
        return *ret_none ? ERR_OK : fail_socket(error, "receive");
    CLEANUP(ipc_message_close) struct ipc_message message = {.type = type};
    bool ok = get_fds(&header, &message);
    if (n == 0)
        return fail(error, ERR_CLOSED, NULL, "receive: the other side is gone");
    if ((header.msg_flags & MSG_CTRUNC) != 0 && message.fd_count < IPC_FDS_MAX)
        return fail(error, ERR_UNAVAILABLE, NULL, "receive: no room for a descriptor that came");
    if (!ok || (header.msg_flags & MSG_TRUNC) != 0 || n < TYPE_BYTES)
        return fail(error, ERR_INVALID, NULL, "a malformed or oversized record of %zd bytes", n);
    buf_clear(storage);
    buf_put(storage, slice_of(bytes, (size_t)n - TYPE_BYTES));
    if (buf_no_memory(storage))
        return fail_nomem(error);
    if (buf_failed(storage))
        return fail(error, ERR_INVALID, NULL, "a record of %zd bytes does not fit", n);
    message.body = buf_slice(storage);
    *ret_message = message;
    message.fd_count = 0;
    return ERR_OK;
}

enum err ipc_receive(int fd, int64_t deadline_us, struct buf *storage, struct ipc_message *ret_message,
                     struct error *error)
{
    for (;;) {
        /* An answer takes its time: looking for it before waiting is a system call for nothing. */
        enum err result = wait_for(fd, POLLIN, deadline_us, error);
        if (result != ERR_OK)
            return result;
        bool none;
        result = ipc_receive_now(fd, storage, ret_message, &none, error);
        if (result != ERR_OK || !none)
            return result;
    }
}

enum err ipc_memfd(struct slice bytes, int *ret_fd, struct error *error)
{
    CLEANUP(fd_close) int fd = memfd_create("posthorn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return fail_errno(error, "memfd_create");
    enum err result = fd_write_all(fd, bytes, error);
    if (result != ERR_OK)
        return result;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
        return fail_errno(error, "memfd seal");
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

enum err ipc_map(int fd, size_t limit, struct slice *ret_bytes, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return fail_errno(error, "fstat");
    if (!S_ISREG(status.st_mode))
        return fail(error, ERR_INVALID, NULL, "not a file");
    /* What its sender could shrink, as a file on a disk (no seals: EINVAL), would end us with SIGBUS. */
    const int needed = F_SEAL_SHRINK | F_SEAL_WRITE;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & needed) != needed)
        return fail(error, ERR_INVALID, NULL, "memory that is not sealed");
    if ((uint64_t)status.st_size > limit)
        return fail(error, ERR_LIMIT, NULL, "%lld bytes, more than %zu", (long long)status.st_size, limit);
    if (status.st_size == 0) {
        *ret_bytes = slice_none();
        return ERR_OK;
    }
    void *p = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return fail_errno(error, "mmap");
    *ret_bytes = slice_of(p, (size_t)status.st_size);
    return ERR_OK;
}

void ipc_unmap(struct slice *bytes)
{
    if (bytes->n > 0)
        munmap((void *)bytes->p, bytes->n);
    *bytes = slice_none();
}
