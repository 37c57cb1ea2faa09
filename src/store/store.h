/*
 * The accounts' data on one volume: who has which account open, opened on demand, closed when idle.
 *
 * An account is one folder: accounts/ab/<account id>/account.db and packs/. Exactly one process owns a volume
 * (a lock file), and within it one `struct account` per account, shared by all sessions, counted.
 *
 * Ownership: store_account gives a reference; account_unref returns it. Errors: ERR_NOT_FOUND, ERR_CORRUPT
 * (repair is offered by check.h), ERR_BUSY (another process owns the volume), ERR_VERSION (a newer program
 * wrote it). Threads: all functions of this room may be called from any thread; an account's database work is
 * serialised by its own lock, which no function holds while calling out. Limits: STORE_OPEN_MAX databases
 * stay open when nobody uses them.
 */
#ifndef POSTHORN_STORE_STORE_H
#define POSTHORN_STORE_STORE_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

struct store;
struct account;
struct volume;

enum { STORE_OPEN_MAX = 256, QUOTA_STEPS_MAX = 8 };

enum { UNDELETE_KEEP_DAYS = 14 };

/* Values are in the directory's database. */
enum junk_filter {
    JUNK_FILTER_OFF = 0,  /* nothing is learnt or judged */
    JUNK_FILTER_ON = 1,   /* junk goes into Junk */
    JUNK_FILTER_MARK = 2, /* it is only said in the header */
};

struct account_limits {
    uint64_t quota_bytes;     /* 0: none */
    uint64_t quota_messages;  /* 0: none */
    uint64_t undelete_keep_s; /* how long what was deleted can be had back; 0: not at all */
    uint64_t trash_keep_s;    /* how long messages stay in Trash (expire.h); 0: for ever */
    uint64_t junk_keep_s;
    uint64_t pop3_keep_s;          /* what POP3 fetched, in the Inbox */
    enum junk_filter junk_filter;  /* junk.h */
    uint8_t warn[QUOTA_STEPS_MAX]; /* percentages at which the owner is told, rising, then 0: quota.h */
};
#define ACCOUNT_LIMITS_DEFAULT \
    ((struct account_limits){.undelete_keep_s = UNDELETE_KEEP_DAYS * 86400, .junk_filter = JUNK_FILTER_ON})
/* Of an account whose limits can't be told now: nothing is thrown away meanwhile. */
#define UNDELETE_KEEP_UNKNOWN UINT32_MAX
#define ACCOUNT_LIMITS_UNKNOWN ((struct account_limits){.undelete_keep_s = UNDELETE_KEEP_UNKNOWN})

struct store_options {
    const char *directory; /* the data directory: a local volume */
    /* The account's limits, from the directory; asked when it is opened. NULL: ACCOUNT_LIMITS_DEFAULT. */
    void (*limits)(void *context, struct account_id id, struct account_limits *ret_limits);
    void *context;
    unsigned open_max;     /* 0: STORE_OPEN_MAX */
    bool without_learning; /* nothing is learnt about junk in the background */
    bool without_index;    /* no search index is made in the background */
};

enum err store_open(const struct store_options *options, struct store **ret_store,
                    struct error *error) MUST_CHECK;
/* Syncs and closes everything; no account may be referenced any more. */
void store_close(struct store *store);
struct volume *store_volume(struct store *store);

/* Makes the account's folder, database and standard folders (Inbox, Sent, Drafts, Trash, Junk, Archive).
 * ERR_EXISTS. */
enum err store_account_create(struct store *store, struct account_id id, struct error *error) MUST_CHECK;
/* The account, opened if need be. */
enum err store_account(struct store *store, struct account_id id, struct account **ret_account,
                       struct error *error) MUST_CHECK;
/* The same, made when missing: for an account that the directory knows, at its first delivery or log-in. */
enum err store_account_ensure(struct store *store, struct account_id id, struct account **ret_account,
                              struct error *error) MUST_CHECK;
/* Deletes all its data, when nobody has it open (ERR_BUSY). */
enum err store_account_remove(struct store *store, struct account_id id, struct error *error) MUST_CHECK;
/* New limits for an account that may be open. */
void store_account_limits(struct store *store, struct account_id id, const struct account_limits *limits);
/* The limits of many may be others: asked again for each account that is open. */
void store_limits_changed(struct store *store);
/* All account ids on the volume. */
enum err store_account_list(struct store *store, struct arena *arena, struct account_id **ret_ids,
                            size_t *ret_count, struct error *error) MUST_CHECK;

void account_unref(struct account *account);
struct account *account_ref(struct account *account);
struct account_id account_id(const struct account *account);
/* A file without a name on the account's volume, gone with its descriptor. */
enum err account_scratch_file(struct account *account, int *ret_fd, struct error *error) MUST_CHECK;

/*
 * Durability. What changed an account is safe against a crash of the process when the call returns; against
 * power loss after account_sync, or within a second by itself (a background thread syncs what is dirty).
 */
enum err account_sync(struct account *account, struct error *error) MUST_CHECK;
/* The same for every account that is dirty now, with as few syncs as it takes (syncfs when they are many). */
enum err store_sync(struct store *store, struct error *error) MUST_CHECK;

/* What the accounts of a domain hold together: see ledger.h. */
struct domain_use {
    struct domain_id id; /* 0: the account counts for none */
    uint64_t bytes, messages;
    uint64_t quota_bytes, quota_messages; /* 0: none */
};

struct account_usage {
    uint64_t bytes;
    uint64_t messages;
    uint64_t deleted_bytes; /* of what can be had back (undelete.h); it counts towards no quota */
    uint64_t deleted_messages;
    struct account_limits limits;
    struct domain_use domain;
};
enum err account_usage(struct account *account, struct account_usage *ret_usage,
                       struct error *error) MUST_CHECK;

/* For metrics. */
struct store_figures {
    uint64_t open_accounts;
    uint64_t disk_bytes; /* of the data directory's file system */
    uint64_t disk_free;  /* bytes that this user may use */
    uint64_t inodes;     /* 0: the file system doesn't count them */
    uint64_t inodes_free;
};
enum err store_figures(struct store *store, struct store_figures *ret_figures,
                       struct error *error) MUST_CHECK;

/* The account's epoch: random, new after a restore; and its change number now. Both are in every protocol's
 * token. */
struct account_state {
    uint64_t epoch;
    struct change_no change;
};
enum err account_state(struct account *account, struct account_state *ret_state,
                       struct error *error) MUST_CHECK;

#endif
