/*
 * The listening sockets of a server: bound by the supervisor, used by its workers.
 *
 * Ownership: the struct owns the descriptors. Errors name the listener and the address.
 */
#ifndef POSTHORN_RT_LISTEN_SOCKETS_H
#define POSTHORN_RT_LISTEN_SOCKETS_H

#include "base/error.h"
#include "rt/settings.h"

enum { LISTEN_BACKLOG = 1024 };

struct listen_sockets {
    int fds[SETTINGS_LISTEN_MAX]; /* as settings->listens */
    size_t count;
    int admin; /* run directory's admin.sock */
};

/* The user in whose name the sockets in the file system are made; not changed unless we are root. */
struct socket_owner {
    uid_t uid;
    gid_t gid;
};

/* Takes those of `given` that match a listener; closes and names in the log those that match none. */
enum err listen_sockets_open(const struct settings *settings, const struct socket_owner *owner, int *given,
                             size_t given_count, struct listen_sockets *ret_sockets,
                             struct error *error) MUST_CHECK;
void listen_sockets_close(struct listen_sockets *sockets);

#endif
