/*
 * The service manager's two protocols, without its library: telling it how we are (sd_notify(3): a datagram
 * to $NOTIFY_SOCKET) and taking listening sockets from it (sd_listen_fds(3): descriptors 3 and up, counted by
 * $LISTEN_FDS, for the process $LISTEN_PID).
 *
 * Errors: none; without a service manager nothing happens. Threads: before any are started.
 */
#ifndef POSTHORN_RT_SD_NOTIFY_H
#define POSTHORN_RT_SD_NOTIFY_H

#include "base/slice.h"

enum { SD_LISTEN_MAX = 128 };

/* "READY=1\nSTATUS=...": one assignment a line. */
void sd_notify_send(const char *format, ...) FORMAT(1, 2);
/* Closed on exec and blocking like all of ours; may be called once, since the variables are removed. */
size_t sd_notify_take_sockets(int ret_fds[static SD_LISTEN_MAX]);

#endif
