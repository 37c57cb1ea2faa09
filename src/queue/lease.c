#include "queue/lease.h"

#include <stdlib.h>

/* --- the list --- */

void outbound_init(struct queue *queue)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->outbound.lock, NULL);
    pthread_cond_init(&queue->outbound.arrived, &attributes);
    pthread_condattr_destroy(&attributes);
    queue->outbound.last = &queue->outbound.first;
    queue->outbound.next_due_us = INT64_MAX;
}

/* Locked. */
void outbound_due_at(struct queue *queue, int64_t when_us)
{
    if (when_us < queue->outbound.next_due_us) {
        queue->outbound.next_due_us = when_us;
        pthread_cond_signal(&queue->outbound.arrived);
    }
}

/* Locked. Without memory it is looked for in the database a little later. */
void outbound_list(struct queue *queue, struct queue_id id, bool flushed)
{
    struct listed *listed = malloc(sizeof(*listed));
    if (listed == NULL) {
        outbound_due_at(queue, clock_wall_us() + CLOCK_SECOND);
        return;
    }
    *listed = (struct listed){.id = id, .flushed = flushed};
    *queue->outbound.last = listed;
    queue->outbound.last = &listed->next;
    pthread_cond_signal(&queue->outbound.arrived);
}

void outbound_note(struct queue *queue, struct queue_id id, int64_t relay_us)
{
    if (relay_us == ENTRY_RELAY_NONE)
        return;
    pthread_mutex_lock(&queue->outbound.lock);
    if (relay_us == ENTRY_RELAY_LISTED)
        outbound_list(queue, id, false);
    else
        outbound_due_at(queue, relay_us);
    pthread_mutex_unlock(&queue->outbound.lock);
}

bool outbound_claim(struct queue *queue, struct queue_id id)
{
    pthread_mutex_lock(&queue->outbound.lock);
    bool claimed = map_get(&queue->outbound.leases, map_key_u64(&id.v)) == NULL &&
                   map_set(&queue->outbound.filing, map_key_u64(&id.v), queue);
    pthread_mutex_unlock(&queue->outbound.lock);
    return claimed;
}

void outbound_unclaim(struct queue *queue, struct queue_id id)
{
    pthread_mutex_lock(&queue->outbound.lock);
    (void)map_remove(&queue->outbound.filing, map_key_u64(&id.v));
    pthread_mutex_unlock(&queue->outbound.lock);
}

void outbound_flush(struct queue *queue)
{
    pthread_mutex_lock(&queue->outbound.lock);
    queue->outbound.flushes++;
    outbound_due_at(queue, 1);
    pthread_mutex_unlock(&queue->outbound.lock);
}

void outbound_stop(struct queue *queue)
{
    pthread_mutex_lock(&queue->outbound.lock);
    queue->outbound.stopping = true;
    pthread_cond_broadcast(&queue->outbound.arrived);
    pthread_mutex_unlock(&queue->outbound.lock);
}

/* --- leases --- */

static void lease_free(struct lease *lease)
{
    entry_free(lease->entry);
    pthread_mutex_destroy(&lease->lock);
    free(lease);
}

/* Locked: over and unused, it goes. */
static void lease_end(struct queue *queue, struct lease *lease)
{
    if (!lease->over || lease->users > 0)
        return;
    if (map_get(&queue->outbound.leases, map_key_u64(&lease->id.v)) == lease)
        (void)map_remove(&queue->outbound.leases, map_key_u64(&lease->id.v));
    lease_free(lease);
}

/* Locked. */
struct lease *lease_begin(struct queue *queue, struct queue_id id)
{
    struct lease *lease = calloc(1, sizeof(*lease));
    if (lease == NULL)
        return NULL;
    lease->id = id;
    lease->users = 1;
    pthread_mutex_init(&lease->lock, NULL);
    if (map_set(&queue->outbound.leases, map_key_u64(&id.v), lease))
        return lease;
    lease_free(lease);
    return NULL;
}

struct lease *lease_use(struct queue *queue, uint64_t hand, struct queue_id id)
{
    pthread_mutex_lock(&queue->outbound.lock);
    struct lease *lease =
        hand == queue->outbound.hand ? map_get(&queue->outbound.leases, map_key_u64(&id.v)) : NULL;
    if (lease != NULL && lease->over)
        lease = NULL;
    if (lease != NULL)
        lease->users++;
    pthread_mutex_unlock(&queue->outbound.lock);
    return lease;
}

void lease_done(struct queue *queue, struct lease *lease, bool over)
{
    pthread_mutex_lock(&queue->outbound.lock);
    lease->users--;
    lease->over = lease->over || over;
    lease_end(queue, lease);
    pthread_mutex_unlock(&queue->outbound.lock);
}

struct ids {
    struct queue_id *ids;
    size_t count;
    uint64_t confirmed; /* for lease_confirm */
};

static void collect_id(void *context, struct slice key, void *value)
{
    struct ids *all = context;
    (void)key;
    all->ids[all->count++] = ((struct lease *)value)->id;
}

/* Locked. Those that `collect` picks are over; their entries are on the list again. False: no memory. */
static bool end_leases(struct queue *queue, struct ids *ids,
                       void (*collect)(void *context, struct slice key, void *value))
{
    ids->ids = calloc(queue->outbound.leases.count + 1, sizeof(*ids->ids));
    if (ids->ids == NULL)
        return false;
    map_each(&queue->outbound.leases, collect, ids);
    for (size_t i = 0; i < ids->count; i++) {
        struct lease *lease = map_remove(&queue->outbound.leases, map_key_u64(&ids->ids[i].v));
        lease->over = true;
        lease_end(queue, lease);
        outbound_list(queue, ids->ids[i], false);
    }
    free(ids->ids);
    return true;
}

bool lease_change_hand(struct queue *queue, uint64_t hand)
{
    struct ids all = {.count = 0};
    if (!end_leases(queue, &all, collect_id))
        return false;
    queue->outbound.hand = hand;
    return true;
}

static void confirm_or_collect(void *context, struct slice key, void *value)
{
    struct ids *lost = context;
    struct lease *lease = value;
    if (lease->batch == lost->confirmed)
        lease->batch = 0;
    if (lease->batch != 0)
        collect_id(lost, key, lease);
}

void lease_confirm(struct queue *queue, uint64_t batch)
{
    struct ids lost = {.confirmed = batch};
    if (end_leases(queue, &lost, confirm_or_collect) && lost.count > 0)
        LOG(LOG_WARN, NO_SID, "queue.batch_lost", F_INT("entries", lost.count));
}

static void free_lease(void *context, struct slice key, void *value)
{
    (void)context;
    (void)key;
    lease_free(value);
}

void outbound_teardown(struct queue *queue)
{
    map_each(&queue->outbound.leases, free_lease, NULL);
    map_release(&queue->outbound.leases);
    map_release(&queue->outbound.filing);
    while (queue->outbound.first != NULL) {
        struct listed *next = queue->outbound.first->next;
        free(queue->outbound.first);
        queue->outbound.first = next;
    }
    pthread_cond_destroy(&queue->outbound.arrived);
    pthread_mutex_destroy(&queue->outbound.lock);
}
