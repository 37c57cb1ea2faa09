/*
 * queue.db: one row an entry. `next` says when something is to be done: 0 at once, a wall time for a later
 * attempt, the largest integer when only the relay can go on.
 */
#include <stdlib.h>

#include "queue/internal.h"
#include "rt/metrics.h"

enum { TIME_FLUSHED = 1 }; /* a person wants it now: STATEMENT_FLUSH */

static const char *const statement_texts[STATEMENTS] = {
    [STATEMENT_INSERT] = "INSERT INTO entry (id, next, relay, envelope, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_UPDATE] = "UPDATE entry SET next = ?2, relay = ?3, envelope = ?4 WHERE id = ?1",
    [STATEMENT_DELETE] = "DELETE FROM entry WHERE id = ?1",
    [STATEMENT_LOAD] = "SELECT next, envelope, relay FROM entry WHERE id = ?1",
    [STATEMENT_BODY] = "SELECT body FROM entry WHERE id = ?1",
    [STATEMENT_DUE] = "SELECT id, next FROM entry WHERE next <= ?1 AND next > 0 ORDER BY next LIMIT ?2",
    [STATEMENT_RELAY_DUE] =
        "SELECT id, relay FROM entry WHERE relay <= ?1 AND relay > 0 ORDER BY relay LIMIT ?2",
    [STATEMENT_RELAY_NEXT] = "SELECT min(relay) FROM entry WHERE relay > 0",
    [STATEMENT_SET_RELAY] = "UPDATE entry SET relay = ?2 WHERE id = ?1",
    [STATEMENT_SET_NEXT] = "UPDATE entry SET next = ?2 WHERE id = ?1",
    [STATEMENT_NEXT_DUE] = "SELECT min(next) FROM entry WHERE next > 0 AND next < 9223372036854775807",
    [STATEMENT_LIST] = "SELECT id, next, envelope, relay FROM entry WHERE id > ?1 ORDER BY id LIMIT ?2",
    [STATEMENT_FLUSH] =
        "UPDATE entry SET next = 1 WHERE next > 1 AND next < 9223372036854775807 AND (?1 = 0 OR id = ?1)",
    [STATEMENT_FLUSH_RELAY] = "UPDATE entry SET relay = 1 WHERE relay > 1 AND (?1 = 0 OR id = ?1)",
    [STATEMENT_SUBMITTED] =
        "INSERT OR REPLACE INTO submitted (account, at, told, messages_hour, messages_day, recipients_hour,"
        " recipients_day) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_HOLD] = "INSERT INTO hold (key, since) VALUES (?1, ?2)",
    [STATEMENT_RELEASE] = "DELETE FROM hold WHERE key = ?1",
    [STATEMENT_UNPARK] = "UPDATE entry SET relay = 2 WHERE relay > 2 AND (?1 = 0 OR id = ?1)",
    [STATEMENT_MAX_ID] = "SELECT max(id) FROM entry",
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
};

static const char *const migrations[] = {
    "CREATE TABLE entry ("
    " id INTEGER PRIMARY KEY,"
    " next INTEGER NOT NULL,"
    " envelope BLOB NOT NULL,"
    " body BLOB);" /* NULL: in a spool file */
    "CREATE INDEX entry_next ON entry (next);",
    /* NULL: nothing for the relay; 0: on its list; else when it is due. */
    "ALTER TABLE entry ADD COLUMN relay INTEGER;"
    "UPDATE entry SET relay = 0 WHERE next = 9223372036854775807;"
    "CREATE INDEX entry_relay ON entry (relay) WHERE relay IS NOT NULL;",
    "CREATE TABLE hold (key BLOB PRIMARY KEY, since INTEGER NOT NULL) WITHOUT ROWID;",
    /* what accounts have submitted: allowance.h */
    "CREATE TABLE submitted (account INTEGER PRIMARY KEY, at INTEGER NOT NULL, told INTEGER NOT NULL,"
    " messages_hour REAL NOT NULL, messages_day REAL NOT NULL, recipients_hour REAL NOT NULL,"
    " recipients_day REAL NOT NULL);",
};

