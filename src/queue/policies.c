#include "queue/policies.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/migrate.h"

enum statement { PUT, GET, COUNT, OLD, TRIM, STATEMENTS };

static const char *const texts[STATEMENTS] = {
    [PUT] = "INSERT OR REPLACE INTO policy (domain, id, text, fetched, expires) VALUES (?1, ?2, ?3, ?4, ?5)",
    [GET] = "SELECT id, text, fetched, expires FROM policy WHERE domain = ?1 AND expires > ?2",
    [COUNT] = "SELECT count(*) FROM policy WHERE domain != ?1",
    [OLD] = "SELECT domain FROM policy WHERE domain > ?1 AND expires > ?2"
            " AND fetched + min(?3, (expires - fetched) / 2) <= ?2 ORDER BY domain LIMIT ?4",
    [TRIM] = "DELETE FROM policy WHERE expires <= ?1",
};

/* Those of before versions were counted have the table already. */
static const char *const migrations[] = {
    "CREATE TABLE IF NOT EXISTS policy (domain BLOB PRIMARY KEY NOT NULL, id BLOB NOT NULL,"
    " text BLOB NOT NULL, fetched INTEGER NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID",
};

struct policies {
    struct database database;
    sqlite3_stmt *statements[STATEMENTS];
    pthread_mutex_t lock; /* of the database */
};

static enum err fail_sql(const struct policies *p, enum statement which, struct error *error)
{
    return volume_database_fail(&p->database, texts[which], error);
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

static void done_with(struct policies *p, enum statement which)
{
    sqlite3_reset(p->statements[which]);
    sqlite3_clear_bindings(p->statements[which]);
}

/* For a statement without rows. */
static enum err run(struct policies *p, enum statement which, struct error *error)
{
    enum err err = sqlite3_step(p->statements[which]) == SQLITE_DONE ? ERR_OK : fail_sql(p, which, error);
    done_with(p, which);
    return err;
}

static enum err prepare(struct policies *p, struct error *error)
{
    enum err err = database_migrate(&p->database, migrations, ARRAY_LEN(migrations), error);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(p->database.sqlite, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &p->statements[i],
                               NULL) != SQLITE_OK)
            return fail_sql(p, (enum statement)i, error);
    return ERR_OK;
}

enum err policies_open(struct volume *volume, struct policies **ret_policies, struct error *error)
{
    struct policies *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return fail_nomem(error);
    pthread_mutex_init(&p->lock, NULL);
    enum err err = volume_database_open(volume, "policies.db", true, &p->database, error);
    if (err == ERR_OK)
        err = prepare(p, error);
    if (err != ERR_OK) {
        policies_close(p);
        return err;
    }
    *ret_policies = p;
    return ERR_OK;
}

void policies_close(struct policies *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(p->statements[i]);
    volume_database_close(&p->database);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* Locked. */
static enum err make_room(struct policies *p, struct slice domain, int64_t now_us, struct error *error)
{
    sqlite3_bind_int64(p->statements[TRIM], 1, now_us);
    enum err err = run(p, TRIM, error);
    if (err != ERR_OK)
        return err;
    bind_slice(p->statements[COUNT], 1, domain);
    err = sqlite3_step(p->statements[COUNT]) == SQLITE_ROW ? ERR_OK : fail_sql(p, COUNT, error);
    if (err == ERR_OK && sqlite3_column_int64(p->statements[COUNT], 0) >= POLICIES_MAX)
        err = fail(error, ERR_LIMIT, NULL, "%d MTA-STS policies are kept", POLICIES_MAX);
    done_with(p, COUNT);
    return err;
}

enum err policies_put(struct policies *p, const struct kept_policy *policy, int64_t now_us,
                      struct error *error)
{
    if (policy->domain.n == 0 || policy->domain.n > POLICIES_NAME_MAX || policy->id.n > POLICIES_ID_MAX ||
        policy->text.n > POLICIES_TEXT_MAX)
        return fail(error, ERR_INVALID, NULL, "a policy beyond its limits");
    pthread_mutex_lock(&p->lock);
    enum err err = make_room(p, policy->domain, now_us, error);
    if (err == ERR_OK) {
        sqlite3_stmt *statement = p->statements[PUT];
        bind_slice(statement, 1, policy->domain);
        bind_slice(statement, 2, policy->id);
        bind_slice(statement, 3, policy->text);
        sqlite3_bind_int64(statement, 4, policy->fetched_us);
        sqlite3_bind_int64(statement, 5, policy->expires_us);
        err = run(p, PUT, error);
    }
    pthread_mutex_unlock(&p->lock);
    return err == ERR_OK ? volume_database_sync(&p->database, error) : err;
}

enum err policies_get(struct policies *p, struct slice domain, int64_t now_us, struct arena *arena,
                      struct kept_policy *ret_policy, struct error *error)
{
    sqlite3_stmt *statement = p->statements[GET];
    struct kept_policy policy = {.domain = domain};
    enum err err = ERR_OK;
    pthread_mutex_lock(&p->lock);
    bind_slice(statement, 1, domain);
    sqlite3_bind_int64(statement, 2, now_us);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        policy.id = column_slice(statement, 0, arena);
        policy.text = column_slice(statement, 1, arena);
        policy.fetched_us = sqlite3_column_int64(statement, 2);
        policy.expires_us = sqlite3_column_int64(statement, 3);
    } else
        err = code == SQLITE_DONE ? fail(error, ERR_NOT_FOUND, NULL, "no policy is kept")
                                  : fail_sql(p, GET, error);
    done_with(p, GET);
    pthread_mutex_unlock(&p->lock);
    if (err == ERR_OK && arena_failed(arena))
        err = fail_nomem(error);
    if (err == ERR_OK)
        *ret_policy = policy;
    return err;
}

enum err policies_old(struct policies *p, struct slice after, int64_t now_us, struct arena *arena,
                      struct slice **ret_domains, size_t *ret_count, struct error *error)
{
    sqlite3_stmt *statement = p->statements[OLD];
    struct slice *domains = arena_array(arena, POLICIES_OLD_MAX, sizeof(*domains));
    size_t count = 0;
    int code = SQLITE_DONE;
    if (domains == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&p->lock);
    bind_slice(statement, 1, after);
    sqlite3_bind_int64(statement, 2, now_us);
    sqlite3_bind_int64(statement, 3, POLICIES_REFRESH_SECONDS * CLOCK_SECOND);
    sqlite3_bind_int64(statement, 4, POLICIES_OLD_MAX);
    while (count < POLICIES_OLD_MAX && (code = sqlite3_step(statement)) == SQLITE_ROW)
        domains[count++] = column_slice(statement, 0, arena);
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW ? ERR_OK : fail_sql(p, OLD, error);
    done_with(p, OLD);
    pthread_mutex_unlock(&p->lock);
    if (err == ERR_OK && arena_failed(arena))
        err = fail_nomem(error);
    if (err != ERR_OK)
        return err;
    *ret_domains = domains;
    *ret_count = count;
    return ERR_OK;
}
