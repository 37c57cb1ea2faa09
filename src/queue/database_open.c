/* queue.db: its tables, their statements, and what is read from it at the start. */
#include "queue/database.h"
#include "store/migrate.h"

static const char *const statement_texts[STATEMENTS] = {
    [STATEMENT_INSERT] = "INSERT INTO entry (id, next, relay, envelope, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_UPDATE] = "UPDATE entry SET next = ?2, relay = ?3, envelope = ?4 WHERE id = ?1",
    [STATEMENT_DELETE] = "DELETE FROM entry WHERE id = ?1",
    [STATEMENT_LOAD] = "SELECT next, envelope, relay FROM entry WHERE id = ?1",
    [STATEMENT_BODY] = "SELECT body FROM entry WHERE id = ?1",
    [STATEMENT_DUE] =
        "SELECT * FROM (SELECT id, next FROM entry WHERE next < 0 AND next >= -?1 ORDER BY next LIMIT ?2)"
        " UNION ALL SELECT * FROM"
        " (SELECT id, next FROM entry WHERE next <= ?1 AND next > 0 ORDER BY next LIMIT ?2) LIMIT ?2",
    [STATEMENT_RELAY_DUE] =
        "SELECT id, relay FROM entry WHERE relay <= ?1 AND relay > 0 ORDER BY relay LIMIT ?2",
    [STATEMENT_RELAY_NEXT] = "SELECT min(relay) FROM entry WHERE relay > 0",
    [STATEMENT_SET_RELAY] = "UPDATE entry SET relay = ?2 WHERE id = ?1",
    [STATEMENT_SET_NEXT] = "UPDATE entry SET next = ?2 WHERE id = ?1",
    [STATEMENT_NEXT_DUE] =
        "SELECT min(at) FROM (SELECT min(next) AS at FROM entry WHERE next > 0 AND next < 9223372036854775807"
        " UNION ALL SELECT -max(next) FROM entry WHERE next < 0)",
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

enum err database_fail(struct queue *queue, const char *doing, struct error *error)
{
    int code = sqlite3_errcode(queue->database.sqlite);
    enum err kind = code == SQLITE_NOMEM                              ? ERR_NOMEM
                    : code == SQLITE_FULL || code == SQLITE_BUSY      ? ERR_UNAVAILABLE
                    : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_CORRUPT
                                                                      : ERR_IO;
    return fail(error, kind, NULL, "queue.db: %s: %s", doing, sqlite3_errmsg(queue->database.sqlite));
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
        return database_fail(queue, "reading the holds", error);
    while (err == ERR_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
        err = hold_load(
            queue, slice_of(sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0)),
            sqlite3_column_int64(statement, 1), error);
    if (err == ERR_OK && code != SQLITE_DONE)
        err = database_fail(queue, "reading the holds", error);
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
        return database_fail(queue, "reading what was submitted", error);
    while (err == ERR_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        struct submitted row = {.account = {(uint64_t)sqlite3_column_int64(statement, 0)},
                                .at_us = sqlite3_column_int64(statement, 1),
                                .told_us = sqlite3_column_int64(statement, 2)};
        for (int i = 0; i < ALLOWANCES; i++)
            row.levels[i] = sqlite3_column_double(statement, 3 + i);
        err = allowance_load(queue, &row, error);
    }
    if (err == ERR_OK && code != SQLITE_DONE)
        err = database_fail(queue, "reading what was submitted", error);
    sqlite3_finalize(statement);
    return err;
}

enum err database_setup(struct queue *queue, struct error *error)
{
    enum err err = volume_database_open(queue->volume, "queue.db", true, &queue->database, error);
    if (err != ERR_OK)
        return err;
    err = database_migrate(&queue->database, migrations, ARRAY_LEN(migrations), error);
    for (size_t i = 0; i < STATEMENTS && err == ERR_OK; i++)
        if (sqlite3_prepare_v3(queue->database.sqlite, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &queue->statements[i], NULL) != SQLITE_OK)
            err = database_fail(queue, statement_texts[i], error);
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

enum err database_run(struct queue *queue, enum statement which, struct error *error)
{
    sqlite3_stmt *statement = queue->statements[which];
    int code = sqlite3_step(statement);
    enum err err = code == SQLITE_DONE ? ERR_OK : database_fail(queue, statement_texts[which], error);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return err;
}
