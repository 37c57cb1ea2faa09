/*
 * The store's second background thread: forgets what is old (prune.h), removes what is over its time
 * (expire.h) and compacts packs (compact.h); in accounts that are open, and in those whose time has come
 * (due.h). It is apart from the syncing thread because compaction of a large account takes seconds, and
 * others' changes are promised to be durable within one.
 *
 * Errors, threads: as of all background work (background.h); a turn is COMPACT_RUN_BYTES at most.
 */
#ifndef POSTHORN_STORE_TIDY_H
#define POSTHORN_STORE_TIDY_H

#include "store/background.h"
#include "store/due.h"

enum { TIDY_INTERVAL_S = 60 };

enum err tidier_start(struct store *store, struct background **ret_tidier, struct error *error) MUST_CHECK;

/*
 * One account's turn, as the thread does it: prunes and removes what is due; compacts once a day, or when
 * much died. `now`: also what would have had its turn within some hours. *ret_due: when the next visit is
 * due; 0: this one was none, there was nothing to look for yet.
 */
enum err tidy_account(struct account *account, bool now, int64_t *ret_due, struct error *error) MUST_CHECK;
/* Visits the accounts whose time has come. Stops early when *stopping gets true. */
enum err tidy_due(struct store *store, struct due *due, const atomic_bool *stopping,
                  struct error *error) MUST_CHECK;

#endif
