/*
 * What the directory looked up, kept in memory: byte strings by byte strings, in shards with a lock each.
 *
 * A value may be empty: that is how "there is none" is remembered. Ownership: the cache copies what it is
 * given, and gives copies. Errors: a value that finds no memory is just not kept. Limits: at most entries_max
 * values and CACHE_BYTES_MAX bytes; the clock algorithm chooses what goes. Threads: any. Coherence is the
 * caller's: whoever puts must hold the lock under which the database is changed and cache_drop is called, or
 * an old value could be put after the drop.
 */
#ifndef POSTHORN_DIRECTORY_CACHE_H
#define POSTHORN_DIRECTORY_CACHE_H

#include "base/arena.h"

struct cache;

enum {
    CACHE_SHARDS = 64,
    CACHE_ENTRIES_MAX = 100000,
    CACHE_BYTES_MAX = 64 * 1024 * 1024, /* keys and values */
};

/* NULL: out of memory. */
struct cache *cache_new(size_t entries_max, size_t bytes_max) MUST_CHECK;
void cache_free(struct cache *cache);
/* A copy of the value in the arena. False: not there (or the arena is full: then arena_failed). kind keeps
 * keys of different things apart. */
bool cache_get(struct cache *cache, char kind, struct slice key, struct arena *arena,
               struct slice *ret_value) MUST_CHECK;
void cache_put(struct cache *cache, char kind, struct slice key, struct slice value);
void cache_drop(struct cache *cache, char kind, struct slice key);
size_t cache_count(struct cache *cache);

#endif
