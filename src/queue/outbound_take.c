/* What is due for the relay, made into parcels: queue_outbound_take. */
#include <stdlib.h>

#include "directory/destination.h"
#include "queue/lease.h"
#include "queue/outbound.h"
#include "queue/way.h"

struct taking {
    struct queue *queue;
    uint64_t hand;
    struct arena *arena;
    struct outbound_batch batch;
    size_t room; /* of batch.parcels */
    size_t recipients;
};

static struct outbound_parcel *add_parcel(struct taking *taking, const struct entry *entry,
                                          const struct way *way, struct slice domain)
{
    const struct queue_envelope *e = &entry->envelope;
    struct outbound_batch *batch = &taking->batch;
    if (batch->count == taking->room) {
        size_t room = MAX(2 * taking->room, 16);
        struct outbound_parcel *more = arena_array(taking->arena, room, sizeof(*more));
        if (more == NULL)
            return NULL;
        if (batch->count > 0)
            memcpy(more, batch->parcels, batch->count * sizeof(*more));
        batch->parcels = more;
        taking->room = room;
    }
    struct outbound_recipient *recipients =
        arena_array(taking->arena, OUTBOUND_RECIPIENTS_MAX, sizeof(*recipients));
    if (recipients == NULL)
        return NULL;
    struct outbound_parcel *parcel = &batch->parcels[batch->count++];
    *parcel = (struct outbound_parcel){
        .entry = entry->id,
        .domain = domain,
        .route = way->route,
        .addresses = way->addresses,
        .sender = arena_dup(taking->arena, e->sender),
        .recipients = recipients,
        .size = entry->size,
        .received_us = entry->received_us,
        .eight_bit = e->eight_bit,
        .tls_optional = e->tls_optional,
        .require_tls = e->require_tls,
        .by = e->by,
        .smtputf8 = e->smtputf8,
        .binary = e->binary,
        .ret = e->ret,
        .envid = arena_dup(taking->arena, e->envid),
        .sid = e->sid,
    };
    return parcel;
}

/* The entry's last parcel for that domain that has room, or a new one. */
static struct outbound_parcel *parcel_for(struct taking *taking, const struct entry *entry, size_t from,
                                          const struct way *way, struct slice domain)
{
    for (size_t i = taking->batch.count; i > from; i--) {
        struct outbound_parcel *parcel = &taking->batch.parcels[i - 1];
        if (slice_eq(parcel->domain, domain) && parcel->recipient_count < OUTBOUND_RECIPIENTS_MAX)
            return parcel;
    }
    return add_parcel(taking, entry, way, domain);
}

/* One recipient on his way. usual: that of the entry's others. */
static enum err put_recipient(struct taking *taking, struct lease *lease, size_t at, size_t before,
                              const struct way *usual, struct slice domain, struct error *error)
{
    struct entry_recipient *r = &lease->entry->recipients[at];
    struct way way = *usual;
    enum err err = way_of_recipient(taking->queue, domain, taking->arena, &way, error);
    if (err != ERR_OK)
        return err;
    struct outbound_parcel *parcel =
        parcel_for(taking, lease->entry, before, &way, way.key.n > 0 ? way.key : domain);
    if (parcel == NULL || arena_failed(taking->arena))
        return fail_nomem(error);
    parcel->recipients[parcel->recipient_count++] = (struct outbound_recipient){
        .number = (uint32_t)at,
        .address = arena_dup(taking->arena, r->given.address),
        .orcpt = arena_dup(taking->arena, r->given.orcpt),
        .notify = r->given.notify,
    };
    r->away = true;
    lease->away++;
    return ERR_OK;
}

/* What of the entry is due, as parcels; *ret_next_us: when more of it will be, unless it is held. After a
 * failure nothing of it is away. */
