#include "base/must.h"
#include "store/account.h"

static const char *const sql[] = {
#define X(name, text) text,
    STATEMENT_TABLE(X)
#undef X
};

enum err db_fail(struct account *account, const char *what, struct error *error)
{
    return volume_database_fail(&account->database, what, error);
}

enum err db_statement(struct account *account, enum statement which, sqlite3_stmt **ret_statement,
                      struct error *error)
{
    sqlite3_stmt *statement = account->statements[which];
    if (statement == NULL) {
        if (sqlite3_prepare_v3(account->database.sqlite, sql[which], -1, SQLITE_PREPARE_PERSISTENT,
                               &statement, NULL) != SQLITE_OK)
            return db_fail(account, sql[which], error);
        account->statements[which] = statement;
    }
    must(!sqlite3_stmt_busy(statement)); /* two uses at once would share one cursor */
    *ret_statement = statement;
    return ERR_OK;
}

void db_reset(sqlite3_stmt **statement)
{
    if (*statement == NULL)
        return;
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    *statement = NULL;
}

enum err db_step(struct account *account, sqlite3_stmt *statement, bool *ret_row, struct error *error)
{
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return db_fail(account, sqlite3_sql(statement), error);
    *ret_row = result == SQLITE_ROW;
    return ERR_OK;
}

enum err db_finish(struct account *account, sqlite3_stmt *statement, struct error *error)
{
    enum err err = ERR_OK;
    if (sqlite3_step(statement) != SQLITE_DONE)
        err = db_fail(account, sqlite3_sql(statement), error);
    sqlite3_reset(statement);
    return err;
}

static void bind_numbers(sqlite3_stmt *statement, const int64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_int64(statement, (int)i + 1, values[i]);
}

enum err db_run(struct account *account, enum statement which, const int64_t *values, size_t count,
                struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(account, which, &statement, error);
    if (err != ERR_OK)
        return err;
    bind_numbers(statement, values, count);
    return db_finish(account, statement, error);
}

enum err db_number(struct account *account, enum statement which, const int64_t *values, size_t count,
                   bool *ret_found, int64_t *ret_number, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, which, &statement, error);
    if (err != ERR_OK)
        return err;
    bind_numbers(statement, values, count);
    bool row;
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    *ret_found = row;
    *ret_number = row ? sqlite3_column_int64(statement, 0) : 0;
    return ERR_OK;
}

void db_bind_text(sqlite3_stmt *statement, int at, struct slice text)
{
    sqlite3_bind_text64(statement, at, text.n > 0 ? text.p : "", text.n, SQLITE_STATIC, SQLITE_UTF8);
}

void db_bind_blob(sqlite3_stmt *statement, int at, struct slice bytes)
{
    sqlite3_bind_blob64(statement, at, bytes.n > 0 ? bytes.p : "", bytes.n, SQLITE_STATIC);
}

struct slice db_column(sqlite3_stmt *statement, int at)
{
    const void *p = sqlite3_column_blob(statement, at);
    return slice_of(p, (size_t)sqlite3_column_bytes(statement, at));
}

void db_finalize_all(struct account *account)
{
    for (size_t i = 0; i < ARRAY_LEN(account->statements); i++) {
        sqlite3_finalize(account->statements[i]);
        account->statements[i] = NULL;
    }
}
