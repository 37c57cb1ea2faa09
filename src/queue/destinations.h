/*
 * What waits for other servers, added up by destination: whoever takes it, as the relay tells them apart.
 *
 * Ownership: rows and texts live in the arena. Errors: the database's; a damaged entry is passed over.
 * Threads: any; the queue works on meanwhile, so that the sums are those of no one moment.
 */
#ifndef POSTHORN_QUEUE_DESTINATIONS_H
#define POSTHORN_QUEUE_DESTINATIONS_H

#include "queue/queue.h"

struct queue_destination {
    struct slice name;      /* a domain, or a server that takes all */
    struct slice addresses; /* that it is sent from (rt/own_address.h); empty: the server's own */
    uint64_t waiting;       /* recipients */
    uint64_t held;          /* of them */
    int64_t next_us;        /* when the first of them that waits for a time is due; INT64_MAX: none does */
    struct slice reason;    /* the last problem of one of them */
};
/* By name. */
enum err queue_destinations(struct queue *queue, struct arena *arena, struct queue_destination **ret_rows,
                            size_t *ret_count, struct error *error) MUST_CHECK;
/* All that waits for a domain, or for addresses of it by way of a server, is tried now. */
enum err queue_flush_domain(struct queue *queue, struct slice domain, struct error *error) MUST_CHECK;

#endif
