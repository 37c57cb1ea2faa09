/*
 * Tokens that were good a moment ago, and for whom; kept as keyed hashes, so that a look into memory finds no
 * token.
 *
 * Limits: the oldest goes when there are max. Errors: none; what does not fit is not remembered. Threads:
 * any.
 */
#ifndef POSTHORN_DIRECTORY_TOKEN_CACHE_H
#define POSTHORN_DIRECTORY_TOKEN_CACHE_H

#include "base/arena.h"

struct token_cache;

/* NULL: out of memory. */
struct token_cache *token_cache_new(size_t max) MUST_CHECK;
void token_cache_free(struct token_cache *cache);
bool token_cache_find(struct token_cache *cache, struct slice token, struct arena *arena,
                      struct slice *ret_account) MUST_CHECK;
/* For so long; 0 or less: not at all. */
void token_cache_add(struct token_cache *cache, struct slice token, struct slice account, int64_t for_us);

#endif
