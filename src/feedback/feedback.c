/*
 * A database for each kind: a row for each day, policy and kind of message, with a count. Nothing is synced
 * for a note; WAL keeps the database whole.
 *
 * Invariant: rows of a day that is not over are only added to; those of a day that is over are only taken
 * away.
 */
#include "feedback/feedback.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/must.h"
#include "feedback/kind.h"
#include "feedback/tls_note.h"
#include "store/migrate.h"

enum { REPORT_ARENA_MAX = 64 * 1024 * 1024 };

static const struct {
    const char *file;
    size_t addresses_max; /* bytes */
    feedback_report_fn *send;
} kinds[FEEDBACK_KINDS] = {
    [FEEDBACK_DMARC] = {"feedback.db", SIGHTING_ADDRESSES_MAX *(SIGHTING_ADDRESS_MAX + 1), aggregate_send},
    [FEEDBACK_TLS] = {"tls_feedback.db", TLS_NOTE_ADDRESSES_MAX *(TLS_NOTE_ADDRESS_MAX + 1), tls_report_send},
};

enum statement { NOTE, COUNT_ROWS, DUE, ROWS, FORGET, STATEMENTS };

static const char *const statement_texts[STATEMENTS] = {
    [NOTE] =
        "INSERT INTO sighting (day, domain, policy, row, addresses, count) VALUES (?1, ?2, ?3, ?4, ?5, 1)"
        " ON CONFLICT (day, domain, policy, row) DO UPDATE SET count = count + 1, addresses = ?5",
    [COUNT_ROWS] = "SELECT count(*) FROM sighting",
    [DUE] = "SELECT day, domain, policy, max(addresses) FROM sighting WHERE day < ?1"
            " AND (day, domain, policy) > (?2, ?3, ?4) GROUP BY day, domain, policy ORDER BY day, domain, "
            "policy LIMIT 1",
    [ROWS] = "SELECT row, count FROM sighting WHERE day = ?1 AND domain = ?2 AND policy = ?3 LIMIT ?4",
    [FORGET] = "DELETE FROM sighting WHERE day = ?1 AND domain = ?2 AND policy = ?3",
};

/* Those of before versions were counted have the table already. */
static const char *const migrations[] = {"CREATE TABLE IF NOT EXISTS sighting ("
                                         " day INTEGER NOT NULL," /* since 1970, UTC */
                                         " domain BLOB NOT NULL,"
                                         " policy BLOB NOT NULL,"
                                         " row BLOB NOT NULL,"
                                         " addresses BLOB NOT NULL,"
                                         " count INTEGER NOT NULL,"
                                         " PRIMARY KEY (day, domain, policy, row)) WITHOUT ROWID"};

struct feedback {
    struct database database;
    sqlite3_stmt *statements[STATEMENTS];
    struct feedback_options options;
    char *hostname;       /* of the options */
    pthread_mutex_t lock; /* of the database */
    uint64_t rows;        /* as of the last look; an upper bound of what is there */
    pthread_t thread;
    bool started;
    pthread_mutex_t stop_lock;
    pthread_cond_t stop;
    bool stopping;
};

/* --- the database; locked --- */

static enum err fail_sql(const struct feedback *f, enum statement which, struct error *error)
{
    return volume_database_fail(&f->database, statement_texts[which], error);
}

static void bind_slice(sqlite3_stmt *statement, int at, struct slice s)
{
    sqlite3_bind_blob64(statement, at, s.n > 0 ? s.p : "", s.n, SQLITE_STATIC);
}

static struct slice column_slice(sqlite3_stmt *statement, int at, struct arena *arena)
{
    const void *bytes = sqlite3_column_blob(statement, at);
    return arena_dup(arena, slice_of(bytes, (size_t)sqlite3_column_bytes(statement, at)));
}