static enum err fail_sql(struct queue *queue, const char *doing, struct error *error)
{
    int code = sqlite3_errcode(queue->database.sqlite);
    enum err kind = code == SQLITE_NOMEM                              ? ERR_NOMEM
                    : code == SQLITE_FULL || code == SQLITE_BUSY      ? ERR_UNAVAILABLE
                    : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_CORRUPT
                                                                      : ERR_IO;
    return fail(error, kind, NULL, "queue.db: %s: %s", doing, sqlite3_errmsg(queue->database.sqlite));
}

static enum err migrate(struct queue *queue, struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(queue->database.sqlite, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK)
        return fail_sql(queue, "reading the version", error);
    int version = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    sqlite3_finalize(statement);
    if (version < 0)
        return fail_sql(queue, "reading the version", error);
    if (version > (int)ARRAY_LEN(migrations))
        return fail(error, ERR_VERSION, NULL, "queue.db has version %d; this program knows %zu", version,
                    ARRAY_LEN(migrations));
    for (size_t i = (size_t)version; i < ARRAY_LEN(migrations); i++) {
        CLEANUP(buf_release) struct buf sql = BUF(4096);
        buf_printf(&sql, "BEGIN IMMEDIATE;%s PRAGMA user_version = %zu; COMMIT", migrations[i], i + 1);
        const char *text = buf_cstr(&sql);
        if (text == NULL || sqlite3_exec(queue->database.sqlite, text, NULL, NULL, NULL) != SQLITE_OK)
            return fail_sql(queue, "making the tables", error);
    }
    return ERR_OK;
}

/* Those of messages that are gone go too. */
static enum err load_holds(struct queue *queue, struct error *error)
{
    static const char tidy[] = "DELETE FROM hold WHERE substr(key, 1, 1) = x'31' AND key NOT IN"
                               " (SELECT CAST('1' || printf('%016x', id) AS BLOB) FROM entry)";
    sqlite3_stmt *statement;
    enum err err = ERR_OK;
    int code;
    if (sqlite3_exec(queue->database.sqlite, tidy, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(queue->database.sqlite, "SELECT key, since FROM hold", -1, &statement, NULL) !=
            SQLITE_OK)
        return fail_sql(queue, "reading the holds", error);
    while (err == ERR_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        err = hold_load(
            queue, slice_of(sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0)),
            sqlite3_column_int64(statement, 1), error);
    if (err == ERR_OK && code != SQLITE_DONE)
        err = fail_sql(queue, "reading the holds", error);
    sqlite3_finalize(statement);
    return err;
}

/* What is so old that all of it has sunk goes. */
static enum err load_submitted(struct queue *queue, struct error *error)
{
    static const char old[] = "DELETE FROM submitted WHERE max(at, told) < ?1";
    static const char all[] = "SELECT account, at, told, messages_hour, messages_day, recipients_hour,"
                              " recipients_day FROM submitted";
    sqlite3_stmt *statement = NULL;
    enum err err = ERR_OK;
    int code = sqlite3_prepare_v2(queue->database.sqlite, old, -1, &statement, NULL);
    if (code == SQLITE_OK)
        sqlite3_bind_int64(statement, 1, clock_wall_us() - CLOCK_DAY);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE ||
        sqlite3_prepare_v2(queue->database.sqlite, all, -1, &statement, NULL) != SQLITE_OK)
        return fail_sql(queue, "reading what was submitted", error);
    while (err == ERR_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct submitted row = {.account = {(uint64_t)sqlite3_column_int64(statement, 0)},
                                .at_us = sqlite3_column_int64(statement, 1),
                                .told_us = sqlite3_column_int64(statement, 2)};
        for (int i = 0; i < ALLOWANCES; i++)
            row.levels[i] = sqlite3_column_double(statement, 3 + i);
        err = allowance_load(queue, &row, error);
    }
    if (err == ERR_OK && code != SQLITE_DONE)
        err = fail_sql(queue, "reading what was submitted", error);
    sqlite3_finalize(statement);
    return err;
}

