#include "directory/password_cache.h"

#include <pthread.h>
#include <sodium.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"
#include "directory/sasl.h"

struct entry {
    struct entry *older;
    struct entry *newer;
    uint64_t account;
    int64_t until; /* monotonic */
    unsigned char hash[crypto_generichash_BYTES];
};

struct password_cache {
    pthread_mutex_t lock;
    struct map map; /* account -> entry */
    struct entry *oldest;
    struct entry *newest;
    size_t max;
    unsigned char key[crypto_generichash_KEYBYTES];
};

struct password_cache *password_cache_new(size_t max)
{
    must(max > 0);
    struct password_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    cache->max = max;
    randombytes_buf(cache->key, sizeof(cache->key));
    return cache;
}

static void forget(struct password_cache *cache, struct entry *entry)
{
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        cache->oldest = entry->newer;
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        cache->newest = entry->older;
    map_remove(&cache->map, map_key_u64(&entry->account));
    sodium_memzero(entry, sizeof(*entry));
    free(entry);
}

void password_cache_free(struct password_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        forget(cache, cache->oldest);
    map_release(&cache->map);
    pthread_mutex_destroy(&cache->lock);
    sodium_memzero(cache, sizeof(*cache));
    free(cache);
}

static void hash(const struct password_cache *cache, struct account_id account, uint64_t generation,
                 struct slice password, unsigned char ret[static crypto_generichash_BYTES])
{
    crypto_generichash_state state;
    uint64_t head[] = {account.v, generation};
    crypto_generichash_init(&state, cache->key, sizeof(cache->key), crypto_generichash_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)head, sizeof(head));
    crypto_generichash_update(&state, (const unsigned char *)password.p, password.n);
    crypto_generichash_final(&state, ret, crypto_generichash_BYTES);
    sodium_memzero(&state, sizeof(state));
}

bool password_cache_has(struct password_cache *cache, struct account_id account, uint64_t generation,
                        struct slice password)
{
    unsigned char made[crypto_generichash_BYTES];
    hash(cache, account, generation, password, made);
    pthread_mutex_lock(&cache->lock);
    while (cache->oldest != NULL && cache->oldest->until <= clock_mono_us())
        forget(cache, cache->oldest);
    struct entry *entry = map_get(&cache->map, map_key_u64(&account.v));
    bool right = entry != NULL && sodium_memcmp(entry->hash, made, sizeof(made)) == 0;
    pthread_mutex_unlock(&cache->lock);
    sodium_memzero(made, sizeof(made));
    return right;
}

void password_cache_add(struct password_cache *cache, struct account_id account, uint64_t generation,
                        struct slice password)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL)
        return;
    entry->account = account.v;
    entry->until = clock_mono_us() + SASL_CACHE_SECONDS * CLOCK_SECOND;
    hash(cache, account, generation, password, entry->hash);
    pthread_mutex_lock(&cache->lock);
    struct entry *old = map_get(&cache->map, map_key_u64(&account.v));
    if (old == NULL && cache->map.count == cache->max)
        old = cache->oldest;
    if (old != NULL)
        forget(cache, old);
    if (map_set(&cache->map, map_key_u64(&account.v), entry)) {
        entry->older = cache->newest;
        if (cache->newest != NULL)
            cache->newest->newer = entry;
        else
            cache->oldest = entry;
        cache->newest = entry;
        entry = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
    if (entry != NULL)
        sodium_memzero(entry, sizeof(*entry));
    free(entry);
}
