#include "directory/key_cache.h"

void key_cache_init(struct key_cache *cache)
{
    *cache = (struct key_cache){0};
    pthread_mutex_init(&cache->lock, NULL);
}

static void empty(struct key_cache *cache, size_t slot)
{
    if (cache->slots[slot].id != 0)
        dkim_private_key_release(&cache->slots[slot].key);
    cache->slots[slot].id = 0;
}

void key_cache_release(struct key_cache *cache)
{
    for (size_t i = 0; i < KEY_CACHE_SLOTS; i++)
        empty(cache, i);
    pthread_mutex_destroy(&cache->lock);
}

bool key_cache_get(struct key_cache *cache, uint64_t id, struct dkim_private_key *ret_key)
{
    size_t slot = id % KEY_CACHE_SLOTS;
    pthread_mutex_lock(&cache->lock);
    bool found = id != 0 && cache->slots[slot].id == id && EVP_PKEY_up_ref(cache->slots[slot].key.key) == 1;
    if (found)
        *ret_key = cache->slots[slot].key;
    pthread_mutex_unlock(&cache->lock);
    return found;
}

void key_cache_put(struct key_cache *cache, uint64_t id, const struct dkim_private_key *key)
{
    size_t slot = id % KEY_CACHE_SLOTS;
    if (EVP_PKEY_up_ref(key->key) != 1)
        return;
    pthread_mutex_lock(&cache->lock);
    empty(cache, slot);
    cache->slots[slot].id = id;
    cache->slots[slot].key = *key;
    pthread_mutex_unlock(&cache->lock);
}

void key_cache_drop(struct key_cache *cache, uint64_t id)
{
    size_t slot = id % KEY_CACHE_SLOTS;
    pthread_mutex_lock(&cache->lock);
    if (cache->slots[slot].id == id)
        empty(cache, slot);
    pthread_mutex_unlock(&cache->lock);
}