enum err database_setup(struct queue *queue, struct error *error)
{
    enum err err = volume_database_open(queue->volume, "queue.db", true, &queue->database, error);
    if (err != ERR_OK)
        return err;
    err = migrate(queue, error);
    for (size_t i = 0; i < STATEMENTS && err == ERR_OK; i++)
        if (sqlite3_prepare_v3(queue->database.sqlite, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &queue->statements[i], NULL) != SQLITE_OK)
            err = fail_sql(queue, statement_texts[i], error);
    if (err == ERR_OK)
        err = load_holds(queue, error);
    if (err == ERR_OK)
        err = load_submitted(queue, error);
    if (err != ERR_OK)
        database_teardown(queue);
    return err;
}

void database_teardown(struct queue *queue)
{
    for (size_t i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(queue->statements[i]);
        queue->statements[i] = NULL;
    }
    if (queue->database.sqlite != NULL)
        volume_database_close(&queue->database);
}

/* Runs a statement that gives no rows. */
static enum err run(struct queue *queue, enum statement which, struct error *error)
{
    sqlite3_stmt *statement = queue->statements[which];
    int code = sqlite3_step(statement);
    enum err err = code == SQLITE_DONE ? ERR_OK : fail_sql(queue, statement_texts[which], error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return err;
}

static void bind_blob(sqlite3_stmt *statement, int at, struct slice s)
{
    if (s.p == NULL)
        sqlite3_bind_null(statement, at);
    else
        sqlite3_bind_blob64(statement, at, s.p, s.n, SQLITE_STATIC);
}

static void bind_time(sqlite3_stmt *statement, int at, int64_t relay_us)
{
    if (relay_us == ENTRY_RELAY_NONE)
        sqlite3_bind_null(statement, at);
    else
        sqlite3_bind_int64(statement, at, relay_us);
}

static int64_t column_time(sqlite3_stmt *statement, int at)
{
    return sqlite3_column_type(statement, at) == SQLITE_NULL ? ENTRY_RELAY_NONE
                                                             : sqlite3_column_int64(statement, at);
}

static enum err write_submitted(struct queue *queue, const struct submitted *row, struct error *error)
{
    sqlite3_stmt *statement = queue->statements[STATEMENT_SUBMITTED];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)row->account.v);
    sqlite3_bind_int64(statement, 2, row->at_us);
    sqlite3_bind_int64(statement, 3, row->told_us);
    for (int i = 0; i < ALLOWANCES; i++)
        sqlite3_bind_double(statement, 4 + i, row->levels[i]);
    return run(queue, STATEMENT_SUBMITTED, error);
}

static enum err run_job(struct queue *queue, const struct job *job, struct error *error)
{
    static const enum statement of_kind[] = {
        [JOB_INSERT] = STATEMENT_INSERT,
        [JOB_UPDATE] = STATEMENT_UPDATE,
        [JOB_DELETE] = STATEMENT_DELETE,
    };
    sqlite3_stmt *statement = queue->statements[of_kind[job->kind]];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)job->id.v);
    if (job->kind != JOB_DELETE) {
        sqlite3_bind_int64(statement, 2, job->next_us);
        bind_time(statement, 3, job->relay_us);
        bind_blob(statement, 4, job->envelope);
    }
    if (job->kind == JOB_INSERT)
        bind_blob(statement, 5, job->body);
    enum err err = run(queue, of_kind[job->kind], error);
    return err == ERR_OK && job->submitted != NULL ? write_submitted(queue, job->submitted, error) : err;
}

