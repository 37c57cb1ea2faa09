/*
 * What an administrator keeps from leaving: one message, all of a sender, all for a domain.
 *
 * A hold is a rule for what goes to other servers. It holds what waits already and what comes, until it is
 * released; what the relay has already been given goes out. A held message waits as long as it takes: how old
 * it is counts at its next attempt. Filing into accounts here is not held. Ownership: listed texts are in the
 * arena given. Errors: ERR_EXISTS, ERR_NOT_FOUND, ERR_INVALID, ERR_LIMIT past HOLDS_MAX. Threads: any.
 */
#ifndef POSTHORN_QUEUE_HOLD_H
#define POSTHORN_QUEUE_HOLD_H

#include "queue/queue.h"

enum { HOLDS_MAX = 10000 };

/* Values are on disk: append, never renumber. */
#define HOLD_KIND_TABLE(X) \
    X(ENTRY, 1, "message") \
    X(SENDER, 2, "sender") \
    X(DOMAIN, 3, "domain") /* of recipients */
enum hold_kind {
#define X(name, number, text) HOLD_##name = (number),
    HOLD_KIND_TABLE(X)
#undef X
};
const char *hold_kind_name(enum hold_kind kind);

struct hold {
    enum hold_kind kind;
    struct slice what; /* a queue id as text, an address, a domain */
    int64_t since_us;
};
/* Durable on return. */
enum err queue_hold(struct queue *queue, enum hold_kind kind, struct slice what,
                    struct error *error) MUST_CHECK;
/* What it kept is tried when it would have been. */
enum err queue_release(struct queue *queue, enum hold_kind kind, struct slice what,
                       struct error *error) MUST_CHECK;
/* The oldest first. */
enum err queue_holds(struct queue *queue, struct arena *arena, struct hold **ret_holds, size_t *ret_count,
                     struct error *error) MUST_CHECK;

#endif