static enum err put_parcels(struct taking *taking, struct lease *lease, bool flushed, int64_t *ret_next_us,
                            struct error *error)
{
    struct way usual = {.key = S("")};
    struct entry *entry = lease->entry;
    size_t before = taking->batch.count;
    int64_t now = clock_wall_us();
    bool held = hold_covers_entry(taking->queue, entry);
    enum err err = way_of_entry(taking->queue, entry, taking->arena, &usual, error);
    *ret_next_us = ENTRY_RELAY_HELD;
    for (size_t i = 0; i < entry->recipient_count && err == ERR_OK; i++) {
        struct entry_recipient *r = &entry->recipients[i];
        if (lease->away == OUTBOUND_LEASE_MAX)
            break; /* the rest when these are done */
        if (r->state != RECIPIENT_WAITING)
            continue;
        struct slice domain = way_domain(r->given.address, taking->arena);
        if (held || hold_covers_domain(taking->queue, domain))
            continue;
        if (r->next_us > now && !flushed)
            *ret_next_us = MIN(*ret_next_us, r->next_us);
        else
            err = put_recipient(taking, lease, i, before, &usual, domain, error);
    }
    if (err == ERR_OK)
        return ERR_OK;
    taking->batch.count = before;
    for (size_t i = 0; i < entry->recipient_count; i++)
        entry->recipients[i].away = false;
    lease->away = 0;
    return err;
}

