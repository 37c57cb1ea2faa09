/*
 * The store's second background thread: forgets what is old (prune.h) and compacts packs (compact.h) in the
 * accounts that are open, one after the other. It is apart from the syncing thread because compaction of a
 * large account takes seconds, and others' changes are promised to be durable within one.
 *
 * Ownership: the store's. Errors: of starting; what fails in an account is tried again at the next round.
 * Threads: started once, stopped before the accounts are closed; stopping waits for a running step
 * (COMPACT_RUN_BYTES at most).
 */
#ifndef POSTHORN_STORE_TIDY_H
#define POSTHORN_STORE_TIDY_H

#include "store/store.h"

enum { TIDY_INTERVAL_S = 60 };

struct tidier;

enum err tidier_start(struct store *store, struct tidier **ret_tidier, struct error *error) MUST_CHECK;
void tidier_stop(struct tidier *tidier);

/* One account's turn, as the thread does it: prunes if that is due, and compacts if it pruned. */
enum err tidy_account(struct account *account, struct error *error) MUST_CHECK;

#endif
