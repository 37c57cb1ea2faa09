#include "rt/sd_notify.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"

enum { FIRST_FD = 3, STATE_MAX = 1000 };

void sd_notify_send(const char *format, ...)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path != NULL ? strlen(path) : 0;
    if (n < 2 || n >= sizeof(to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = 0; /* the abstract namespace */
    CLEANUP(buf_release) struct buf text = BUF(STATE_MAX);
    va_list args;
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && !buf_failed(&text))
        (void)!sendto(fd, text.p, text.n, MSG_NOSIGNAL, (const struct sockaddr *)&to,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

size_t sd_notify_take_sockets(int ret_fds[static SD_LISTEN_MAX])
{
    uint32_t pid = 0;
    uint32_t count = 0;
    bool ours = slice_to_u32(slice_cstr(getenv("LISTEN_PID")), &pid) && pid == (uint32_t)getpid() &&
                slice_to_u32(slice_cstr(getenv("LISTEN_FDS")), &count);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!ours)
        return 0;
    if (count > SD_LISTEN_MAX)
        count = SD_LISTEN_MAX;
    size_t taken = 0;
    for (int fd = FIRST_FD; fd < FIRST_FD + (int)count; fd++)
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
            ret_fds[taken++] = fd;
    return taken;
}
