/*
 * A hash table from byte strings to pointers, keyed with SipHash so that strangers can't choose collisions.
 *
 * Ownership: keys are copied; values are the caller's.
 * Threads: the caller locks.
 */
#ifndef POSTHORN_BASE_MAP_H
#define POSTHORN_BASE_MAP_H

#include "base/slice.h"

struct map_entry;

struct map {
    struct map_entry **slots;
    size_t size; /* slots, a power of two */
    size_t count;
};

/* A zeroed map is empty and ready. */
void map_release(struct map *m) NONNULL;
void *map_get(const struct map *m, struct slice key) NONNULL; /* NULL when absent */
/* Sets or replaces; value must not be NULL. False when memory is out (nothing changed). */
bool map_set(struct map *m, struct slice key, void *value) NONNULL MUST_CHECK;
/* Removes; the value that was there, or NULL. */
void *map_remove(struct map *m, struct slice key) NONNULL;
/* Calls fn for each entry; fn must not change the map. */
void map_each(const struct map *m, void (*fn)(void *context, struct slice key, void *value), void *context);

/* The key of a number. */
static inline struct slice map_key_u64(const uint64_t *v)
{
    return slice_of(v, sizeof(*v));
}

#endif
