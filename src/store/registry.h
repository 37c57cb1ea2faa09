/*
 * The registry of open accounts, for the room's own files; the contract is store.h.
 *
 * States of an account in it:  OPENING --> OPEN --> CLOSING --> gone. Whoever needs an account that is
 * OPENING or CLOSING waits on `changed`. An account with refs 0 stays open in the idle list, oldest first,
 * until more than open_max are open.
 */
#ifndef POSTHORN_STORE_REGISTRY_H
#define POSTHORN_STORE_REGISTRY_H

#include "base/map.h"
#include "store/account.h"
#include "store/quota.h"

struct due_note;
struct ledger_book;

struct store {
    struct volume *volume;
    struct store_options options;
    int64_t generation;
    int generation_fd;

    pthread_mutex_t mutex; /* everything below */
    pthread_cond_t changed;
    struct map accounts; /* id -> struct account */
    struct account *idle_first, *idle_last;
    struct account *dirty_first;
    size_t dirty_count;
    struct due_note *due_notes; /* see due.h */
    struct account_id quota_due[QUOTA_DUE_MAX];
    size_t quota_due_count;
    bool stopping;
    pthread_cond_t wake; /* the syncing thread */
    pthread_t syncer;
    bool syncer_runs;

    struct ledger_book *book;   /* see ledger.h; has locks of its own */
    struct background *tidier;  /* see tidy.h */
    struct background *indexer; /* see search_worker.h */
    struct background *learner; /* see junk_learn.h */
};

/* The volume's generation: one more after every start that was not preceded by an orderly stop. */
int64_t store_generation(const struct store *store);
/* The account has something to sync / has nothing any more. */
void store_mark_dirty(struct account *account);
void store_mark_clean(struct account *account);
/* Another reference; store->mutex held. */
void registry_ref(struct account *account);
/* The same for the store's own work (syncing, tidying): who wants the account to itself waits for its end. */
void registry_ref_house(struct account *account);
void registry_unref_house(struct account *account); /* takes store->mutex */
/* store_account for the house. */
enum err registry_open_house(struct store *store, struct account_id id, struct account **ret_account,
                             struct error *error) MUST_CHECK;
/* For the house, if it is open already, else NULL. */
struct account *registry_open_already(struct store *store, struct account_id id);
/* Closes idle accounts while more than open_max are open; those that need a sync only after it. */
void registry_close_surplus(struct store *store);
/* Keeps an account from being opened while its files are made or removed. ERR_BUSY when it is in use. */
enum err registry_hold(struct store *store, struct account_id id, struct account **ret_holder,
                       struct error *error) MUST_CHECK;
void registry_let_go(struct account *holder);
/* The account's limits, asked outside. No lock held. */
struct account_limits store_limits(struct store *store, struct account_id id);

/* The thread that syncs what is dirty within a second (sync.c). */
enum err syncer_start(struct store *store, struct error *error) MUST_CHECK;
void syncer_stop(struct store *store);

#endif
