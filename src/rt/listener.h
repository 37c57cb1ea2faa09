/*
 * Accepting: a listening descriptor in the loop, with a limit of connections per client address.
 *
 * IPv6 addresses count per /64. A client over the limit is told so by `refuse` text (if any) and closed.
 * When descriptors run out, accepting pauses for a moment instead of spinning.
 */
#ifndef POSTHORN_RT_LISTENER_H
#define POSTHORN_RT_LISTENER_H

#include "rt/limit.h"
#include "rt/loop.h"

struct accepted {
    int fd; /* the callee's */
    char peer[64];
    uint16_t peer_port;
    char limit_key[32]; /* what was counted: give it to limit_leave when the connection ends */
    size_t limit_key_n;
};

typedef void listener_accept_fn(void *context, struct accepted *accepted);

struct listener_options {
    int fd;                 /* taken */
    struct limit *per_peer; /* may be NULL (unix sockets) */
    struct slice refuse;    /* sent to those over the limit, e.g. "421 4.7.0 too many connections\r\n" */
    listener_accept_fn *accept;
    void *context;
};

/* The key of an address given as text, into `accepted`, as for one that was accepted; none for what is no
 * address. */
void listener_limit_key(struct accepted *accepted);
/* Listens until the loop stops. */
enum err listener_start(struct loop *loop, const struct listener_options *options,
                        struct error *error) MUST_CHECK;

#endif
