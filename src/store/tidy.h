/*
 * The store's second background thread: forgets what is old (prune.h) and compacts packs (compact.h). It is
 * apart from the syncing thread because compaction of a large account takes seconds, and others' changes are
 * promised to be durable within one.
 *
 * Errors, threads: as of all background work (background.h); a turn is COMPACT_RUN_BYTES at most.
 */
#ifndef POSTHORN_STORE_TIDY_H
#define POSTHORN_STORE_TIDY_H

#include "store/background.h"

enum { TIDY_INTERVAL_S = 60 };

enum err tidier_start(struct store *store, struct background **ret_tidier, struct error *error) MUST_CHECK;

/* One account's turn, as the thread does it: prunes what is due; compacts once a day, or when much died. */
enum err tidy_account(struct account *account, struct error *error) MUST_CHECK;

#endif
