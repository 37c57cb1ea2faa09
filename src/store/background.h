/*
 * The store's background threads: each makes rounds, in which every account that is open gets its turn, one
 * after the other. What is slow has a thread of its own, so that it keeps nothing else waiting.
 *
 * Ownership: the store's. Errors: of starting; what fails in an account is tried again at the next round.
 * Threads: started once, stopped before the accounts are closed; stopping waits for the turn that runs, which
 * should look at `stopping`. Limits: one account is held at a time, and none is opened for it.
 */
#ifndef POSTHORN_STORE_BACKGROUND_H
#define POSTHORN_STORE_BACKGROUND_H

#include <stdatomic.h>

#include "store/store.h"

struct background;

struct background_work {
    const char *name; /* of the thread */
    unsigned interval_s;
    int nice; /* 0: as others */
    /* One account's turn. *ret_more: it wants another before the round ends; the others have theirs first. */
    enum err (*turn)(void *context, struct account *account, const atomic_bool *stopping, bool *ret_more,
                     struct error *error);
    /* May be NULL; ends soon when *stopping gets true. */
    void (*round_end)(void *context, const atomic_bool *stopping);
    void (*release)(void *context); /* when the work has ended, or starting it failed; may be NULL */
    void *context;
};

enum err background_start(struct store *store, const struct background_work *work,
                          struct background **ret_background, struct error *error) MUST_CHECK;
/* NULL is passed over. */
void background_stop(struct background *background);

#endif
