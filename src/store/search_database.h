/*
 * Inside the search index: the file `search.db` beside an account's database. The contract is search_index.h.
 *
 * It is derived: it may be removed at any time, is not in a backup, and is made anew when it was made by
 * another version, by another reading of messages (mime_search_reading), or for another epoch of the account.
 * SQLite's log makes each transaction whole; nothing here is ever synced for its own sake.
 *
 * Invariants: 1. Segments don't overlap, and each holds every living object of its range that is not newer
 * than `indexed`. 2. No object up to `indexed` is in no segment, but dead ones. 3. A segment's rows never
 * change: merging makes a new one (BUILDING), and one transaction puts it in the place of the old (DEAD).
 * 4. Object ids are never reused within an epoch (recover.h skips some after a crash), so an index that is
 * newer than the account's database, after power loss, still tells the truth about what exists.
 *
 * Locks: building (one builder at a time), then mutex (the database and what is known of it). Neither is held
 * together with account->mutex, but `building`, which may be held while account->mutex is taken.
 */
#ifndef POSTHORN_STORE_SEARCH_DATABASE_H
#define POSTHORN_STORE_SEARCH_DATABASE_H

#include "store/account.h"
#include "store/search_block.h"

enum { SEARCH_DATABASE_VERSION = 1, SEARCH_KEY_BITS = 25 };

#define SEARCH_SEGMENT_STATE_TABLE(X) X(LIVE) X(BUILDING) X(DEAD)
enum search_segment_state {
#define X(name) SEARCH_SEGMENT_##name,
    SEARCH_SEGMENT_STATE_TABLE(X)
#undef X
};

struct search_segment {
    int64_t id;
    uint64_t first; /* object ids */
    uint64_t last;
    int64_t objects; /* that were alive when it was made */
    int64_t text;    /* bytes of folded text, about */
    bool any;        /* some may hold anything */
};

#define SEARCH_STATEMENT_TABLE(X)                                                                       \
    X(BEGIN, "BEGIN")                                                                                   \
    X(COMMIT, "COMMIT")                                                                                 \
    X(META_WRITE, "UPDATE meta SET indexed = ?1, next_segment = ?2, swept = ?3")                        \
    X(SEGMENT_INSERT, "INSERT INTO segment (id, state, first, last, objects, text, any_object) "        \
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")                                            \
    X(SEGMENT_STATE, "UPDATE segment SET state = ?2 WHERE id = ?1")                                     \
    X(SEGMENT_FINISH,                                                                                   \
      "UPDATE segment SET state = 0, objects = ?2, text = ?3, any_object = ?4 WHERE id = ?1")           \
    X(SEGMENT_DELETE, "DELETE FROM segment WHERE id = ?1")                                              \
    X(SEGMENT_LEFT, "SELECT id FROM segment WHERE state <> 0 LIMIT 1")                                  \
    X(BLOCK_INSERT, "INSERT INTO block (key, data) VALUES (?1, ?2)")                                    \
    X(BLOCK_BELOW, "SELECT key, data FROM block WHERE key BETWEEN ?1 AND ?2 ORDER BY key DESC LIMIT 1") \
    X(BLOCK_AT, "SELECT key, data FROM block WHERE key BETWEEN ?1 AND ?2 ORDER BY key LIMIT 1")         \
    X(BLOCK_DELETE, "DELETE FROM block WHERE key BETWEEN ?1 AND "                                       \
                    "coalesce((SELECT key FROM block WHERE key BETWEEN ?1 AND ?2 ORDER BY key "         \
                    "LIMIT 1 OFFSET ?3), ?2)")
enum search_statement {
#define X(name, sql) SEARCH_STATEMENT_##name,
    SEARCH_STATEMENT_TABLE(X)
#undef X
        SEARCH_STATEMENT_COUNT
};

struct search {
    struct account *account;
    pthread_mutex_t building;

    pthread_mutex_t mutex; /* everything below */
    bool open;
    bool missing; /* there is no file, as far as is known */
    bool damaged; /* to be made anew */
    struct database database;
    sqlite3_stmt *statements[SEARCH_STATEMENT_COUNT];
    uint64_t indexed; /* objects up to this one are in it */
    int64_t next_segment;
    int64_t swept;                   /* account->meta.pruned when dead objects were last looked for */
    struct search_segment *segments; /* live, ascending */
    size_t segment_count;
};

/* The account's, made with it; nothing is opened. NULL: no memory. */
struct search *search_new(struct account *account);
void search_free(struct search *search);
/* With the account; it may be opened again. */
void search_close(struct search *search);

/*
 * Locks it for use, opened if need be. Without `create` ERR_NOT_FOUND when there is none that can be used;
 * with it, one is made, or made anew. No lock of the account may be held.
 */
enum err search_begin(struct search *search, bool create, struct error *error) MUST_CHECK;
void search_end(struct search *search);
/* After ERR_CORRUPT from anything below: it is closed, not used any more, and made anew by the next builder.
 */
void search_damaged(struct search *search);
/* Deletes it, locked; the next search_begin with `create` makes a new one. */
enum err search_delete(struct search *search, struct error *error) MUST_CHECK;

/* --- with the lock held --- */

enum err search_statement(struct search *search, enum search_statement which, sqlite3_stmt **ret_statement,
                          struct error *error) MUST_CHECK;
enum err search_step(struct search *search, sqlite3_stmt *statement, bool *ret_row,
                     struct error *error) MUST_CHECK;
enum err search_run(struct search *search, enum search_statement which, const int64_t *values, size_t count,
                    struct error *error) MUST_CHECK;
#define SEARCH_RUN(search, which, error, ...)                                      \
    search_run((search), SEARCH_STATEMENT_##which, (const int64_t[]){__VA_ARGS__}, \
               sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t), (error))
#define SEARCH_RUN_PLAIN(search, which, error) \
    search_run((search), SEARCH_STATEMENT_##which, NULL, 0, (error))
/* The one number that a query gives; for what is asked seldom. */
enum err search_number(struct search *search, const char *query, int64_t *ret_number,
                       struct error *error) MUST_CHECK;
/* After a transaction: rolls back what it left open, when it failed. Returns err. */
enum err search_finish(struct search *search, enum err err) MUST_CHECK;
/* Reads the live segments anew, after a commit that changed them. */
enum err search_segments_read(struct search *search, struct error *error) MUST_CHECK;
enum err search_meta_write(struct search *search, struct error *error) MUST_CHECK;

static inline int64_t search_key(int64_t segment, uint32_t gram)
{
    return segment << SEARCH_KEY_BITS | gram;
}

/* The segment's block at or behind `gram`, or the last one before it; its bytes live until the statement is
 * reset. *ret_block.next == 0: there is none. */
enum err search_block_at(struct search *search, const struct search_segment *segment, uint32_t gram,
                         bool below, sqlite3_stmt **ret_statement, struct search_block *ret_block,
                         struct error *error) MUST_CHECK;

/* Looking up grams of one segment, ascending from call to call. */
struct search_walk {
    struct search *search;
    const struct search_segment *segment;
    sqlite3_stmt *statement;
    struct search_block block; /* next == 0: none is open */
};
void search_walk_end(struct search_walk *walk); /* for CLEANUP */
/* The entry lives until the next call. */
enum err search_walk_find(struct search_walk *walk, uint32_t gram, struct search_entry *ret_entry,
                          bool *ret_found, struct error *error) MUST_CHECK;

#endif
