#include "directory/token_cache.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"

enum { HASH = crypto_generichash_BYTES };

struct entry {
    struct entry *older;
    struct entry *newer;
    int64_t until; /* monotonic */
    unsigned char hash[HASH];
    size_t account_n;
    char account[];
};

struct token_cache {
    pthread_mutex_t lock;
    struct map map; /* hash -> entry */
    struct entry *oldest;
    struct entry *newest;
    size_t max;
    unsigned char key[crypto_generichash_KEYBYTES];
};

struct token_cache *token_cache_new(size_t max)
{
    must(max > 0);
    struct token_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    cache->max = max;
    randombytes_buf(cache->key, sizeof(cache->key));
    return cache;
}

static void forget(struct token_cache *cache, struct entry *entry)
{
    *(entry->older != NULL ? &entry->older->newer : &cache->oldest) = entry->newer;
    *(entry->newer != NULL ? &entry->newer->older : &cache->newest) = entry->older;
    map_remove(&cache->map, slice_of(entry->hash, HASH));
    free(entry);
}

void token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->oldest != NULL)
        forget(cache, cache->oldest);
    map_release(&cache->map);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static void hash(const struct token_cache *cache, struct slice token, unsigned char ret[static HASH])
{
    crypto_generichash(ret, HASH, (const unsigned char *)token.p, token.n, cache->key, sizeof(cache->key));
}

/* Entries live for different times, so the list is in the order of coming, and each is looked at when found.
 */
bool token_cache_find(struct token_cache *cache, struct slice token, struct arena *arena,
                      struct slice *ret_account)
{
    unsigned char name[HASH];
    struct slice account = slice_none();
    hash(cache, token, name);
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = map_get(&cache->map, slice_of(name, HASH));
    if (entry != NULL && entry->until > clock_mono_us())
        account = arena_dup(arena, slice_of(entry->account, entry->account_n));
    else if (entry != NULL)
        forget(cache, entry);
    pthread_mutex_unlock(&cache->lock);
    if (account.p == NULL)
        return false;
    *ret_account = account;
    return true;
}

void token_cache_add(struct token_cache *cache, struct slice token, struct slice account, int64_t for_us)
{
    struct entry *entry = for_us > 0 ? calloc(1, sizeof(*entry) + account.n) : NULL;
    if (entry == NULL)
        return;
    hash(cache, token, entry->hash);
    entry->until = clock_mono_us() + for_us;
    entry->account_n = account.n;
    if (account.n > 0)
        memcpy(entry->account, account.p, account.n);
    pthread_mutex_lock(&cache->lock);
    struct entry *old = map_get(&cache->map, slice_of(entry->hash, HASH));
    if (old == NULL && cache->map.count == cache->max)
        old = cache->oldest;
    if (old != NULL)
        forget(cache, old);
    if (map_set(&cache->map, slice_of(entry->hash, HASH), entry)) {
        entry->older = cache->newest;
        *(cache->newest != NULL ? &cache->newest->newer : &cache->oldest) = entry;
        cache->newest = entry;
        entry = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
    free(entry);
}
