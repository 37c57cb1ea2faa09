/*
 * What all accounts of a domain hold together, and the domain's quota.
 *
 * Each account counts for itself, in its own transactions (meta.bytes, meta.messages). The ledger, which the
 * directory keeps, has a row for each account with what it held when it was last written, and the sum of the
 * rows for each domain. In memory a domain has a pool: that sum, and what open accounts hold beyond their
 * rows.
 *
 * Invariants: 1. a pool is the sum of its accounts' meta. 2. An account whose meta differs from its row has
 * an open row; it was opened before the account's transaction was committed, and is durable before the
 * account is. 3. A row is settled (written, and open no more) only with numbers that are durable. 4. What a
 * transaction was allowed to add is reserved in the pool until it is committed or given up, so that two at
 * once never pass the quota.
 * So after a crash only the accounts with open rows are looked into; what a power loss kept of unsynced
 * transactions is put right when the account is opened next.
 *
 * Locks: account->mutex, then the ledger's mutex (pools are loaded, rows settled), then a pool's (its
 * numbers). The ledger is called under the first two, and must not call the store. Errors: the ledger's.
 * Threads: any. Limits: a pool stays in memory once an account of its domain was open; POOLS_DUE_MAX wait for
 * a warning, others are noted again at their next change.
 */
#ifndef POSTHORN_STORE_LEDGER_H
#define POSTHORN_STORE_LEDGER_H

#include <stdatomic.h>

#include "store/store.h"

enum { POOLS_DUE_MAX = 200 };

/* What the ledger has of an account. */
struct ledger_row {
    struct domain_id domain; /* 0: nobody knows the account, it counts for nobody */
    uint64_t bytes, messages;
    bool open; /* the account may hold something else by now */
};

/* What it has of a domain. */
struct ledger_domain {
    uint64_t bytes, messages;             /* the sum of its rows */
    uint64_t quota_bytes, quota_messages; /* 0: none */
    uint8_t warn[QUOTA_STEPS_MAX];        /* percentages, rising, then 0 */
    unsigned warned;                      /* the step that somebody was told of; 0: none */
};

struct ledger {
    void *context;
    enum err (*account)(void *context, struct account_id id, struct ledger_row *ret_row, struct error *error);
    enum err (*domain)(void *context, struct domain_id id, struct ledger_domain *ret_domain,
                       struct error *error);
    /* Its row is open from now on; durable after the next `sync`. */
    enum err (*open)(void *context, struct account_id id, struct error *error);
    enum err (*settle)(void *context, struct account_id id, uint64_t bytes, uint64_t messages,
                       struct error *error);
    enum err (*sync)(void *context, struct error *error);
    /* All accounts with open rows. */
    enum err (*opened)(void *context, struct arena *arena, struct account_id **ret_ids, size_t *ret_count,
                       struct error *error);
};

/* From now on accounts are counted; those that a crash left with open rows are looked into first. Before any
 * session. */
enum err store_keep_ledger(struct store *store, const struct ledger *ledger, struct error *error) MUST_CHECK;
/* The house's own work ends, and rows are settled. After the last session. */
void store_rest(struct store *store);
/* The ledger is not asked any more; before it is closed. */
void store_drop_ledger(struct store *store);

/* The ledger has other numbers or another quota for a domain. */
void store_domain_changed(struct store *store, struct domain_id id);
/* The ledger has the account in another domain; then the domains changed, too. */
void store_account_moved(struct store *store, struct account_id id);

struct domain_state {
    struct domain_use use;
    unsigned percent; /* of the limit that is nearest: bytes or messages */
    unsigned warned;  /* as the ledger has it */
    unsigned warn;    /* as it should be: more, a step is to be told of; less, the use has fallen */
};
enum err store_domain_state(struct store *store, struct domain_id id, struct domain_state *ret_state,
                            struct error *error) MUST_CHECK;
/* Domains whose `warned` is not what it should be, taken off the list; how many. */
size_t store_domains_due(struct store *store, struct domain_id *ret_ids, size_t max);

/* --- inside the room --- */

struct work;
struct account_meta;

/* As the account is opened, and as it is closed. */
enum err ledger_join(struct account *account, struct error *error) MUST_CHECK;
void ledger_leave(struct account *account);
/* The account's data was removed. */
void ledger_gone(struct store *store, struct account_id id);
/* With account->mutex held: */
/* Its domain has a quota. */
bool ledger_limits(const struct account *account);
struct domain_use ledger_use(const struct account *account);
/* ERR_QUOTA when bytes and messages more would pass the domain's quota; else they are reserved. */
enum err ledger_reserve(struct work *work, uint64_t bytes, uint64_t messages, struct error *error) MUST_CHECK;
/* Before the commit: what changes the account's use opens its row. */
enum err ledger_prepare(const struct work *work, struct error *error) MUST_CHECK;
/* After it, or after giving up (then nothing has changed). */
void ledger_end(struct work *work);
/* Without locks: rows that were opened are durable; before accounts are synced. */
enum err ledger_sync(struct store *store, struct error *error) MUST_CHECK;
/* Settles what can be settled; ends soon when *stopping gets true. */
void ledger_settle_all(struct store *store, const atomic_bool *stopping);
struct ledger_book;
enum err ledger_book_make(struct ledger_book **ret_book, struct error *error) MUST_CHECK;
void ledger_book_free(struct ledger_book *book);

#endif
