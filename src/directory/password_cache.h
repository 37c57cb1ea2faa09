/*
 * Passwords that were right a short while ago, as keyed hashes in memory only, one for each account.
 *
 * An entry counts for one generation of the account's password, so that a change makes it worthless at once.
 * The key is made at start and never leaves the process. Ownership: the cache copies. Errors: what finds no
 * memory is not remembered. Limits: PASSWORD_CACHE_MAX accounts, the oldest goes. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_PASSWORD_CACHE_H
#define POSTHORN_DIRECTORY_PASSWORD_CACHE_H

#include "base/ids.h"

struct password_cache;

enum { PASSWORD_CACHE_MAX = 100000 };

/* NULL: out of memory. max: accounts. */
struct password_cache *password_cache_new(size_t max) MUST_CHECK;
void password_cache_free(struct password_cache *cache); /* wiped */
bool password_cache_has(struct password_cache *cache, struct account_id account, uint64_t generation,
                        struct slice password) MUST_CHECK;
void password_cache_add(struct password_cache *cache, struct account_id account, uint64_t generation,
                        struct slice password);

#endif
