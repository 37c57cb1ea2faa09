/*
 * Holds are rows of queue.db and, to be asked for each message that leaves, a map in memory. An entry of
 * which nothing may leave is parked: its row is due at ENTRY_RELAY_HELD, which never comes.
 */
#include "queue/hold.h"

#include <stdlib.h>

#include "directory/address.h"
#include "queue/internal.h"

enum { HOLD_ARENA_MAX = 64 * 1024 };

struct held {
    enum hold_kind kind;
    int64_t since_us;
    char *key; /* the kind's digit, then what */
};

const char *hold_kind_name(enum hold_kind kind)
{
    static const char *const names[] = {
#define X(name, number, text) [number] = (text),
        HOLD_KIND_TABLE(X)
#undef X
    };
    return names[kind];
}

static void held_free(struct held *held)
{
    if (held != NULL)
        free(held->key);
    free(held);
}

static void free_held(void *context, struct slice key, void *value)
{
    (void)context;
    (void)key;
    held_free(value);
}

/* "2anna@demo.example". p NULL: no memory. */
static struct slice key_of(enum hold_kind kind, struct slice what, struct arena *arena)
{
    char *key = arena_alloc(arena, what.n + 1);
    if (key == NULL)
        return slice_none();
    key[0] = (char)('0' + (int)kind);
    if (what.n > 0)
        memcpy(key + 1, what.p, what.n);
    return slice_of(key, what.n + 1);
}

/* --- asking; the lock is taken --- */

static bool is_held(struct queue *queue, enum hold_kind kind, struct slice what, struct arena *arena)
{
    struct slice key = key_of(kind, what, arena);
    pthread_mutex_lock(&queue->holds.lock);
    bool held = key.p == NULL || map_get(&queue->holds.all, key) != NULL; /* in doubt it stays */
    pthread_mutex_unlock(&queue->holds.lock);
    return held;
}

static bool any(struct queue *queue)
{
    return atomic_load(&queue->holds.count) > 0;
}

bool hold_covers_entry(struct queue *queue, const struct entry *entry)
{
    CLEANUP(arena_release) struct arena arena = ARENA(HOLD_ARENA_MAX);
    char id[ID_TEXT_MAX];
    struct address_parts sender;
    struct error error;
    if (!any(queue))
        return false;
    id_to_text(entry->id.v, id);
    if (is_held(queue, HOLD_ENTRY, slice_cstr(id), &arena))
        return true;
    return entry->envelope.sender.n > 0 &&
           address_parse(entry->envelope.sender, &arena, &sender, &error) == ERR_OK &&
           is_held(queue, HOLD_SENDER, sender.key, &arena);
}

bool hold_covers_domain(struct queue *queue, struct slice domain)
{
    CLEANUP(arena_release) struct arena arena = ARENA(HOLD_ARENA_MAX);
    return any(queue) && is_held(queue, HOLD_DOMAIN, domain, &arena);
}

static bool covers_address(struct queue *queue, struct slice address)
{
    CLEANUP(arena_release) struct arena arena = ARENA(HOLD_ARENA_MAX);
    struct address_parts parts;
    struct error error;
    return address_parse(address, &arena, &parts, &error) == ERR_OK &&
           is_held(queue, HOLD_DOMAIN, parts.domain, &arena);
}

bool hold_covers_all(struct queue *queue, const struct entry *entry)
{
    size_t waiting = 0;
    if (!any(queue) || entry->next_us != ENTRY_NEXT_RELAY)
        return false;
    bool whole = hold_covers_entry(queue, entry);
    for (size_t i = 0; i < entry->recipient_count; i++) {
        if (entry->recipients[i].state != RECIPIENT_WAITING)
            continue;
        waiting++;
        if (!whole && !covers_address(queue, entry->recipients[i].given.address))
            return false;
    }
    return waiting > 0;
}

uint64_t hold_generation(struct queue *queue)
{
    return atomic_load(&queue->holds.generation);
}

/* --- changing --- */

/* As it is compared. */
static enum err normalise(enum hold_kind kind, struct slice what, struct arena *arena, struct slice *ret,
                          struct error *error)
{
    struct address_parts parts;
    enum err err = ERR_OK;
    switch (kind) {
    case HOLD_ENTRY:
        *ret = what;
        return what.n == ID_TEXT_MAX - 1
                   ? ERR_OK
                   : fail_plain(error, ERR_INVALID, "an id has %d digits", ID_TEXT_MAX - 1);
    case HOLD_SENDER:
        err = address_parse(what, arena, &parts, error);
        if (err == ERR_OK)
            *ret = parts.key;
        return err;
    case HOLD_DOMAIN:
        return domain_normalise(what, arena, ret, error);
    }
    return fail(error, ERR_INVALID, NULL, "a hold of kind %d", (int)kind);
}

/* Into the map; what is there already stays. The lock is taken. */
static enum err put(struct queue *queue, enum hold_kind kind, struct slice key, int64_t since_us,
                    struct error *error)
{
    struct held *held = malloc(sizeof(*held));
    if (held == NULL)
        return fail_nomem(error);
    *held = (struct held){.kind = kind, .since_us = since_us, .key = slice_to_cstr(key)};
    pthread_mutex_lock(&queue->holds.lock);
    bool kept = held->key != NULL && map_set(&queue->holds.all, key, held);
    atomic_store(&queue->holds.count, queue->holds.all.count);
    pthread_mutex_unlock(&queue->holds.lock);
    if (!kept)
        held_free(held);
    return kept ? ERR_OK : fail_nomem(error);
}

