/*
 * Inside the room: what an open account is, and how its database is used.
 *
 * Locks, in the order they may be taken: store->mutex is never held together with account->mutex, except that
 * commit takes store->mutex for a moment under account->mutex to say that the account is dirty.
 * account->mutex guards the database, the packs' appender and everything below it here; open_folder->mutex
 * (see open_folder.h) comes last and is never held over a database call. Nothing is called out to under a
 * lock, but the ledger (ledger.h), which calls nothing of this room.
 */
#ifndef POSTHORN_STORE_ACCOUNT_H
#define POSTHORN_STORE_ACCOUNT_H

#include <pthread.h>
#include <stdatomic.h>

#include "junk/tokens.h"
#include "store/message.h"
#include "store/pack.h"
#include "store/statements.h"
#include "store/store.h"
#include "store/volume.h"

/* The one row of meta. */
struct account_meta {
#define X(name) int64_t name;
    META_TABLE(X)
#undef X
};

#define JUNK_MODEL_TABLE(X) X(reading) X(junk) X(good) X(era) X(era_messages) X(change) X(kept) X(pruned)
/* The one row of junk_model, see junk_model.h. */
struct junk_model {
    bool loaded; /* false: to be read */
    bool there;
    struct junk_key key;
#define X(name) int64_t name;
    JUNK_MODEL_TABLE(X)
#undef X
    int64_t seen; /* the change number up to which there is nothing to look for; not kept */
};

enum account_phase { ACCOUNT_OPENING, ACCOUNT_OPEN, ACCOUNT_CLOSING };

struct open_folder;
struct pool;
struct search;

struct account {
    struct store *store;
    struct account_id id;

    /* Under store->mutex. */
    enum account_phase phase;
    unsigned refs;
    unsigned house_refs; /* of these, the background threads' own, which end by themselves */
    bool dirty;          /* in the store's list of dirty accounts */
    bool quota_noted;    /* in the store's list of those to be warned */
    struct account *idle_previous, *idle_next;
    struct account *dirty_previous, *dirty_next;

    pthread_mutex_t mutex;
    struct database database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    struct packs *packs;
    struct account_meta meta; /* as committed, or as the running transaction has it */
    struct account_limits limits;
    struct pool *pool;               /* its domain's; see ledger.h. NULL: it counts for none */
    int64_t row_bytes, row_messages; /* as the ledger has it */
    atomic_bool row_open;            /* written under mutex */
    int64_t due_us;                  /* see due.h: when the house looks at it again; 0: soon */
    bool due_noted;                  /* changed since its last visit */
    bool due_soon;
    struct junk_model junk;
    char **keywords;
    size_t keyword_count;
    struct open_folder *open_folders;
    struct watch *watches;
    _Atomic uint64_t told_change;      /* the last change number that watches were told of */
    uint64_t commits;                  /* transactions committed since opening */
    uint64_t synced_commits;           /* how many of them are durable */
    bool broken;                       /* a sync failed: what is on disk is unknown until it is opened anew */
    _Atomic uint64_t share_generation; /* see share.h */
    _Atomic uint64_t access_key_generation; /* see access_key.h */

    pthread_mutex_t sync_mutex;    /* one sync at a time; taken before mutex */
    pthread_mutex_t compact_mutex; /* one compaction at a time; taken before both */

    struct search *search; /* see search_database.h; has locks of its own */
};

static inline int64_t member_key(struct folder_id folder, uint32_t uid)
{
    return (int64_t)(folder.v << 32 | uid);
}
static inline uint32_t key_uid(int64_t key)
{
    return (uint32_t)key;
}
static inline struct folder_id key_folder(int64_t key)
{
    return (struct folder_id){(uint64_t)key >> 32};
}

/* --- opening and closing (account.c), called by the registry (store.c) --- */

enum err account_open(struct account *account, struct error *error) MUST_CHECK;
void account_close(struct account *account);
/* Name of an account's folder on the volume: "accounts/ab/abcdef...". */
enum { ACCOUNT_NAME_MAX = 64 };
void account_directory(struct account_id id, char ret_name[static ACCOUNT_NAME_MAX]);

/* --- the database, with account->mutex held (database.c) --- */

enum err db_fail(struct account *account, const char *what, struct error *error);
/* The statement, reset and without parameters. Whoever steps it resets it: CLEANUP(db_reset). */
enum err db_statement(struct account *account, enum statement which, sqlite3_stmt **ret_statement,
                      struct error *error) MUST_CHECK;
void db_reset(sqlite3_stmt **statement);
/* The next row, if there is one. */
enum err db_step(struct account *account, sqlite3_stmt *statement, bool *ret_row,
                 struct error *error) MUST_CHECK;
/* Runs a statement that gives no rows, and resets it. */
enum err db_finish(struct account *account, sqlite3_stmt *statement, struct error *error) MUST_CHECK;
/* The same with whole numbers as parameters. */
enum err db_run(struct account *account, enum statement which, const int64_t *values, size_t count,
                struct error *error) MUST_CHECK;
#define DB_RUN(account, which, error, ...)                               \
    db_run((account), STATEMENT_##which, (const int64_t[]){__VA_ARGS__}, \
           sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (error))
#define DB_RUN_PLAIN(account, which, error) db_run((account), STATEMENT_##which, NULL, 0, (error))
/* The first row's first number; *ret_found false when there is no row. */
enum err db_number(struct account *account, enum statement which, const int64_t *values, size_t count,
                   bool *ret_found, int64_t *ret_number, struct error *error) MUST_CHECK;
#define DB_NUMBER(account, which, found, number, error, ...)                \
    db_number((account), STATEMENT_##which, (const int64_t[]){__VA_ARGS__}, \
              sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (found), (number), (error))
void db_bind_text(sqlite3_stmt *statement, int at, struct slice text); /* borrowed until the step */
void db_bind_blob(sqlite3_stmt *statement, int at, struct slice bytes);
struct slice db_column(sqlite3_stmt *statement, int at); /* text or blob; until the next step */
void db_finalize_all(struct account *account);

#endif
