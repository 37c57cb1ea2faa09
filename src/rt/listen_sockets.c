#include "rt/listen_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    struct sockaddr_un path;
};

static socklen_t make_address(const struct listen_setting *wanted, union address *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (wanted->address[0] == '/') {
        size_t n = strlen(wanted->address);
        must(n < sizeof(ret->path.sun_path));
        ret->path.sun_family = AF_UNIX;
        memcpy(ret->path.sun_path, wanted->address, n);
        return sizeof(ret->path);
    }
    if (inet_pton(AF_INET, wanted->address, &ret->four.sin_addr) == 1) {
        ret->four.sin_family = AF_INET;
        ret->four.sin_port = htons(wanted->port);
        return sizeof(ret->four);
    }
    must(inet_pton(AF_INET6, wanted->address, &ret->six.sin6_addr) == 1);
    ret->six.sin6_family = AF_INET6;
    ret->six.sin6_port = htons(wanted->port);
    return sizeof(ret->six);
}

static enum err fail_bind(struct error *error, const struct listen_setting *wanted)
{
    return fail_plain(error, ERR_UNAVAILABLE, "cannot listen for %s on %s port %u: %s",
                      listen_protocol_name(wanted->protocol), wanted->address, wanted->port, strerror(errno));
}

/* Is another listener bound to this port by IPv4 alone? Then "::" must leave IPv4 to it. */
static bool port_has_own_ipv4(const struct settings *settings, uint16_t port)
{
    for (size_t i = 0; i < settings->listen_count; i++) {
        const char *address = settings->listens[i].address;
        if (settings->listens[i].port == port && address[0] != '/' && strchr(address, ':') == NULL)
            return true;
    }
    return false;
}

static enum err open_port(const struct settings *settings, const struct listen_setting *wanted, int *ret_fd,
                          struct error *error)
{
    union address at;
    socklen_t size = make_address(wanted, &at);
    const int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    CLEANUP(fd_close) int fd = socket(at.any.sa_family, type, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && strcmp(wanted->address, "::") == 0) {
        /* A kernel without IPv6: everywhere is then IPv4's everywhere. */
        const struct listen_setting four = {wanted->protocol, "0.0.0.0", wanted->port};
        size = make_address(&four, &at);
        fd = socket(AF_INET, type, 0);
    }
    const int on = 1;
    const int only6 = port_has_own_ipv4(settings, wanted->port);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
        return fail_bind(error, wanted);
    if (at.any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6)) != 0)
        return fail_bind(error, wanted);
    if (bind(fd, &at.any, size) != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        return fail_bind(error, wanted);
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

/* A socket file that nobody answers is left over from a crash; one that is answered is another server's. */
static enum err remove_stale(const struct sockaddr_un *at, struct error *error)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0)
        return errno == ENOENT ? ERR_OK : fail_plain(error, ERR_IO, "%s: %s", at->sun_path, strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return fail_plain(error, ERR_EXISTS, "%s is there and is no socket", at->sun_path);
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail_errno(error, "socket");
    if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0)
        return fail_plain(error, ERR_BUSY, "another server answers on %s", at->sun_path);
    if (unlink(at->sun_path) != 0)
        return fail_plain(error, ERR_IO, "cannot remove %s: %s", at->sun_path, strerror(errno));
    return ERR_OK;
}