static enum err commit(struct queue *queue, const struct job *jobs, struct error *error)
{
    enum err err = run(queue, STATEMENT_BEGIN, error);
    if (err != ERR_OK)
        return err;
    for (const struct job *job = jobs; job != NULL && err == ERR_OK; job = job->next)
        err = run_job(queue, job, error);
    if (err == ERR_OK)
        err = run(queue, STATEMENT_COMMIT, error);
    if (err != ERR_OK) {
        struct error ignored;
        if (!sqlite3_get_autocommit(queue->database.sqlite) &&
            run(queue, STATEMENT_ROLLBACK, &ignored) != ERR_OK)
            error_context(error, "rolling back failed too: %s", ignored.detail);
    }
    return err;
}

/* Committed, but refused since the sync failed: their senders will bring them again, so a restart must not
 * find them. */
static void take_back(struct queue *queue, const struct job *jobs)
{
    struct error error;
    for (const struct job *job = jobs; job != NULL; job = job->next) {
        struct job undo = {.kind = JOB_DELETE, .id = job->id};
        if (job->kind == JOB_INSERT && commit(queue, &undo, &error) != ERR_OK)
            LOG(LOG_ERROR, NO_SID, "queue.take_back", F_INT("entry", job->id.v), F_ERR(&error));
    }
}

enum err database_commit(struct queue *queue, struct job *jobs, bool sync, struct error *error)
{
    /* Once a sync has failed nothing more can be made durable; so nothing more is written. */
    enum err err = sync ? volume_database_usable(&queue->database, error) : ERR_OK;
    if (err == ERR_OK)
        err = commit(queue, jobs, error);
    if (err != ERR_OK || !sync)
        return err;
    int64_t begun = clock_mono_us();
    err = volume_database_sync(&queue->database, error);
    metric_observe(SYNC, METRIC_SYNC_QUEUE, clock_mono_us() - begun);
    if (err != ERR_OK) {
        metric_count(SYNC_FAILURES, METRIC_SYNC_QUEUE);
        metric_set(QUEUE_BROKEN, METRIC_ONE, 1);
        take_back(queue, jobs);
    }
    return err;
}

static struct slice column_blob(sqlite3_stmt *statement, int at)
{
    const void *p = sqlite3_column_blob(statement, at);
    return slice_of(p, (size_t)sqlite3_column_bytes(statement, at));
}

static enum err load_body(struct queue *queue, struct entry *entry, struct error *error)
{
    sqlite3_stmt *statement = queue->statements[STATEMENT_BODY];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)entry->id.v);
    enum err err = ERR_OK;
    if (sqlite3_step(statement) == SQLITE_ROW) {
        struct slice body = column_blob(statement, 0);
        if (body.n != entry->size)
            err = fail(error, ERR_CORRUPT, NULL, "queue entry %llu: body of %zu bytes, not %llu",
                       (unsigned long long)entry->id.v, body.n, (unsigned long long)entry->size);
        else if ((entry->body = malloc(body.n + 1)) == NULL)
            err = fail_nomem(error);
        else if (body.n > 0)
            memcpy(entry->body, body.p, body.n);
    } else {
        err = fail_sql(queue, "reading a body", error);
    }
    sqlite3_reset(statement);
    return err;
}

static enum err load_locked(struct queue *queue, struct queue_id id, bool body, struct entry **ret_entry,
                            struct error *error)
{
    sqlite3_stmt *statement = queue->statements[STATEMENT_LOAD];
    CLEANUP(entry_release) struct entry *entry = NULL;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)id.v);
    int code = sqlite3_step(statement);
    enum err err = ERR_OK;
    if (code == SQLITE_DONE)
        err = fail(error, ERR_NOT_FOUND, "there is no such message in the queue", "no entry %llu",
                   (unsigned long long)id.v);
    else if (code != SQLITE_ROW)
        err = fail_sql(queue, "reading an entry", error);
    else
        err = entry_decode(id, column_blob(statement, 1), &entry, error);
    if (err == ERR_OK) {
        entry->next_us = sqlite3_column_int64(statement, 0);
        entry->relay_us = column_time(statement, 2);
    }
    sqlite3_reset(statement);
    if (err == ERR_OK && body && entry->spool == 0)
        err = load_body(queue, entry, error);
    if (err == ERR_OK)
        *ret_entry = take(entry);
    return err;
}

