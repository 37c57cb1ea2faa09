/*
 * What the files of this room share and nobody else sees: the directory itself, and its cached look-ups.
 *
 * Invariants: 1. the connection and its statements are used only under `lock`; 2. a value is put into the
 * cache, and dropped from it because of a change, only under `lock`, so that no reader can put back what a
 * writer has just dropped; 3. a change is durable before its call returns.
 * Ownership: records and their slices are in the caller's arena. Threads: any, unless a function says
 * "locked".
 */
#ifndef POSTHORN_DIRECTORY_INSIDE_H
#define POSTHORN_DIRECTORY_INSIDE_H

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>

#include "directory/address.h"
#include "directory/cache.h"
#include "directory/directory.h"
#include "directory/domain_key.h"
#include "directory/forward.h"
#include "directory/key_cache.h"
#include "directory/option_set.h"
#include "directory/smart_host.h"
#include "directory/sql.h"
#include "directory/srs.h"
#include "store/volume.h"

enum {
    SCRATCH_MAX = 64 * 1024 * 1024, /* bytes a look-up may need beside its result */
    ROUTE_STOPS_MAX = 100000,       /* addresses that one recipient may stand for, ours and foreign */
    HASHES_AT_ONCE = 4,             /* password hashings; each argon2id takes 19 MiB */
    HASH_WAIT_SECONDS = 20,
};

/* Lets HASHES_AT_ONCE in at a time. */
struct hash_gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    unsigned busy;
};

struct directory {
    struct volume *volume;
    struct database database;
    pthread_mutex_t lock;
    sqlite3_stmt *statements[STATEMENTS];
    struct cache *cache;
    struct key_cache signing;      /* by the ids of dkim_key */
    _Atomic uint64_t generation;   /* another one after each change */
    _Atomic uint64_t destinations; /* the same of destination.h alone; over restarts, too */
    pthread_mutex_t sharing;       /* see share.h */
    struct hash_gate gate;
    unsigned char key[crypto_secretbox_KEYBYTES]; /* seals SCRAM keys; makes up salts */
    unsigned char srs_key[SRS_KEY_SIZE];
};

/* A change: begin takes the lock and opens a transaction; end commits when `code` is ERR_OK, else rolls back,
 * gives the lock back, makes it durable, and returns how it all went. */
enum err change_begin(struct directory *directory, struct error *error) MUST_CHECK;
enum err change_end(struct directory *directory, enum err code, struct error *error) MUST_CHECK;

/* A file of keys, whole before it has its name, so that a crash leaves no short one. */
enum err key_write(struct directory *directory, const char *folder, const char *new_name, const char *name,
                   struct slice key, struct error *error) MUST_CHECK;

/* domain_key.c, for a domain that goes: its keys (locked), and their files when it is gone. */
#define DOMAIN_KEY_FOLDER "keys/dkim"
enum err domain_key_ids(struct directory *directory, struct slice domain,
                        uint64_t ret_ids[static DOMAIN_KEYS_MAX], size_t *ret_count,
                        struct error *error) MUST_CHECK;
void domain_keys_forget(struct directory *directory, const uint64_t *ids, size_t count);

/* What the cache holds. */
#define CACHE_KIND_TABLE(X) \
    X(DOMAIN, 'd')          \
    X(ONLY_DOMAIN, 'o')     \
    X(ADDRESS, 'a')         \
    X(PLAN, 'p')            \
    X(ACCOUNT, 'i')         \
    X(FORWARD, 'f')
enum cache_kind {
#define X(name, letter) CACHE_##name = (letter),
    CACHE_KIND_TABLE(X)
#undef X
};

struct domain_record {
    bool local;
    struct slice catch_all; /* as shown */
    struct smart_host rest; /* domain_rest.h */
    struct slice addresses; /* destination.h */
    struct option_set options;
};
enum err lookup_domain(struct directory *directory, struct slice name, struct arena *arena,
                       struct domain_record *ret_record, struct error *error) MUST_CHECK;
/* The domain's name when there is exactly one, else empty. */
enum err lookup_only_domain(struct directory *directory, struct arena *arena, struct slice *ret_name,
                            struct error *error) MUST_CHECK;

/* sasl.c: "anna" is anna@ the only domain, if there is only one. */
enum err login_name_complete(struct directory *directory, struct slice name, struct arena *arena,
                             struct slice *ret_name, struct error *error) MUST_CHECK;

