/*
 * The list of entries for the relay, and the leases.
 *
 *     settled by a filer, or due --> listed --queue_outbound_take--> leased --all results--> gone, or due
 * later
 *
 * Locks: outbound.lock, for list, maps and a lease's `users`; a lease's own lock, for its entry, is taken
 * without it. Neither is held while the database is asked, but a lease's while its results are written.
 */
#include "queue/outbound.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "mime/header.h"
#include "queue/internal.h"

enum { PREFIX_MAX = 32 * 1024 };

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
    unsigned users;
    bool over; /* a new hand came, or all results did */
};

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
static void due_at(struct queue *queue, int64_t when_us)
{
    if (when_us < queue->outbound.next_due_us) {
        queue->outbound.next_due_us = when_us;
        pthread_cond_signal(&queue->outbound.arrived);
    }
}

/* Locked. Without memory it is looked for in the database a little later. */
static void put_on_list(struct queue *queue, struct queue_id id, bool flushed)
{
    struct listed *listed = malloc(sizeof(*listed));
    if (listed == NULL) {
        due_at(queue, clock_wall_us() + CLOCK_SECOND);
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
        put_on_list(queue, id, false);
    else
        due_at(queue, relay_us);
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
    due_at(queue, 1);
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
static struct lease *lease_begin(struct queue *queue, struct queue_id id)
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

static struct lease *lease_use(struct queue *queue, uint64_t hand, struct queue_id id)
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

static void lease_done(struct queue *queue, struct lease *lease, bool over)
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
};

static void collect_id(void *context, struct slice key, void *value)
{
    struct ids *all = context;
    (void)key;
    all->ids[all->count++] = ((struct lease *)value)->id;
}

/* Locked. The leases of another hand are over; their entries are on the list again. Without memory the old
 * hand stays, and the new one asks again. */
static bool change_hand(struct queue *queue, uint64_t hand)
{
    struct ids all = {.ids = calloc(queue->outbound.leases.count + 1, sizeof(struct queue_id))};
    if (all.ids == NULL)
        return false;
    map_each(&queue->outbound.leases, collect_id, &all);
    for (size_t i = 0; i < all.count; i++) {
        struct lease *lease = map_remove(&queue->outbound.leases, map_key_u64(&all.ids[i].v));
        lease->over = true;
        lease_end(queue, lease);
        put_on_list(queue, all.ids[i], false);
    }
    free(all.ids);
    queue->outbound.hand = hand;
    return true;
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

/* --- taking --- */

struct taking {
    struct queue *queue;
    uint64_t hand;
    struct arena *arena;
    struct outbound_batch batch;
    size_t room; /* of batch.parcels */
    size_t recipients;
};

/* The domain as destinations are told apart; what is no address is a domain of its own, for the relay to
 * refuse. */
static struct slice domain_of(struct slice address, struct arena *arena)
{
    struct slice local, domain;
    struct error error;
    if (address_normalise(address, arena, &local, &domain, &error) == ERR_OK)
        return domain;
    return arena_dup(arena, address);
}

/* The server that takes the entry whoever it is for, if there is one; *ret_key tells it, with its log-in,
 * apart from others. */
static enum err find_route(struct taking *taking, const struct entry *entry, struct smart_host *ret_route,
                           struct slice *ret_key, struct error *error)
{
    CLEANUP(buf_release) struct buf key = BUF(2 * SMART_HOST_NAME_MAX + SMART_HOST_USER_MAX);
    const struct queue_envelope *e = &entry->envelope;
    enum err err =
        smart_host_for(taking->queue->directory, e->account, e->sender, taking->arena, ret_route, error);
    if (err == ERR_CORRUPT) /* the log-in, not the entry: an administrator may mend it */
        err = fail(error, ERR_UNAVAILABLE, NULL, "%s", error->detail);
    if (err != ERR_OK || ret_route->host.n == 0)
        return err;
    buf_printf(&key, "%.*s:%u", SLICE_ARGS(ret_route->host), ret_route->port);
    if (ret_route->user.n > 0)
        buf_printf(&key, " as %.*s", SLICE_ARGS(ret_route->user));
    *ret_key = arena_dup(taking->arena, buf_slice(&key));
    return arena_failed(taking->arena) ? fail_nomem(error) : ERR_OK;
}

static struct outbound_parcel *add_parcel(struct taking *taking, const struct entry *entry,
                                          const struct smart_host *route, struct slice domain)
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
        .route = *route,
        .sender = arena_dup(taking->arena, e->sender),
        .recipients = recipients,
        .size = entry->size,
        .received_us = entry->received_us,
        .eight_bit = e->eight_bit,
        .tls_optional = e->tls_optional,
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
                                          const struct smart_host *route, struct slice domain)
{
    for (size_t i = taking->batch.count; i > from; i--) {
        struct outbound_parcel *parcel = &taking->batch.parcels[i - 1];
        if (slice_eq(parcel->domain, domain) && parcel->recipient_count < OUTBOUND_RECIPIENTS_MAX)
            return parcel;
    }
    return add_parcel(taking, entry, route, domain);
}

/* What of the entry is due, as parcels; *ret_next_us: when more of it will be, unless it is held. After a
 * failure nothing of it is away. */
static enum err put_parcels(struct taking *taking, struct lease *lease, bool flushed, int64_t *ret_next_us,
                            struct error *error)
{
    struct smart_host route;
    struct slice key = slice_none();

    struct entry *entry = lease->entry;
    size_t before = taking->batch.count;
    int64_t now = clock_wall_us();
    bool held = hold_covers_entry(taking->queue, entry);
    enum err err = find_route(taking, entry, &route, &key, error);
    if (err != ERR_OK)
        return err;
    *ret_next_us = ENTRY_RELAY_HELD;
    for (size_t i = 0; i < entry->recipient_count; i++) {
        struct entry_recipient *r = &entry->recipients[i];
        if (lease->away == OUTBOUND_LEASE_MAX)
            break; /* the rest when these are done */
        if (r->state != RECIPIENT_WAITING)
            continue;
        struct slice domain = domain_of(r->given.address, taking->arena);
        if (held || hold_covers_domain(taking->queue, domain))
            continue;
        if (r->next_us > now && !flushed) {
            *ret_next_us = MIN(*ret_next_us, r->next_us);
            continue;
        }
        struct outbound_parcel *parcel = parcel_for(taking, entry, before, &route, key.n > 0 ? key : domain);
        if (parcel == NULL || arena_failed(taking->arena)) {
            taking->batch.count = before;
            for (size_t k = 0; k < entry->recipient_count; k++)
                entry->recipients[k].away = false;
            lease->away = 0;
            return fail_nomem(error);
        }
        parcel->recipients[parcel->recipient_count++] = (struct outbound_recipient){
            .number = (uint32_t)i,
            .address = arena_dup(taking->arena, r->given.address),
            .orcpt = arena_dup(taking->arena, r->given.orcpt),
            .notify = r->given.notify,
        };
        r->away = true;
        lease->away++;
    }
    return ERR_OK;
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
        put_on_list(queue, due[i].id, due[i].flushed);
    due_at(queue, next);
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

enum err queue_outbound_take(struct queue *queue, uint64_t hand, size_t max, int64_t deadline_us,
                             struct arena *arena, struct outbound_batch *ret_batch, struct error *error)
{
    struct taking taking = {.queue = queue, .hand = hand, .arena = arena};
    struct due due[OUTBOUND_TAKE_MAX];
    pthread_mutex_lock(&queue->outbound.lock);
    if (hand != queue->outbound.hand && !change_hand(queue, hand)) {
        pthread_mutex_unlock(&queue->outbound.lock);
        return fail_nomem(error);
    }
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
            put_on_list(queue, due[i].id, due[i].flushed);
    }
    taking.batch.flushes = queue->outbound.flushes;
    pthread_mutex_unlock(&queue->outbound.lock);
    *ret_batch = taking.batch;
    return ERR_OK;
}

/* --- the message --- */

void outbound_message_release(struct outbound_message *message)
{
    buf_release(&message->text);
    fd_close(&message->fd);
}

static enum err no_lease(struct error *error)
{
    return fail(error, ERR_NOT_FOUND, NULL, "no lease of this entry");
}

/* The header of a message in a spool file, as far as it is looked at. */
static enum err read_start(int fd, struct buf *start, struct error *error)
{
    char bytes[64 * 1024];
    ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
    if (n < 0)
        return fail_errno(error, "reading a spool file");
    buf_put(start, slice_of(bytes, (size_t)n));
    return buf_failed(start) ? fail_nomem(error) : ERR_OK;
}

/* Signatures stand on top. */
static enum err put_before(struct queue *queue, const struct entry *entry, struct slice header,
                           struct outbound_message *message, struct error *error)
{
    struct buf text = BUF(message->text.max);
    enum err err = sign_outbound(queue, entry, header, message, &text, error);
    if (err == ERR_OK && text.n > 0) {
        buf_put(&text, buf_slice(&message->text));
        err = buf_failed(&text) ? fail_nomem(error) : ERR_OK;
        if (err == ERR_OK) {
            const struct buf unsigned_text = message->text;
            message->text = text;
            text = unsigned_text;
        }
    }
    buf_release(&text);
    return err;
}

static enum err open_message(struct queue *queue, struct queue_id id, struct outbound_message *message,
                             struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    CLEANUP(buf_release) struct buf start = BUF(QUEUE_INLINE_MAX + 1);
    enum err err = database_load(queue, id, false, &entry, error);
    if (err == ERR_OK && entry->spool != 0)
        err = spool_open(queue, entry, &message->fd, error);
    else if (err == ERR_OK)
        err = database_load_body(queue, entry, error);
    if (err == ERR_OK && entry->spool != 0)
        err = read_start(message->fd, &start, error);
    if (err != ERR_OK)
        return err;
    struct slice text = entry->spool != 0 ? buf_slice(&start) : slice_of(entry->body, entry->size);
    struct slice header = mime_split(text).header;
    trace_put_relayed(&message->text, queue, entry, header);
    if (entry->spool == 0)
        buf_put(&message->text, text);
    return buf_failed(&message->text) ? fail_nomem(error) : put_before(queue, entry, header, message, error);
}

enum err queue_outbound_open(struct queue *queue, uint64_t hand, struct queue_id id,
                             struct outbound_message *ret_message, struct error *error)
{
    CLEANUP(outbound_message_release)
    struct outbound_message message = {.text = BUF(QUEUE_INLINE_MAX + PREFIX_MAX), .fd = -1};
    struct lease *lease = lease_use(queue, hand, id);
    if (lease == NULL)
        return no_lease(error);
    enum err err = open_message(queue, id, &message, error);
    lease_done(queue, lease, false);
    if (err != ERR_OK)
        return err;
    *ret_message = message;
    message = (struct outbound_message){.fd = -1};
    return ERR_OK;
}

/* --- results --- */

static bool results_fit(const struct entry *entry, const struct outbound_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i].recipient >= entry->recipient_count || !entry->recipients[results[i].recipient].away ||
            results[i].outcome >= OUTBOUND_OUTCOMES)
            return false;
        for (size_t k = 0; k < i; k++)
            if (results[k].recipient == results[i].recipient)
                return false;
    }
    return true;
}

