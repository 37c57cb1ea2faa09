/*
 * queue.db: one row an entry. `next` says when something is to be done: 0 at once, a wall time for a later
 * attempt, the largest integer when only the relay can go on.
 */
#include "queue/database.h"

#include <stdlib.h>

#include "rt/metrics.h"

enum { TIME_FLUSHED = 1 }; /* a person wants it now: STATEMENT_FLUSH */

void database_bind_blob(sqlite3_stmt *statement, int at, struct slice s)
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

int64_t database_column_time(sqlite3_stmt *statement, int at)
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
    return database_run(queue, STATEMENT_SUBMITTED, error);
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
        database_bind_blob(statement, 4, job->envelope);
    }
    if (job->kind == JOB_INSERT)
        database_bind_blob(statement, 5, job->body);
    enum err err = database_run(queue, of_kind[job->kind], error);
    return err == ERR_OK && job->submitted != NULL ? write_submitted(queue, job->submitted, error) : err;
}

static enum err commit(struct queue *queue, const struct job *jobs, struct error *error)
{
    enum err err = database_run(queue, STATEMENT_BEGIN, error);
    if (err != ERR_OK)
        return err;
    for (const struct job *job = jobs; job != NULL && err == ERR_OK; job = job->next)
        err = run_job(queue, job, error);
    if (err == ERR_OK)
        err = database_run(queue, STATEMENT_COMMIT, error);
    if (err != ERR_OK)
        volume_database_undo(&queue->database);
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

struct slice database_column_blob(sqlite3_stmt *statement, int at)
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
        struct slice body = database_column_blob(statement, 0);
        if (body.n != entry->size)
            err = fail(error, ERR_CORRUPT, NULL, "queue entry %llu: body of %zu bytes, not %llu",
                       (unsigned long long)entry->id.v, body.n, (unsigned long long)entry->size);
        else if ((entry->body = malloc(body.n + 1)) == NULL)
            err = fail_nomem(error);
        else if (body.n > 0)
            memcpy(entry->body, body.p, body.n);
    } else {
        err = database_fail(queue, "reading a body", error);
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
        err = database_fail(queue, "reading an entry", error);
    else
        err = entry_decode(id, database_column_blob(statement, 1), &entry, error);
    if (err == ERR_OK) {
        entry->next_us = sqlite3_column_int64(statement, 0);
        entry->relay_us = database_column_time(statement, 2);
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
    return database_run(queue, which, error);
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
                       : database_fail(queue, "looking for what is due", error);
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
                                                .relay_us = database_column_time(statement, 3)};
    enum err err =
        code == SQLITE_DONE || code == SQLITE_ROW ? ERR_OK : database_fail(queue, "listing", error);
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
    database_bind_blob(queue->statements[which], 1, key);
    if (which == STATEMENT_HOLD)
        sqlite3_bind_int64(queue->statements[which], 2, since_us);
    enum err err = database_run(queue, which, error);
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
    enum err err = database_run(queue, STATEMENT_UNPARK, error);
    pthread_mutex_unlock(&queue->database_lock);
    return err;
}
