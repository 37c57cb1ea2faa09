/*
 * Invariants of a shard: 1. ring[i]->place == i for i < map.count, and the map holds exactly those;
 * 2. bytes is the sum of their sizes; 3. count <= entries_max, bytes <= bytes_max.
 */
#include "directory/cache.h"

#include <pthread.h>
#include <sodium.h>

#include "base/map.h"
#include "base/must.h"

enum { KEY_MAX = 512 };

struct cache_entry {
    size_t place; /* in the ring */
    size_t key_n;
    size_t value_n;
    bool used;    /* since the hand last passed */
    char bytes[]; /* key, value */
};

struct shard {
    pthread_mutex_t lock;
    struct map map;
    struct cache_entry **ring; /* entries_max places, the first map.count in use */
    size_t hand;
    size_t bytes;
};

struct cache {
    unsigned char hash_key[crypto_shorthash_KEYBYTES];
    size_t entries_max; /* of a shard */
    size_t bytes_max;   /* of a shard */
    struct shard shards[CACHE_SHARDS];
};

/* A key with its kind before it. */
struct full_key {
    char p[KEY_MAX];
};

static struct slice key_make(struct full_key *key, char kind, struct slice name)
{
    must(name.n < KEY_MAX);
    key->p[0] = kind;
    if (name.n > 0)
        memcpy(key->p + 1, name.p, name.n);
    return slice_of(key->p, name.n + 1);
}

static struct shard *shard_of(struct cache *cache, struct slice key)
{
    uint64_t hash;
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key.p, key.n, cache->hash_key);
    return &cache->shards[hash % CACHE_SHARDS];
}

struct cache *cache_new(size_t entries_max, size_t bytes_max)
{
    struct cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    randombytes_buf(cache->hash_key, sizeof(cache->hash_key));
    cache->entries_max = MAX(entries_max / CACHE_SHARDS, 1);
    cache->bytes_max = bytes_max / CACHE_SHARDS;
    for (size_t i = 0; i < CACHE_SHARDS; i++)
        pthread_mutex_init(&cache->shards[i].lock, NULL);
    for (size_t i = 0; i < CACHE_SHARDS; i++) {
        cache->shards[i].ring = calloc(cache->entries_max, sizeof(*cache->shards[i].ring));
        if (cache->shards[i].ring == NULL) {
            cache_free(cache);
            return NULL;
        }
    }
    return cache;
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    for (size_t i = 0; i < CACHE_SHARDS; i++) {
        struct shard *shard = &cache->shards[i];
        for (size_t place = 0; place < shard->map.count; place++)
            free(shard->ring[place]);
        map_release(&shard->map);
        free(shard->ring);
        pthread_mutex_destroy(&shard->lock);
    }
    free(cache);
}

static size_t entry_size(const struct cache_entry *entry)
{
    return sizeof(*entry) + entry->key_n + entry->value_n;
}

/* The last of the ring takes the removed one's place. */
static void shard_remove(struct shard *shard, struct cache_entry *entry)
{
    size_t place = entry->place;
    must(shard->ring[place] == entry);
    void *removed = map_remove(&shard->map, slice_of(entry->bytes, entry->key_n));
    must(removed == entry);
    struct cache_entry *last = shard->ring[shard->map.count];
    shard->ring[place] = last;
    last->place = place;
    shard->ring[shard->map.count] = NULL;
    shard->bytes -= entry_size(entry);
    free(entry);
}

static void shard_evict(struct shard *shard)
{
    for (;;) {
        if (shard->hand >= shard->map.count)
            shard->hand = 0;
        struct cache_entry *entry = shard->ring[shard->hand];
        if (!entry->used) {
            shard_remove(shard, entry);
            return;
        }
        entry->used = false;
        shard->hand++;
    }
}

bool cache_get(struct cache *cache, char kind, struct slice name, struct arena *arena,
               struct slice *ret_value)
{
    struct full_key full;
    struct slice key = key_make(&full, kind, name);
    struct shard *shard = shard_of(cache, key);
    pthread_mutex_lock(&shard->lock);
    struct cache_entry *entry = map_get(&shard->map, key);
    struct slice copy = slice_none();
    if (entry != NULL) {
        entry->used = true;
        copy = arena_dup(arena, slice_of(entry->bytes + entry->key_n, entry->value_n));
    }
    pthread_mutex_unlock(&shard->lock);
    if (copy.p == NULL)
        return false;
    *ret_value = copy;
    return true;
}

void cache_put(struct cache *cache, char kind, struct slice name, struct slice value)
{
    struct full_key full;
    struct slice key = key_make(&full, kind, name);
    struct shard *shard = shard_of(cache, key);
    struct cache_entry *entry = malloc(sizeof(*entry) + key.n + value.n);
    if (entry == NULL)
        return;
    *entry = (struct cache_entry){.key_n = key.n, .value_n = value.n};
    memcpy(entry->bytes, key.p, key.n);
    if (value.n > 0)
        memcpy(entry->bytes + key.n, value.p, value.n);
    size_t size = entry_size(entry);
    pthread_mutex_lock(&shard->lock);
    struct cache_entry *old = map_get(&shard->map, key);
    if (old != NULL)
        shard_remove(shard, old);
    bool fits = size <= cache->bytes_max;
    while (fits && (shard->map.count >= cache->entries_max || shard->bytes + size > cache->bytes_max))
        shard_evict(shard);
    if (fits && map_set(&shard->map, key, entry)) {
        entry->place = shard->map.count - 1;
        shard->ring[entry->place] = entry;
        shard->bytes += size;
        entry = NULL;
    }
    pthread_mutex_unlock(&shard->lock);
    free(entry);
}

void cache_drop(struct cache *cache, char kind, struct slice name)
{
    struct full_key full;
    struct slice key = key_make(&full, kind, name);
    struct shard *shard = shard_of(cache, key);
    pthread_mutex_lock(&shard->lock);
    struct cache_entry *entry = map_get(&shard->map, key);
    if (entry != NULL)
        shard_remove(shard, entry);
    pthread_mutex_unlock(&shard->lock);
}

size_t cache_count(struct cache *cache)
{
    size_t count = 0;
    for (size_t i = 0; i < CACHE_SHARDS; i++) {
        pthread_mutex_lock(&cache->shards[i].lock);
        count += cache->shards[i].map.count;
        pthread_mutex_unlock(&cache->shards[i].lock);
    }
    return count;
}
