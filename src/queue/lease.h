/*
 * The list of entries for the relay, and the leases: what outbound_take.c and outbound.c share.
 *
 *     settled by a filer, or due --> listed --queue_outbound_take--> leased --all results--> gone, or due
 * later
 *
 * Locks: outbound.lock, for list, maps and a lease's `users`; a lease's own lock, for its entry, is taken
 * without it. Neither is held while the database is asked, but a lease's while its results are written.
 * Functions marked Locked want outbound.lock. Private to the queue room.
 */
#ifndef POSTHORN_QUEUE_LEASE_H
#define POSTHORN_QUEUE_LEASE_H

#include "queue/internal.h"

struct listed {
    struct listed *next;
    struct queue_id id;
    bool flushed; /* all recipients, due or not */
};

struct lease {
    pthread_mutex_t lock;
    struct queue_id id;
    struct entry *entry;
    size_t away; /* recipients with the relay */
    /* Under outbound.lock: */
    uint64_t batch; /* in which the relay is given it; 0: it has it for sure */
    unsigned users;
    bool over; /* a new hand came, or all results did */
};

/* Locked. There is something due at that time. */
void outbound_due_at(struct queue *queue, int64_t when_us);
/* Locked. Without memory it is looked for in the database a little later. */
void outbound_list(struct queue *queue, struct queue_id id, bool flushed);
/* Locked. One user; NULL: no memory. */
struct lease *lease_begin(struct queue *queue, struct queue_id id);
/* One user more of that hand's lease; NULL: it has none. */
struct lease *lease_use(struct queue *queue, uint64_t hand, struct queue_id id);
/* One user less; over: nobody may use it again. */
void lease_done(struct queue *queue, struct lease *lease, bool over);
/* Locked. The leases of another hand are over; their entries are on the list again. Without memory the old
 * hand stays, and the new one asks again. */
bool lease_change_hand(struct queue *queue, uint64_t hand);
/* Locked. That batch has come to the relay; what it was given in others is over, and on the list again.
 * Without memory that is found out at its next question. */
void lease_confirm(struct queue *queue, uint64_t batch);

#endif