/* For a statement without rows. */
static enum err run(struct feedback *f, enum statement which, struct error *error)
{
    sqlite3_stmt *statement = f->statements[which];
    enum err err = sqlite3_step(statement) == SQLITE_DONE ? ERR_OK : fail_sql(f, which, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return err;
}

static enum err count_rows(struct feedback *f, struct error *error)
{
    sqlite3_stmt *statement = f->statements[COUNT_ROWS];
    enum err err = sqlite3_step(statement) == SQLITE_ROW ? ERR_OK : fail_sql(f, COUNT_ROWS, error);
    if (err == ERR_OK)
        f->rows = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return err;
}

static enum err prepare(struct feedback *f, struct error *error)
{
    enum err err = database_migrate(&f->database, migrations, ARRAY_LEN(migrations), error);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(f->database.sqlite, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &f->statements[i], NULL) != SQLITE_OK)
            return fail_sql(f, (enum statement)i, error);
    return count_rows(f, error);
}

enum err feedback_open(const struct feedback_options *options, struct feedback **ret_feedback,
                       struct error *error)
{
    struct feedback *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return fail_nomem(error);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&f->lock, NULL);
    pthread_mutex_init(&f->stop_lock, NULL);
    f->options = *options;
    f->options.hostname = f->hostname = strdup(options->hostname);
    enum err err = f->hostname != NULL ? volume_database_open(options->volume, kinds[options->kind].file,
                                                              true, &f->database, error)
                                       : fail_nomem(error);
    if (err == ERR_OK)
        err = prepare(f, error);
    if (err != ERR_OK) {
        feedback_close(f);
        return err;
    }
    *ret_feedback = f;
    return ERR_OK;
}

void feedback_close(struct feedback *f)
{
    if (f == NULL)
        return;
    if (f->started) {
        pthread_mutex_lock(&f->stop_lock);
        f->stopping = true;
        pthread_cond_signal(&f->stop);
        pthread_mutex_unlock(&f->stop_lock);
        pthread_join(f->thread, NULL);
    }
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(f->statements[i]);
    volume_database_close(&f->database);
    pthread_cond_destroy(&f->stop);
    pthread_mutex_destroy(&f->stop_lock);
    pthread_mutex_destroy(&f->lock);
    free(f->hostname);
    free(f);
}

enum err feedback_note(struct feedback *f, const struct feedback_note *note, int64_t now_us,
                       struct error *error)
{
    enum err err = ERR_OK;
    if (note->policy.n > SIGHTING_BYTES_MAX || note->row.n > SIGHTING_BYTES_MAX ||
        note->domain.n > RESOLVER_NAME_MAX || note->domain.n == 0 || note->addresses.n == 0 ||
        note->addresses.n > kinds[f->options.kind].addresses_max)
        return fail(error, ERR_INVALID, NULL, "a sighting beyond its limits");
    pthread_mutex_lock(&f->lock);
    /* Each note may be a new row: when they could be too many, they are counted. */
    if (f->rows >= FEEDBACK_ROWS_MAX)
        err = count_rows(f, error);
    if (err == ERR_OK && f->rows >= FEEDBACK_ROWS_MAX)
        err = fail(error, ERR_LIMIT, NULL, "%d rows for reports are kept", FEEDBACK_ROWS_MAX);
    if (err == ERR_OK) {
        sqlite3_stmt *statement = f->statements[NOTE];
        sqlite3_bind_int64(statement, 1, now_us / CLOCK_SECOND / FEEDBACK_DAY_SECONDS);
        bind_slice(statement, 2, note->domain);
        bind_slice(statement, 3, note->policy);
        bind_slice(statement, 4, note->row);
        bind_slice(statement, 5, note->addresses);
        err = run(f, NOTE, error);
        f->rows++;
    }
    pthread_mutex_unlock(&f->lock);
    return err;
}

/* --- reports --- */

/* The next one behind `due`; *ret_any false: there is none. */
static enum err next_due(struct feedback *f, int64_t today, struct feedback_due *due, struct arena *arena,
                         bool *ret_any, struct error *error)
{
    sqlite3_stmt *statement = f->statements[DUE];
    pthread_mutex_lock(&f->lock);
    sqlite3_bind_int64(statement, 1, today);
    sqlite3_bind_int64(statement, 2, due->day);
    bind_slice(statement, 3, due->domain);
    bind_slice(statement, 4, due->policy);
    int code = sqlite3_step(statement);
    enum err err = code == SQLITE_ROW || code == SQLITE_DONE ? ERR_OK : fail_sql(f, DUE, error);
    *ret_any = code == SQLITE_ROW;
    if (*ret_any)
        *due = (struct feedback_due){sqlite3_column_int64(statement, 0), column_slice(statement, 1, arena),
                                     column_slice(statement, 2, arena), column_slice(statement, 3, arena)};
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    pthread_mutex_unlock(&f->lock);
    return err == ERR_OK && arena_failed(arena) ? fail_nomem(error) : err;
}