/* It was released while it was being parked. */
static void unpark(struct queue *queue, struct queue_id id)
{
    struct error error;
    if (database_unpark(queue, id, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "queue.unpark", F_ID("entry", id.v), F_ERR(&error));
    outbound_note(queue, id, ENTRY_RELAY_UNPARKED);
}

/* An entry off the list: leased when there is something due. */
static void take_entry(struct taking *taking, const struct due *due)
{
    struct queue_id id = due->id;
    struct queue *queue = taking->queue;
    struct error error;
    int64_t next_us = ENTRY_RELAY_NONE;
    uint64_t holds = hold_generation(queue);
    pthread_mutex_lock(&queue->outbound.lock);
    bool free_to_take = map_get(&queue->outbound.leases, map_key_u64(&id.v)) == NULL &&
                        map_get(&queue->outbound.filing, map_key_u64(&id.v)) == NULL;
    struct lease *lease = free_to_take ? lease_begin(queue, id) : NULL;
    if (lease != NULL)
        lease->batch = taking->batch.number;
    pthread_mutex_unlock(&queue->outbound.lock);
    if (!free_to_take)
        return; /* who has it notes it again */
    enum err err =
        lease != NULL ? database_load(queue, id, false, &lease->entry, &error) : fail_nomem(&error);
    if (err == ERR_OK)
        err = put_parcels(taking, lease, due->flushed, &next_us, &error);
    taking->recipients += lease != NULL ? lease->away : 0;
    int64_t again = ENTRY_RELAY_NONE;
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        LOG(LOG_ERROR, NO_SID, "queue.outbound", F_ID("entry", id.v), F_ERR(&error));
        again = err != ERR_CORRUPT ? clock_wall_us() + CLOCK_MINUTE : ENTRY_RELAY_NONE;
    } else if (err == ERR_OK && lease->away == 0) {
        /* It was listed too early, or it is held. */
        again = entry_has_state(lease->entry, RECIPIENT_WAITING) ? next_us : ENTRY_RELAY_NONE;
    }
    if (again != ENTRY_RELAY_NONE && database_defer_relay(queue, id, again, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "queue.outbound", F_ID("entry", id.v), F_ERR(&error));
    outbound_note(queue, id, again);
    if (lease != NULL)
        lease_done(queue, lease, lease->away == 0);
    if (again != ENTRY_RELAY_NONE && holds != hold_generation(queue))
        unpark(queue, id);
}

/* Puts what has become due on the list. */
static void list_due(struct queue *queue)
{
    struct due due[QUEUE_BATCH_MAX];
    size_t count = 0;
    int64_t next = INT64_MAX;
    struct error error;
    if (database_relay_due(queue, clock_wall_us(), due, QUEUE_BATCH_MAX, &count, &next, &error) != ERR_OK) {
        LOG(LOG_ERROR, NO_SID, "queue.due", F_ERR(&error));
        next = clock_wall_us() + CLOCK_MINUTE;
    }
    pthread_mutex_lock(&queue->outbound.lock);
    for (size_t i = 0; i < count; i++)
        outbound_list(queue, due[i].id, due[i].flushed);
    outbound_due_at(queue, next);
    pthread_mutex_unlock(&queue->outbound.lock);
}

/* Locked. */
static size_t take_listed(struct queue *queue, struct due *ret_due, size_t max)
{
    size_t count = 0;
    size_t leased = queue->outbound.leases.count;
    max = leased < OUTBOUND_LEASES_MAX ? MIN(max, OUTBOUND_LEASES_MAX - leased) : 0;
    while (queue->outbound.first != NULL && count < max) {
        struct listed *listed = queue->outbound.first;
        queue->outbound.first = listed->next;
        if (queue->outbound.first == NULL)
            queue->outbound.last = &queue->outbound.first;
        ret_due[count++] = (struct due){listed->id, listed->flushed};
        free(listed);
    }
    return count;
}

/* Locked. False: the time is over. */
static bool wait_for_more(struct queue *queue, int64_t deadline_us)
{
    int64_t now = clock_mono_us();
    if (now >= deadline_us || queue->outbound.stopping)
        return false;
    int64_t due = queue->outbound.next_due_us;
    int64_t until = deadline_us;
    if (due != INT64_MAX)
        until = MIN(until, now + MAX(due - clock_wall_us(), INT64_C(0)));
    struct timespec real;
    clock_gettime(CLOCK_MONOTONIC, &real); /* clock_mono_us may be shifted by a test */
    int64_t at = (int64_t)real.tv_sec * CLOCK_SECOND + real.tv_nsec / 1000 + MAX(until - now, INT64_C(1000));
    struct timespec deadline = {.tv_sec = at / CLOCK_SECOND, .tv_nsec = at % CLOCK_SECOND * 1000};
    pthread_cond_timedwait(&queue->outbound.arrived, &queue->outbound.lock, &deadline);
    return true;
}

enum err queue_outbound_take(struct queue *queue, uint64_t hand, uint64_t seen, size_t max,
                             int64_t deadline_us, struct arena *arena, struct outbound_batch *ret_batch,
                             struct error *error)
{
    struct taking taking = {.queue = queue, .hand = hand, .arena = arena};
    struct due due[OUTBOUND_TAKE_MAX];
    pthread_mutex_lock(&queue->outbound.lock);
    if (hand != queue->outbound.hand && !lease_change_hand(queue, hand)) {
        pthread_mutex_unlock(&queue->outbound.lock);
        return fail_nomem(error);
    }
    lease_confirm(queue, seen);
    taking.batch.number = ++queue->outbound.batches;
    while (taking.batch.count == 0 && hand == queue->outbound.hand) {
        if (queue->outbound.next_due_us <= clock_wall_us()) {
            queue->outbound.next_due_us = INT64_MAX;
            pthread_mutex_unlock(&queue->outbound.lock);
            list_due(queue);
            pthread_mutex_lock(&queue->outbound.lock);
        }
        size_t count = take_listed(queue, due, MIN(max, (size_t)OUTBOUND_TAKE_MAX));
        if (count == 0) {
            if (!wait_for_more(queue, deadline_us))
                break;
            continue;
        }
        pthread_mutex_unlock(&queue->outbound.lock);
        size_t taken = 0;
        while (taken < count && taking.recipients < OUTBOUND_LEASE_MAX)
            take_entry(&taking, &due[taken++]);
        pthread_mutex_lock(&queue->outbound.lock);
        for (size_t i = taken; i < count; i++)
            outbound_list(queue, due[i].id, due[i].flushed);
    }
    taking.batch.flushes = queue->outbound.flushes;
    taking.batch.settings = destination_generation(queue->directory);
    pthread_mutex_unlock(&queue->outbound.lock);
    *ret_batch = taking.batch;
    return ERR_OK;
}