static void take_off(struct queue *queue, struct slice key)
{
    pthread_mutex_lock(&queue->holds.lock);
    struct held *held = map_remove(&queue->holds.all, key);
    atomic_store(&queue->holds.count, queue->holds.all.count);
    atomic_fetch_add(&queue->holds.generation, 1);
    pthread_mutex_unlock(&queue->holds.lock);
    held_free(held);
}

/* A message can be held while it is there. */
static enum err check_entry(struct queue *queue, struct slice text, struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    struct queue_id id;
    if (!id_from_text(text, &id.v))
        return fail_plain(error, ERR_INVALID, "%.*s is not an id", SLICE_ARGS(text));
    return database_load(queue, id, false, &entry, error);
}

enum err queue_hold(struct queue *queue, enum hold_kind kind, struct slice what, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(HOLD_ARENA_MAX);
    struct slice normal;
    enum err err = normalise(kind, what, &arena, &normal, error);
    struct slice key = err == ERR_OK ? key_of(kind, normal, &arena) : slice_none();
    if (err == ERR_OK && key.p == NULL)
        err = fail_nomem(error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&queue->holds.lock);
    bool there = map_get(&queue->holds.all, key) != NULL;
    bool full = queue->holds.all.count >= HOLDS_MAX;
    pthread_mutex_unlock(&queue->holds.lock);
    if (there)
        return fail_plain(error, ERR_EXISTS, "the %s %.*s is held already", hold_kind_name(kind),
                          SLICE_ARGS(normal));
    if (full)
        return fail_plain(error, ERR_LIMIT, "there are %d holds already", HOLDS_MAX);
    if (kind == HOLD_ENTRY)
        err = check_entry(queue, normal, error);
    if (err != ERR_OK)
        return err;
    int64_t now = clock_wall_us();
    err = database_hold(queue, key, now, error);
    return err == ERR_OK ? put(queue, kind, key, now, error) : err;
}

enum err queue_release(struct queue *queue, enum hold_kind kind, struct slice what, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(HOLD_ARENA_MAX);
    struct slice normal;
    struct queue_id id = {0};
    enum err err = normalise(kind, what, &arena, &normal, error);
    struct slice key = err == ERR_OK ? key_of(kind, normal, &arena) : slice_none();
    if (err == ERR_OK && key.p == NULL)
        err = fail_nomem(error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&queue->holds.lock);
    bool there = map_get(&queue->holds.all, key) != NULL;
    pthread_mutex_unlock(&queue->holds.lock);
    if (!there)
        return fail_plain(error, ERR_NOT_FOUND, "the %s %.*s is not held", hold_kind_name(kind),
                          SLICE_ARGS(normal));
    if (kind == HOLD_ENTRY && !id_from_text(normal, &id.v))
        return fail_plain(error, ERR_INVALID, "%.*s is not an id", SLICE_ARGS(normal));
    err = database_release(queue, key, error);
    if (err != ERR_OK)
        return err;
    /* First nobody finds it any more, then what was parked is looked at: see outbound_take.c, take_entry. */
    take_off(queue, key);
    err = database_unpark(queue, id, error);
    if (err == ERR_OK)
        outbound_note(queue, id, ENTRY_RELAY_UNPARKED);
    return err;
}

void hold_forget(struct queue *queue, struct queue_id id)
{
    char text[ID_TEXT_MAX];
    struct error error;
    id_to_text(id.v, text);
    enum err err = any(queue) ? queue_release(queue, HOLD_ENTRY, slice_cstr(text), &error) : ERR_OK;
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        LOG(LOG_ERROR, NO_SID, "queue.release", F_ID("entry", id.v), F_ERR(&error));
}

/* --- the list --- */

struct listing {
    struct hold *holds;
    size_t count;
    struct arena *arena;
};

static void list_one(void *context, struct slice key, void *value)
{
    struct listing *listing = context;
    const struct held *held = value;
    listing->holds[listing->count++] = (struct hold){.kind = held->kind,
                                                     .what = arena_dup(listing->arena, slice_from(key, 1)),
                                                     .since_us = held->since_us};
}

static int by_age(const void *a, const void *b)
{
    const struct hold *left = a;
    const struct hold *right = b;
    return left->since_us < right->since_us ? -1 : left->since_us > right->since_us;
}

enum err queue_holds(struct queue *queue, struct arena *arena, struct hold **ret_holds, size_t *ret_count,
                     struct error *error)
{
    struct listing listing = {.arena = arena};
    pthread_mutex_lock(&queue->holds.lock);
    listing.holds = arena_array(arena, queue->holds.all.count, sizeof(*listing.holds));
    if (listing.holds != NULL)
        map_each(&queue->holds.all, list_one, &listing);
    pthread_mutex_unlock(&queue->holds.lock);
    if (arena_failed(arena))
        return fail_nomem(error);
    if (listing.count > 1)
        qsort(listing.holds, listing.count, sizeof(*listing.holds), by_age);
    *ret_holds = listing.holds;
    *ret_count = listing.count;
    return ERR_OK;
}

/* --- beginning and end --- */

enum err hold_load(struct queue *queue, struct slice key, int64_t since_us, struct error *error)
{
    int kind = key.n > 1 ? key.p[0] - '0' : 0;
    if (kind < HOLD_ENTRY || kind > HOLD_DOMAIN)
        return ERR_OK; /* a newer program's */
    return put(queue, (enum hold_kind)kind, key, since_us, error);
}

void hold_init(struct queue *queue)
{
    pthread_mutex_init(&queue->holds.lock, NULL);
}

void hold_teardown(struct queue *queue)
{
    map_each(&queue->holds.all, free_held, NULL);
    map_release(&queue->holds.all);
    pthread_mutex_destroy(&queue->holds.lock);
}
