/*
 * How edge, which may not connect to anything, comes by its connections to milters: relay makes them and
 * sends the descriptor (docs/decisions/milters.md).
 *
 * Edge names an address; relay connects only to those of its own settings. Errors: ERR_UNAVAILABLE when the
 * milter or relay is not there; ERR_TIMEOUT; ERR_DENIED an address that is not set. Threads: any; a call
 * blocks for MILTER_CONNECT_US at most.
 */
#ifndef POSTHORN_MILTER_CONNECT_H
#define POSTHORN_MILTER_CONNECT_H

#include "base/clock.h"
#include "rt/ipc.h"
#include "rt/settings.h"

#define MILTER_CONNECT_US (5 * CLOCK_SECOND)
enum { MILTER_CALL = 45 }; /* beside those of fetch/names.h, on the same channel */

/* Edge: a connected stream socket, the caller's. relay: the way there. */
enum err milter_connect(struct ipc_client *relay, const char *address, int *ret_fd,
                        struct error *error) MUST_CHECK;
/* Relay: answers one request of type MILTER_CALL. */
void milter_connect_serve(const struct settings *settings, const struct ipc_message *request,
                          struct buf *reply_body, struct ipc_message *reply);
/* "unix:/path", "inet:192.0.2.1:25": connected, by a process that may. */
enum err milter_dial(struct slice address, int64_t deadline_us, int *ret_fd, struct error *error) MUST_CHECK;

#endif