enum err database_load(struct queue *queue, struct queue_id id, bool body, struct entry **ret_entry,
                       struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    pthread_mutex_lock(&queue->database_lock);
    enum err err = load_locked(queue, id, body, &entry, error);
    pthread_mutex_unlock(&queue->database_lock);
    if (err == ERR_OK && body && entry->spool != 0) {
        err = spool_read(queue, entry, error);
        if (err == ERR_NOT_FOUND) /* the entry is there: it was not dropped by hand */
            err = fail(error, ERR_CORRUPT, NULL, "queue entry %llu has lost its spool file",
                       (unsigned long long)id.v);
    }
    if (err == ERR_OK)
        *ret_entry = take(entry);
    return err;
}

enum err database_load_body(struct queue *queue, struct entry *entry, struct error *error)
{
    pthread_mutex_lock(&queue->database_lock);
    enum err err = load_body(queue, entry, error);
    pthread_mutex_unlock(&queue->database_lock);
    return err;
}

static enum err set_time(struct queue *queue, enum statement which, struct queue_id id, int64_t time_us,
                         struct error *error)
{
    sqlite3_bind_int64(queue->statements[which], 1, (sqlite3_int64)id.v);
    sqlite3_bind_int64(queue->statements[which], 2, time_us);
    return run(queue, which, error);
}

enum err database_defer(struct queue *queue, struct queue_id id, int64_t next_us, struct error *error)
{
    pthread_mutex_lock(&queue->database_lock);
    enum err err = set_time(queue, STATEMENT_SET_NEXT, id, next_us, error);
    pthread_mutex_unlock(&queue->database_lock);
    return err;
}

enum err database_defer_relay(struct queue *queue, struct queue_id id, int64_t relay_us, struct error *error)
{
    pthread_mutex_lock(&queue->database_lock);
    enum err err = set_time(queue, STATEMENT_SET_RELAY, id, relay_us, error);
    pthread_mutex_unlock(&queue->database_lock);
    return err;
}

/* What a column says is due, and how it is claimed. */
struct due_column {
    enum statement due;
    enum statement next;
    enum statement claim;
};

static enum err due_locked(struct queue *queue, const struct due_column *column, int64_t now_us,
                           struct due *ret_due, size_t max, size_t *ret_count, int64_t *ret_next_us,
                           struct error *error)
{
    sqlite3_stmt *statement = queue->statements[column->due];
    size_t count = 0;
    int code;
    sqlite3_bind_int64(statement, 1, now_us);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)max);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW && count < max)
        ret_due[count++] = (struct due){.id = {(uint64_t)sqlite3_column_int64(statement, 0)},
                                        .flushed = sqlite3_column_int64(statement, 1) == TIME_FLUSHED};
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW
                       ? ERR_OK
                       : fail_sql(queue, "looking for what is due", error);
    sqlite3_reset(statement);
    /* Claimed, so that nobody picks them twice; after a crash they count as new. */
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        err = set_time(queue, column->claim, ret_due[i].id, 0, error);
    if (err != ERR_OK)
        return err;
    statement = queue->statements[column->next];
    *ret_next_us = INT64_MAX;
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *ret_next_us = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    *ret_count = count;
    return ERR_OK;
}

enum err database_due(struct queue *queue, int64_t now_us, struct due *ret_due, size_t max, size_t *ret_count,
                      int64_t *ret_next_us, struct error *error)
{
    static const struct due_column filing = {STATEMENT_DUE, STATEMENT_NEXT_DUE, STATEMENT_SET_NEXT};
    pthread_mutex_lock(&queue->database_lock);
    enum err err = due_locked(queue, &filing, now_us, ret_due, max, ret_count, ret_next_us, error);
    pthread_mutex_unlock(&queue->database_lock);
    return err;
}