static enum err read_rows(struct feedback *f, const struct feedback_due *due, struct arena *arena,
                          struct feedback_row **ret_rows, size_t *ret_count, struct error *error)
{
    sqlite3_stmt *statement = f->statements[ROWS];
    struct feedback_row *rows = arena_array(arena, FEEDBACK_REPORT_ROWS_MAX, sizeof(*rows));
    int code = SQLITE_DONE;
    size_t count = 0;
    if (rows == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&f->lock);
    sqlite3_bind_int64(statement, 1, due->day);
    bind_slice(statement, 2, due->domain);
    bind_slice(statement, 3, due->policy);
    sqlite3_bind_int64(statement, 4, FEEDBACK_REPORT_ROWS_MAX);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        rows[count++] = (struct feedback_row){column_slice(statement, 0, arena),
                                              (uint64_t)sqlite3_column_int64(statement, 1)};
    enum err err = code == SQLITE_DONE ? ERR_OK : fail_sql(f, ROWS, error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    pthread_mutex_unlock(&f->lock);
    *ret_rows = rows;
    *ret_count = count;
    return err == ERR_OK && arena_failed(arena) ? fail_nomem(error) : err;
}

static enum err forget(struct feedback *f, const struct feedback_due *due, struct error *error)
{
    sqlite3_stmt *statement = f->statements[FORGET];
    pthread_mutex_lock(&f->lock);
    sqlite3_bind_int64(statement, 1, due->day);
    bind_slice(statement, 2, due->domain);
    bind_slice(statement, 3, due->policy);
    enum err err = run(f, FORGET, error);
    pthread_mutex_unlock(&f->lock);
    return err;
}

static enum err send_one(struct feedback *f, const struct feedback_due *due, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(REPORT_ARENA_MAX);
    struct feedback_row *rows = NULL;
    size_t count = 0;
    enum err err = read_rows(f, due, &arena, &rows, &count, error);
    if (err == ERR_OK)
        err = kinds[f->options.kind].send(&f->options, due, rows, count, error);
    return err == ERR_OK || err == ERR_INVALID ? forget(f, due, error) : err;
}

enum err feedback_send(struct feedback *f, int64_t now_us, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(REPORT_ARENA_MAX);
    int64_t today = now_us / CLOCK_SECOND / FEEDBACK_DAY_SECONDS;
    struct feedback_due due = {.day = -1};
    enum err result = ERR_OK;
    bool any;
    for (;;) {
        struct error own;
        enum err err = next_due(f, today, &due, &arena, &any, error);
        if (err != ERR_OK)
            return err;
        if (!any)
            break;
        if (send_one(f, &due, &own) == ERR_OK)
            continue;
        LOG(LOG_WARN, NO_SID, "feedback.not_sent", F_STR("domain", due.domain), F_ERR(&own));
        result = own.code;
        *error = own;
    }
    return result;
}

static void *look_again_and_again(void *context)
{
    struct feedback *f = context;
    struct error error;
    pthread_mutex_lock(&f->stop_lock);
    while (!f->stopping) {
        struct timespec until;
        pthread_mutex_unlock(&f->stop_lock);
        if (feedback_send(f, clock_wall_us(), &error) != ERR_OK)
            LOG(LOG_ERROR, NO_SID, "feedback.send", F_ERR(&error));
        pthread_mutex_lock(&f->stop_lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += FEEDBACK_LOOK_SECONDS;
        if (!f->stopping)
            (void)pthread_cond_timedwait(&f->stop, &f->stop_lock, &until);
    }
    pthread_mutex_unlock(&f->stop_lock);
    return NULL;
}

enum err feedback_start(struct feedback *f, struct error *error)
{
    must(!f->started);
    int result = pthread_create(&f->thread, NULL, look_again_and_again, f);
    if (result != 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "thread for reports: %s", strerror(result));
    f->started = true;
    return ERR_OK;
}