/* The entry as it is now, or its end, written down. */
static enum err write_entry(struct queue *queue, struct entry *entry, struct error *error)
{
    CLEANUP(buf_release) struct buf envelope = BUF(ENTRY_ARENA_MAX);
    struct job job = {.kind = JOB_DELETE, .id = entry->id, .lasting = true};
    entry->relay_us = entry_relay_due(entry, clock_wall_us());
    if (entry_has_state(entry, RECIPIENT_NEW) || entry_has_state(entry, RECIPIENT_WAITING)) {
        entry_encode(entry, &envelope);
        if (buf_failed(&envelope))
            return fail_nomem(error);
        job.kind = JOB_UPDATE;
        job.next_us = entry->next_us;
        job.relay_us = entry->relay_us;
        job.envelope = buf_slice(&envelope);
    }
    enum err err = intake_submit(queue, &job, 1, error);
    if (err == ERR_OK && job.kind == JOB_DELETE && entry->spool != 0)
        spool_remove(queue, entry->spool);
    return err;
}

static enum err apply(struct queue *queue, struct lease *lease, const struct outbound_result *results,
                      size_t count, struct error *error)
{
    struct entry *entry = lease->entry;
    if (!results_fit(entry, results, count))
        return fail(error, ERR_INVALID, NULL, "results that fit no recipient");
    enum err err = outcome_apply(queue, entry, results, count, error);
    if (err == ERR_OK)
        err = write_entry(queue, entry, error);
    /* What could not be written stays as it was on disk, and is tried again when the lease is over. */
    for (size_t i = 0; i < count; i++)
        entry->recipients[results[i].recipient].away = false;
    lease->away -= count;
    return err;
}

enum err queue_outbound_done(struct queue *queue, uint64_t hand, struct queue_id id,
                             const struct outbound_result *results, size_t count, struct error *error)
{
    struct lease *lease = lease_use(queue, hand, id);
    if (lease == NULL)
        return no_lease(error);
    pthread_mutex_lock(&lease->lock);
    enum err err = apply(queue, lease, results, count, error);
    bool over = lease->away == 0;
    int64_t again = over ? lease->entry->relay_us : ENTRY_RELAY_NONE;
    pthread_mutex_unlock(&lease->lock);
    lease_done(queue, lease, over);
    if (over && err != ERR_OK && err != ERR_INVALID)
        again = clock_wall_us() + CLOCK_MINUTE; /* the row still says 0: to be listed again */
    struct error second;
    if (over && err != ERR_OK && database_defer_relay(queue, id, MAX(again, INT64_C(1)), &second) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "queue.outbound", F_ID("entry", id.v), F_ERR(&second));
    outbound_note(queue, id, again);
    return err;
}