enum err database_relay_due(struct queue *queue, int64_t now_us, struct due *ret_due, size_t max,
                            size_t *ret_count, int64_t *ret_next_us, struct error *error)
{
    static const struct due_column relaying = {STATEMENT_RELAY_DUE, STATEMENT_RELAY_NEXT,
                                               STATEMENT_SET_RELAY};
    pthread_mutex_lock(&queue->database_lock);
    enum err err = due_locked(queue, &relaying, now_us, ret_due, max, ret_count, ret_next_us, error);
    pthread_mutex_unlock(&queue->database_lock);
    return err;
}

uint64_t database_max_id(struct queue *queue)
{
    uint64_t max = 0;
    pthread_mutex_lock(&queue->database_lock);
    sqlite3_stmt *statement = queue->statements[STATEMENT_MAX_ID];
    if (sqlite3_step(statement) == SQLITE_ROW)
        max = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    pthread_mutex_unlock(&queue->database_lock);
    return max;
}

enum err database_pending(struct queue *queue, struct queue_id after, struct pending *ret_pending, size_t max,
                          size_t *ret_count, struct error *error)
{
    size_t count = 0;
    int code = SQLITE_DONE;
    pthread_mutex_lock(&queue->database_lock);
    sqlite3_stmt *statement = queue->statements[STATEMENT_LIST];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)after.v);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)max);
    while (count < max && (code = sqlite3_step(statement)) == SQLITE_ROW)
        ret_pending[count++] = (struct pending){.id = {(uint64_t)sqlite3_column_int64(statement, 0)},
                                                .next_us = sqlite3_column_int64(statement, 1),
                                                .relay_us = column_time(statement, 3)};
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW ? ERR_OK : fail_sql(queue, "listing", error);
    sqlite3_reset(statement);
    pthread_mutex_unlock(&queue->database_lock);
    *ret_count = count;
    return err;
}

/* --- holds --- */

static enum err change_hold(struct queue *queue, enum statement which, struct slice key, int64_t since_us,
                            struct error *error)
{
    pthread_mutex_lock(&queue->database_lock);
    bind_blob(queue->statements[which], 1, key);
    if (which == STATEMENT_HOLD)
        sqlite3_bind_int64(queue->statements[which], 2, since_us);
    enum err err = run(queue, which, error);
    if (err == ERR_OK)
        err = volume_database_sync(&queue->database, error);
    pthread_mutex_unlock(&queue->database_lock);
    return err;
}

enum err database_hold(struct queue *queue, struct slice key, int64_t since_us, struct error *error)
{
    return change_hold(queue, STATEMENT_HOLD, key, since_us, error);
}

enum err database_release(struct queue *queue, struct slice key, struct error *error)
{
    return change_hold(queue, STATEMENT_RELEASE, key, 0, error);
}

enum err database_unpark(struct queue *queue, struct queue_id id, struct error *error)
{
    pthread_mutex_lock(&queue->database_lock);
    sqlite3_bind_int64(queue->statements[STATEMENT_UNPARK], 1, (sqlite3_int64)id.v);
    enum err err = run(queue, STATEMENT_UNPARK, error);
    pthread_mutex_unlock(&queue->database_lock);
    return err;
}

/* --- as people see it --- */

static const char *state_of(struct queue *queue, const struct entry *entry)
{
    if (hold_covers_all(queue, entry))
        return "held";
    if (entry->next_us == ENTRY_NEXT_RELAY)
        return entry->relay_us == ENTRY_RELAY_LISTED ? "waiting" : "deferred";
    return entry->next_us > 0 ? "deferred" : "filing";
}

