/*
 * Merging segments of the search index, and writing one anew without what is dead.
 *
 * A segment of level L covers a range of L object ids that begins at a multiple of L, plus 1. When a range is
 * complete, the segments in it become one: small ones soon, large ones seldom, so that each entry is written
 * a few times only, and a search asks few segments. Contract, threads, limits: search_build.h.
 */
#ifndef POSTHORN_STORE_SEARCH_MERGE_H
#define POSTHORN_STORE_SEARCH_MERGE_H

#include <stdatomic.h>

#include "store/search_database.h"

/* Deletes a piece of what a merge or a crash left; *ret_did false: there is nothing. */
enum err search_drop_step(struct search *search, bool *ret_did, struct error *error) MUST_CHECK;
/* One merge, if any is due. */
enum err search_merge_step(struct search *search, const atomic_bool *stop, bool *ret_did,
                           struct error *error) MUST_CHECK;
/* Looks for a segment with many dead objects, after each pruning of the account, and writes it anew. */
enum err search_sweep_step(struct search *search, const atomic_bool *stop, bool *ret_did,
                           struct error *error) MUST_CHECK;

#endif
