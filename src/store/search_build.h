/*
 * Making the search index, step by step: new objects become segments, small segments become large ones, and
 * what was pruned is dropped.
 *
 * Messages are read without any lock; the index is locked for one write of SEARCH_WRITE_BLOCKS blocks, or of
 * one batch, at a time. Each write is one transaction: a crash takes back whole steps only.
 *
 * Ownership: none. Errors: the database's and the packs'; a damaged index is deleted and made anew. Threads:
 * any, one step of an account at a time. Limits: SEARCH_BATCH_SPAN objects, or SEARCH_GRAMS_MAX grams, a
 * step.
 */
#ifndef POSTHORN_STORE_SEARCH_BUILD_H
#define POSTHORN_STORE_SEARCH_BUILD_H

#include <stdatomic.h>

#include "store/search_grams.h"
#include "store/store.h"

enum {
    SEARCH_WORTH = 256,       /* messages from which an account gets an index; fewer are scanned at once */
    SEARCH_TAIL = 32,         /* new objects from which they are indexed */
    SEARCH_BATCH_SPAN = 2048, /* object ids */
    SEARCH_WRITE_BLOCKS = 256,
    SEARCH_DEAD_PERCENT = 25, /* of a segment's objects, from which on it is written anew */
};
#define SEARCH_MESSAGE_MAX (UINT64_C(64) * 1024 * 1024) /* bytes; a larger message may hold anything */

struct search_progress {
    uint64_t done; /* object ids */
    uint64_t total;
};

/*
 * One step; *ret_more: there is another. `every`: index even what is not worth it yet. When *stop gets true,
 * it ends soon, without effect. `grams` is emptied at first, and holds memory that the next step can use.
 */
enum err search_build_step(struct account *account, struct search_grams *grams, bool every,
                           const atomic_bool *stop, bool *ret_more, struct error *error) MUST_CHECK;
/* All steps. `fresh`: from nothing. progress may be NULL. */
enum err search_build(struct account *account, bool fresh, const atomic_bool *stop,
                      void (*progress)(void *context, struct search_progress progress), void *context,
                      struct error *error) MUST_CHECK;

/* Deletes it; it is made anew, when it is worth it, as of nothing. */
enum err search_build_forget(struct account *account, struct error *error) MUST_CHECK;

/*
 * The grams of the living objects from first to *last, SEARCH_BATCH_SPAN of them at most, sorted; an object's
 * place is its id - base. *last gets less when there is no room for more.
 */
enum err search_gather(struct account *account, struct search_grams *grams, uint64_t base, uint64_t first,
                       uint64_t *last, int64_t *ret_objects, const atomic_bool *stop,
                       struct error *error) MUST_CHECK;

#endif
