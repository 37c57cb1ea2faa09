#include "base/fdio.h"

#include <errno.h>
#include <unistd.h>

void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

enum err fd_write_all(int fd, struct slice s, struct error *error)
{
    while (s.n > 0) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "write");
        if (n > 0)
            s = slice_from(s, (size_t)n);
    }
    return ERR_OK;
}

enum err fd_pwrite_all(int fd, struct slice s, uint64_t offset, struct error *error)
{
    while (s.n > 0) {
        ssize_t n = pwrite(fd, s.p, s.n, (off_t)offset);
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "pwrite");
        if (n > 0) {
            s = slice_from(s, (size_t)n);
            offset += (uint64_t)n;
        }
    }
    return ERR_OK;
}

enum err fd_pread_exact(int fd, void *ret, size_t n, uint64_t offset, struct error *error)
{
    char *to = ret;
    while (n > 0) {
        ssize_t got = pread(fd, to, n, (off_t)offset);
        if (got < 0 && errno != EINTR)
            return fail_errno(error, "pread");
        if (got == 0)
            return fail(error, ERR_CORRUPT, NULL, "file ends %zu bytes early at %llu", n,
                        (unsigned long long)offset);
        if (got > 0) {
            to += got;
            n -= (size_t)got;
            offset += (uint64_t)got;
        }
    }
    return ERR_OK;
}

enum err fd_read_all(int fd, struct buf *out, struct error *error)
{
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n == 0)
            return ERR_OK;
        if (n < 0 && errno != EINTR)
            return fail_errno(error, "read");
        if (n > 0)
            buf_put(out, slice_of(chunk, (size_t)n));
        if (out->failed)
            return fail(error, ERR_LIMIT, NULL, "more than %zu bytes", out->max);
    }
}
