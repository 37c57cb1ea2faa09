#include "store/due.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/expire.h"
#include "store/registry.h"

enum { LIST_ARENA_MAX = 256 * 1024 * 1024 };

struct due {
    struct store *store;
    struct database database;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS due (account INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS due_at ON due (at);";

static enum err run(struct due *due, const char *sql, int64_t first, int64_t second, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(due->database.sqlite, sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, first);
        if (sqlite3_bind_parameter_count(statement) > 1)
            sqlite3_bind_int64(statement, 2, second);
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? ERR_OK
                               : volume_database_fail(&due->database, "writing when accounts are due", error);
}

static enum err exec(struct due *due, const char *sql, struct error *error)
{
    if (sqlite3_exec(due->database.sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
        return volume_database_fail(&due->database, sql, error);
    return ERR_OK;
}

/* The transaction that exec began. */
static enum err finish(struct due *due, enum err err, struct error *error)
{
    if (err == ERR_OK)
        err = exec(due, "COMMIT", error);
    if (err != ERR_OK)
        volume_database_undo(&due->database);
    return err;
}

static enum err fill(struct due *due, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(LIST_ARENA_MAX);
    struct account_id *ids;
    size_t count = 0;
    int64_t now = clock_wall_us();
    enum err err = store_account_list(due->store, &arena, &ids, &count, error);
    if (err == ERR_OK)
        err = exec(due, "BEGIN", error);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = run(due, "INSERT OR IGNORE INTO due (account, at) VALUES (?1, ?2)", (int64_t)ids[i].v,
                  now + (int64_t)(id_random() % (uint64_t)CLOCK_DAY), error);
    return finish(due, err, error);
}

enum err due_open(struct store *store, struct due **ret_due, struct error *error)
{
    struct due *due = calloc(1, sizeof(*due));
    if (due == NULL)
        return fail_nomem(error);
    due->store = store;
    due->database.wal_fd = -1;
    enum err err = volume_database_open(store->volume, "due.db", true, &due->database, error);
    if (err == ERR_OK)
        err = exec(due, schema, error);
    if (err == ERR_CORRUPT) { /* it can be made anew */
        volume_database_close(&due->database);
        due->database.wal_fd = -1;
        err = volume_file_remove(store->volume, "due.db", error);
        if (err == ERR_OK)
            err = volume_database_open(store->volume, "due.db", true, &due->database, error);
        if (err == ERR_OK)
            err = exec(due, schema, error);
    }
    if (err == ERR_OK)
        err = fill(due, error);
    if (err != ERR_OK) {
        due_close(due);
        return err;
    }
    *ret_due = due;
    return ERR_OK;
}

void due_close(struct due *due)
{
    if (due == NULL)
        return;
    volume_database_close(&due->database);
    free(due);
}

/* --- notes --- */

struct due_note {
    struct account_id id;
    int64_t at;
    struct due_note *next;
};

static bool note_put(struct store *store, struct account_id id, int64_t at)
{
    struct due_note *note = malloc(sizeof(*note));
    if (note == NULL)
        return false; /* the next change notes it */
    pthread_mutex_lock(&store->mutex);
    *note = (struct due_note){id, at, store->due_notes};
    store->due_notes = note;
    pthread_mutex_unlock(&store->mutex);
    return true;
}

void due_changed(struct account *account, bool soon)
{
    if (account->due_noted && (!soon || account->due_soon))
        return;
    int64_t now = clock_wall_us();
    int64_t at = soon ? now : now + expire_soonest_us(&account->limits);
    if (!note_put(account->store, account->id, at))
        return;
    account->due_noted = true;
    account->due_soon = soon;
    account->due_us = MIN(account->due_us, at);
}

void due_changed_limits(struct store *store, struct account_id id)
{
    note_put(store, id, clock_wall_us());
}

void due_notes_free(struct due_note *notes)
{
    while (notes != NULL) {
        struct due_note *next = notes->next;
        free(notes);
        notes = next;
    }
}

enum err due_collect(struct due *due, struct error *error)
{
    struct store *store = due->store;
    pthread_mutex_lock(&store->mutex);
    struct due_note *notes = take(store->due_notes);
    pthread_mutex_unlock(&store->mutex);
    if (notes == NULL)
        return ERR_OK;
    enum err err = exec(due, "BEGIN", error);
    for (const struct due_note *note = notes; err == ERR_OK && note != NULL; note = note->next)
        err = run(due,
                  "INSERT INTO due (account, at) VALUES (?1, ?2) "
                  "ON CONFLICT (account) DO UPDATE SET at = min(at, excluded.at)",
                  (int64_t)note->id.v, note->at, error);
    due_notes_free(notes);
    return finish(due, err, error);
}

/* --- visits --- */

enum err due_find(struct due *due, int64_t now, struct account_id ret_ids[static DUE_VISITS_MAX],
                  size_t *ret_count, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    size_t count = 0;
    int code = sqlite3_prepare_v2(due->database.sqlite,
                                  "SELECT account FROM due WHERE at <= ?1 ORDER BY at LIMIT ?2", -1,
                                  &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, now);
        sqlite3_bind_int64(statement, 2, DUE_VISITS_MAX);
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
            ret_ids[count++].v = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    *ret_count = count;
    return code == SQLITE_DONE ? ERR_OK
                               : volume_database_fail(&due->database, "asking which accounts are due", error);
}

enum err due_set(struct due *due, struct account_id id, int64_t at, struct error *error)
{
    return run(due, "INSERT OR REPLACE INTO due (account, at) VALUES (?1, ?2)", (int64_t)id.v, at, error);
}

enum err due_forget(struct due *due, struct account_id id, struct error *error)
{
    return run(due, "DELETE FROM due WHERE account = ?1", (int64_t)id.v, 0, error);
}

int64_t due_after_visit(int64_t now, int64_t next)
{
    return MAX(MIN(next, now + DUE_DAYS_MAX * CLOCK_DAY), now + DUE_HOURS_MIN * CLOCK_HOUR);
}