/* The row as people see it; strings in the arena. */
static bool describe(struct queue *queue, const struct entry *entry, struct arena *arena,
                     struct queue_entry *ret)
{
    const char *state = state_of(queue, entry);
    bool held = entry->relay_us == ENTRY_RELAY_HELD || strcmp(state, "held") == 0;
    *ret = (struct queue_entry){
        .id = entry->id,
        .sender = arena_dup(arena, entry->envelope.sender),
        .recipients = arena_array(arena, entry->recipient_count, sizeof(struct slice)),
        .size = entry->size,
        .received_us = entry->received_us,
        .next_us = MIN(entry->next_us, entry->relay_us > 0 && !held ? entry->relay_us : INT64_MAX),
        .state = slice_cstr(state),
        .sid = entry->envelope.sid,
    };
    for (size_t i = 0; i < entry->recipient_count && ret->recipients != NULL; i++) {
        const struct entry_recipient *r = &entry->recipients[i];
        ret->recipients[ret->recipient_count++] = arena_dup(arena, r->given.address);
        if (ret->reason.n == 0)
            ret->reason = arena_dup(arena, r->reason);
    }
    return !arena_failed(arena);
}

static enum err list_locked(struct queue *queue, struct queue_id after, size_t max, struct arena *arena,
                            struct queue_entry *entries, size_t *ret_count, struct error *error)
{
    sqlite3_stmt *statement = queue->statements[STATEMENT_LIST];
    size_t count = 0;
    int code;
    enum err err = ERR_OK;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)after.v);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)max);
    while (err == ERR_OK && count < max && (code = sqlite3_step(statement)) != SQLITE_DONE) {
        CLEANUP(entry_release) struct entry *entry = NULL;
        if (code != SQLITE_ROW) {
            err = fail_sql(queue, "listing", error);
            break;
        }
        struct queue_id id = {(uint64_t)sqlite3_column_int64(statement, 0)};
        err = entry_decode(id, column_blob(statement, 2), &entry, error);
        if (err == ERR_CORRUPT) {
            entries[count++] = (struct queue_entry){
                .id = id, .state = S("damaged"), .reason = arena_dup(arena, slice_cstr(error->detail))};
            err = ERR_OK;
        } else if (err == ERR_OK) {
            entry->next_us = sqlite3_column_int64(statement, 1);
            entry->relay_us = column_time(statement, 3);
            if (!describe(queue, entry, arena, &entries[count++]))
                err = fail_nomem(error);
        }
    }
    sqlite3_reset(statement);
    *ret_count = count;
    return err;
}

enum err queue_list(struct queue *queue, struct queue_id after, size_t max, struct arena *arena,
                    struct queue_entry **ret_entries, size_t *ret_count, struct error *error)
{
    struct queue_entry *entries = arena_array(arena, max, sizeof(*entries));
    size_t count = 0;
    if (entries == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&queue->database_lock);
    enum err err = list_locked(queue, after, max, arena, entries, &count, error);
    pthread_mutex_unlock(&queue->database_lock);
    if (err != ERR_OK)
        return err;
    *ret_entries = entries;
    *ret_count = count;
    return ERR_OK;
}

enum err queue_get(struct queue *queue, struct queue_id id, struct arena *arena,
                   struct queue_entry *ret_entry, char **ret_body, struct error *error)
{
    CLEANUP(entry_release) struct entry *entry = NULL;
    enum err err = database_load(queue, id, true, &entry, error);
    if (err != ERR_OK)
        return err;
    if (!describe(queue, entry, arena, ret_entry))
        return fail_nomem(error);
    *ret_body = take(entry->body);
    return ERR_OK;
}

enum err queue_flush(struct queue *queue, struct queue_id id, struct error *error)
{
    pthread_mutex_lock(&queue->database_lock);
    sqlite3_bind_int64(queue->statements[STATEMENT_FLUSH], 1, (sqlite3_int64)id.v);
    enum err err = run(queue, STATEMENT_FLUSH, error);
    sqlite3_bind_int64(queue->statements[STATEMENT_FLUSH_RELAY], 1, (sqlite3_int64)id.v);
    if (err == ERR_OK)
        err = run(queue, STATEMENT_FLUSH_RELAY, error);
    pthread_mutex_unlock(&queue->database_lock);
    if (err == ERR_OK) {
        backlog_due_at(queue, 1);
        outbound_flush(queue);
    }
    return err;
}
