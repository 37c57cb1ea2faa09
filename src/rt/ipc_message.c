#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "rt/ipc.h"

/* A record on the socket: the type as four little-endian bytes, then the body. */
enum { HEAD_SIZE = 4 };

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
};

void ipc_message_close(struct ipc_message *message)
{
    for (unsigned i = 0; i < message->fd_count; i++)
        fd_close(&message->fds[i]);
    message->fd_count = 0;
}

static enum err fail_socket(struct error *error, const char *what)
{
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return fail(error, ERR_CLOSED, NULL, "%s: the other process is gone", what);
    return fail_errno(error, "%s", what);
}

/* Waits for readiness; deadline 0 is for ever. */
static enum err wait_for(int fd, short events, int64_t deadline_us, struct error *error)
{
    for (;;) {
        int timeout = -1;
        if (deadline_us != 0) {
            int64_t left = deadline_us - clock_mono_us();
            if (left < 0)
                left = 0;
            timeout = (int)MIN((left + CLOCK_MS - 1) / CLOCK_MS, INT64_C(1000000));
        }
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, timeout);
        if (n > 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "poll");
        if (deadline_us != 0 && clock_mono_us() >= deadline_us)
            return fail(error, ERR_TIMEOUT, NULL, "no record in time");
    }
}

enum err ipc_send(int fd, const struct ipc_message *message, struct error *error)
{
    must(message->fd_count <= IPC_FDS_MAX);
    if (message->body.n > IPC_BODY_MAX)
        return fail(error, ERR_INVALID, NULL, "record of %zu bytes is too large", message->body.n);
    unsigned char head[HEAD_SIZE];
    for (unsigned i = 0; i < HEAD_SIZE; i++)
        head[i] = (unsigned char)(message->type >> (8 * i));
    struct iovec parts[] = {{head, HEAD_SIZE}, {(void *)(uintptr_t)message->body.p, message->body.n}};
    struct msghdr h = {.msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts)};
    union control control;
    if (message->fd_count > 0) {
        size_t size = sizeof(int) * message->fd_count;
        memset(&control, 0, sizeof(control));
        h.msg_control = control.bytes;
        h.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *c = CMSG_FIRSTHDR(&h);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(c), message->fds, size);
    }
    for (;;) {
        if (sendmsg(fd, &h, MSG_NOSIGNAL) >= 0)
            return ERR_OK;
        if (errno == EAGAIN) {
            enum err e = wait_for(fd, POLLOUT, 0, error);
            if (e != ERR_OK)
                return e;
        } else if (errno != EINTR) {
            return fail_socket(error, "sendmsg");
        }
    }
}

/* Takes every descriptor that came along, so that none leaks even from a record that is refused. */
static void take_descriptors(struct msghdr *h, struct ipc_message *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (message->fd_count < IPC_FDS_MAX)
                message->fds[message->fd_count++] = fd;
            else
                fd_close(&fd);
        }
    }
}

static enum err receive_once(int fd, int64_t deadline_us, struct msghdr *h, size_t *ret_n,
                             struct error *error)
{
    bool wait = deadline_us != 0;
    for (;;) {
        if (wait) {
            enum err e = wait_for(fd, POLLIN, deadline_us, error);
            if (e != ERR_OK)
                return e;
        }
        ssize_t n = recvmsg(fd, h, MSG_CMSG_CLOEXEC | (wait ? MSG_DONTWAIT : 0));
        if (n > 0) {
            *ret_n = (size_t)n;
            return ERR_OK;
        }
        if (n == 0)
            return fail(error, ERR_CLOSED, NULL, "recvmsg: the other process is gone");
        if (errno == EAGAIN)
            wait = true;
        else if (errno != EINTR)
            return fail_socket(error, "recvmsg");
    }
}

enum err ipc_receive(int fd, int64_t deadline_us, struct buf *storage, struct ipc_message *ret_message,
                     struct error *error)
{
    unsigned char head[HEAD_SIZE];
    union control control;
    CLEANUP(ipc_message_close) struct ipc_message message = {0};
    buf_clear(storage);
    char *body = buf_reserve(storage, IPC_BODY_MAX);
    if (body == NULL)
        return fail_nomem(error);
    struct iovec parts[] = {{head, HEAD_SIZE}, {body, IPC_BODY_MAX}};
    struct msghdr h = {.msg_iov = parts,
                       .msg_iovlen = ARRAY_LEN(parts),
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    size_t n;
    enum err e = receive_once(fd, deadline_us, &h, &n, error);
    if (e != ERR_OK)
        return e;
    take_descriptors(&h, &message);
    if (n < HEAD_SIZE || (h.msg_flags & MSG_TRUNC) != 0)
        return fail(error, ERR_INVALID, NULL, "record of a wrong size");
    if ((h.msg_flags & MSG_CTRUNC) != 0)
        return fail(error, ERR_INVALID, NULL, "record has lost descriptors");
    for (unsigned i = 0; i < HEAD_SIZE; i++)
        message.type |= (uint32_t)head[i] << (8 * i);
    buf_grew(storage, n - HEAD_SIZE);
    message.body = buf_slice(storage);
    *ret_message = message;
    message.fd_count = 0;
    return ERR_OK;
}

enum err ipc_pair(int ret_fds[static 2], struct error *error)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return fail_errno(error, "socketpair");
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return ERR_OK;
}

enum { SEALS_WANTED = F_SEAL_WRITE | F_SEAL_SHRINK };

enum err ipc_memfd(struct slice bytes, int *ret_fd, struct error *error)
{
    CLEANUP(fd_close) int fd = memfd_create("posthorn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return fail_errno(error, "memfd_create");
    enum err e = fd_write_all(fd, bytes, error);
    if (e != ERR_OK)
        return e;
    if (fcntl(fd, F_ADD_SEALS, SEALS_WANTED | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        return fail_errno(error, "seal memfd");
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

/*
 * What is sealed can be mapped as it is. Of anything else a private copy is made: whoever sent it may still
 * shorten it, and a mapping past the end of a file is a SIGBUS, in the process that holds the mailboxes.
 */
enum err ipc_map(int fd, size_t limit, struct slice *ret_bytes, struct error *error)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail_errno(error, "fstat");
    if (!S_ISREG(st.st_mode))
        return fail(error, ERR_INVALID, NULL, "descriptor is no file");
    size_t size = (size_t)st.st_size;
    if (size > limit)
        return fail(error, ERR_LIMIT, NULL, "%zu bytes where %zu are allowed", size, limit);
    if (size == 0) {
        *ret_bytes = slice_none();
        return ERR_OK;
    }
    int seals = fcntl(fd, F_GET_SEALS);
    bool sealed = seals >= 0 && (seals & SEALS_WANTED) == SEALS_WANTED;
    void *p = sealed ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0)
                     : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return fail_errno(error, "mmap");
    struct slice bytes = slice_of(p, size);
    enum err e = sealed ? ERR_OK : fd_pread_exact(fd, p, size, 0, error);
    if (e != ERR_OK) {
        ipc_unmap(&bytes);
        return e;
    }
    *ret_bytes = bytes;
    return ERR_OK;
}

void ipc_unmap(struct slice *bytes)
{
    if (bytes->n > 0)
        munmap((void *)(uintptr_t)bytes->p, bytes->n);
    *bytes = slice_none();
}