enum address_kind { ADDRESS_NONE, ADDRESS_ACCOUNT, ADDRESS_ALIAS, ADDRESS_GROUP };
struct address_record {
    enum address_kind kind;
    struct account_id account;
    uint64_t group;        /* a group's id; 0: of one that was made before groups had ids */
    struct slice *targets; /* as shown */
    size_t target_count;
};
enum err lookup_address(struct directory *directory, struct slice key, struct arena *arena,
                        struct address_record *ret_record, struct error *error) MUST_CHECK;

struct plan_record {
    unsigned doors;
    uint64_t quota_bytes;
    uint64_t quota_max;
    struct option_set options;
};
/* ERR_NOT_FOUND. */
enum err lookup_plan(struct directory *directory, struct slice name, struct arena *arena,
                     struct plan_record *ret_record, struct error *error) MUST_CHECK;

struct account_record {
    struct account_entry entry;
    struct slice key;          /* the primary address as it is compared */
    uint64_t own_quota;        /* 0: the plan's */
    uint64_t generation;       /* another one after each change of the password or the address */
    struct option_set options; /* its own */
};
/* No targets: nothing is forwarded. */
enum err lookup_forward(struct directory *directory, struct account_id id, struct arena *arena,
                        struct forward *ret_forward, struct error *error) MUST_CHECK;
/* ERR_NOT_FOUND. */
enum err lookup_account(struct directory *directory, struct account_id id, struct arena *arena,
                        struct account_record *ret_record, struct error *error) MUST_CHECK;
/* By primary address, parsed. ERR_NOT_FOUND. */
enum err lookup_account_by_key(struct directory *directory, struct slice key, struct arena *arena,
                               struct account_record *ret_record, struct error *error) MUST_CHECK;
/* An ACCOUNT_GET or ACCOUNT_LIST row: what is the account's own, until account_record_complete. Locked. */
enum err account_record_read(struct directory *directory, sqlite3_stmt *row, struct arena *arena,
                             struct account_record *ret_record, struct error *error) MUST_CHECK;

/* Adds what the account's plan and domain give it. Not locked. */
enum err account_record_complete(struct directory *directory, struct account_record *record,
                                 struct arena *arena, struct error *error) MUST_CHECK;

/* The address that a sub-address (anna+x@) belongs to; false when there is no detail. */
bool address_without_detail(const struct address_parts *parts, struct arena *arena, struct slice *ret_key,
                            struct slice *ret_detail);

/* Locked: from the database, past the cache, as a change needs it. */
struct domain_row {
    struct domain_id id; /* 0: no such domain */
    uint64_t accounts;
    uint64_t aliases;
    uint64_t max_accounts; /* 0: no limit */
    bool has_catch_all, has_rest;
};
enum err domain_row_get(struct directory *directory, struct slice name, struct domain_row *ret_row,
                        struct error *error) MUST_CHECK;
/* The same; no such domain is ERR_NOT_FOUND, with how to make it. */
enum err domain_row_need(struct directory *directory, struct slice name, struct domain_row *ret_row,
                         struct error *error) MUST_CHECK;
/* ERR_LIMIT when the domain has as many accounts as it may have. */
enum err domain_need_room(const struct domain_row *row, struct slice name, struct error *error) MUST_CHECK;
/* *ret_account: of a group its id. */
enum err address_row_get(struct directory *directory, struct slice key, enum address_kind *ret_kind,
                         struct account_id *ret_account, struct error *error) MUST_CHECK;
/* The account with this address. ERR_NOT_FOUND. */
enum err account_row_need(struct directory *directory, const struct address_parts *address,
                          struct arena *arena, struct account_record *ret_record,
                          struct error *error) MUST_CHECK;
/* Makes stale what stands for this address: aliases, groups, catch-alls. */
enum err address_users_drop(struct directory *directory, struct slice key, struct error *error) MUST_CHECK;
/* Those who forward to this address forward to another one from now on (to NULL: to nobody). */
enum err forward_users_move(struct directory *directory, struct slice key, const struct address_parts *to,
                            struct error *error) MUST_CHECK;
/* One more alias for this target is not too many, when it is an account. ERR_LIMIT. */
enum err alias_need_room(struct directory *directory, struct slice alias_key, struct slice target_key,
                         struct error *error) MUST_CHECK;
/* ERR_EXISTS, saying as what, when the address is taken. */
enum err address_need_free(struct directory *directory, const struct address_parts *parts,
                           struct error *error) MUST_CHECK;

#endif
