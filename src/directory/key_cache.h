/*
 * Private keys that were used lately, so that their files are not read for each message.
 *
 * Each id has one place, which it shares with others; who comes later takes it. Ids are random and never used
 * again, so a key that outlives its removal is asked for by nobody. Ownership: what is got must be released,
 * what is put stays the caller's: both hold the key. Errors: none; what can't be kept is not. Threads: any.
 * Limits: KEY_CACHE_SLOTS.
 */
#ifndef POSTHORN_DIRECTORY_KEY_CACHE_H
#define POSTHORN_DIRECTORY_KEY_CACHE_H

#include <pthread.h>

#include "authres/dkim_sign.h"

enum { KEY_CACHE_SLOTS = 256 };

struct key_cache {
    pthread_mutex_t lock;
    struct {
        uint64_t id; /* 0: empty */
        struct dkim_private_key key;
    } slots[KEY_CACHE_SLOTS];
};

void key_cache_init(struct key_cache *cache) NONNULL;
void key_cache_release(struct key_cache *cache) NONNULL;
bool key_cache_get(struct key_cache *cache, uint64_t id, struct dkim_private_key *ret_key) NONNULL MUST_CHECK;
void key_cache_put(struct key_cache *cache, uint64_t id, const struct dkim_private_key *key) NONNULL;
void key_cache_drop(struct key_cache *cache, uint64_t id) NONNULL;

#endif