static enum err open_path(const struct listen_setting *wanted, mode_t mode, int *ret_fd, struct error *error)
{
    union address at;
    socklen_t size = make_address(wanted, &at);
    enum err e = remove_stale(&at.path, error);
    if (e != ERR_OK)
        return e;
    CLEANUP(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail_errno(error, "socket");
    mode_t old = umask(0777 & ~mode);
    int bound = bind(fd, &at.any, size);
    int number = errno;
    umask(old);
    if (bound != 0 || listen(fd, LISTEN_BACKLOG) != 0)
        return fail_plain(error, ERR_UNAVAILABLE, "cannot listen on %s: %s", at.path.sun_path,
                          strerror(bound != 0 ? number : errno));
    *ret_fd = fd_take(&fd);
    return ERR_OK;
}

/*
 * Made in the name of its owner: the directory is his, and root changing the owner of something in it could
 * be led elsewhere by a link.
 */
static enum err open_path_as(const struct socket_owner *owner, const struct listen_setting *wanted,
                             mode_t mode, int *ret_fd, struct error *error)
{
    if (geteuid() != 0)
        return open_path(wanted, mode, ret_fd, error);
    if (setegid(owner->gid) != 0 || seteuid(owner->uid) != 0)
        return fail_errno(error, "take the socket owner's identity");
    enum err e = open_path(wanted, mode, ret_fd, error);
    must(seteuid(0) == 0 && setegid(0) == 0);
    return e;
}

static bool same_place(int fd, const struct listen_setting *wanted)
{
    union address at;
    union address place;
    socklen_t size = sizeof(at);
    memset(&at, 0, sizeof(at));
    if (getsockname(fd, &at.any, &size) != 0)
        return false;
    make_address(wanted, &place);
    bool everywhere = strcmp(wanted->address, "::") == 0;
    switch (at.any.sa_family) {
    case AF_INET:
        return at.four.sin_port == htons(wanted->port) && wanted->address[0] != '/' &&
               ((place.any.sa_family == AF_INET && at.four.sin_addr.s_addr == place.four.sin_addr.s_addr) ||
                (everywhere && at.four.sin_addr.s_addr == htonl(INADDR_ANY)));
    case AF_INET6:
        return place.any.sa_family == AF_INET6 && at.six.sin6_port == place.six.sin6_port &&
               memcmp(&at.six.sin6_addr, &place.six.sin6_addr, sizeof(at.six.sin6_addr)) == 0;
    case AF_UNIX:
        return place.any.sa_family == AF_UNIX && strcmp(at.path.sun_path, place.path.sun_path) == 0;
    default:
        return false;
    }
}

/* The given socket for a listener, or -1. */
static int find_given(int *given, size_t count, const struct listen_setting *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (given[i] >= 0 && same_place(given[i], wanted))
            return fd_take(&given[i]);
    return -1;
}

enum { ADMIN_MODE = 0600, LMTP_MODE = 0660 };

static enum err open_all(const struct settings *settings, const struct socket_owner *owner, int *given,
                         size_t given_count, struct listen_sockets *sockets, struct error *error)
{
    for (size_t i = 0; i < settings->listen_count; i++) {
        const struct listen_setting *wanted = &settings->listens[i];
        int fd = find_given(given, given_count, wanted);
        enum err e = ERR_OK;
        if (fd < 0)
            e = wanted->protocol == LISTEN_LMTP ? open_path_as(owner, wanted, LMTP_MODE, &fd, error)
                                                : open_port(settings, wanted, &fd, error);
        if (e != ERR_OK)
            return e;
        sockets->fds[sockets->count++] = fd;
    }
    char path[SETTINGS_PATH_MAX + sizeof("/admin.sock")];
    snprintf(path, sizeof(path), "%s/admin.sock", settings->run_directory);
    const struct listen_setting admin = {LISTEN_LMTP, path, 0};
    sockets->admin = find_given(given, given_count, &admin);
    return sockets->admin >= 0 ? ERR_OK : open_path_as(owner, &admin, ADMIN_MODE, &sockets->admin, error);
}

enum err listen_sockets_open(const struct settings *settings, const struct socket_owner *owner, int *given,
                             size_t given_count, struct listen_sockets *ret_sockets, struct error *error)
{
    struct listen_sockets sockets = {.admin = -1};
    enum err e = open_all(settings, owner, given, given_count, &sockets, error);
    if (e != ERR_OK) {
        listen_sockets_close(&sockets);
        return e;
    }
    for (size_t i = 0; i < given_count; i++) {
        if (given[i] >= 0)
            LOG(LOG_WARN, NO_SID, "supervisor.socket_unused", F_INT("descriptor", given[i]));
        fd_close(&given[i]);
    }
    *ret_sockets = sockets;
    return ERR_OK;
}

void listen_sockets_close(struct listen_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        fd_close(&sockets->fds[i]);
    sockets->count = 0;
    fd_close(&sockets->admin);
}
