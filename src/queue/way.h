/*
 * By which server a recipient's mail goes: that of the rest of a split domain, where an administrator says
 * the domain's mail goes, a smart host of the sender's, or the domain's own.
 *
 * Ownership: texts live in the arena. Threads: any. Private to the queue room.
 */
#ifndef POSTHORN_QUEUE_WAY_H
#define POSTHORN_QUEUE_WAY_H

#include "directory/smart_host.h"
#include "queue/internal.h"

struct way {
    struct smart_host route; /* host empty: the domain's own */
    struct slice key;        /* tells it, with its log-in, apart from others; empty: the domain does */
    struct slice addresses;  /* to send from (rt/own_address.h) */
};
/* The entry's, whoever it is for. */
enum err way_of_entry(struct queue *queue, const struct entry *entry, struct arena *arena,
                      struct way *ret_way, struct error *error) MUST_CHECK;
/* Of a recipient of that domain; way: the entry's, changed where the domain has one of its own. */
enum err way_of_recipient(struct queue *queue, struct slice domain, struct arena *arena, struct way *way,
                          struct error *error) MUST_CHECK;
/* The domain as destinations are told apart; what is no address is a domain of its own, for the relay to
 * refuse. */
struct slice way_domain(struct slice address, struct arena *arena);

#endif
