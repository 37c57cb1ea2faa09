#include "directory/sql.h"

#include "base/must.h"
#include "directory/inside.h"

static const char *const statement_sql[] = {
#define X(name, sql) sql,
    STATEMENT_TABLE(X)
#undef X
};

static int bind(sqlite3_stmt *statement, int at, const struct parameter *parameter)
{
    const char *p = parameter->bytes.p != NULL ? parameter->bytes.p : "";
    switch (parameter->kind) {
    case PARAMETER_TEXT:
        return sqlite3_bind_text64(statement, at, p, parameter->bytes.n, SQLITE_STATIC, SQLITE_UTF8);
    case PARAMETER_BLOB:
        if (parameter->bytes.p == NULL)
            return sqlite3_bind_null(statement, at);
        return sqlite3_bind_blob64(statement, at, p, parameter->bytes.n, SQLITE_STATIC);
    case PARAMETER_NUMBER:
        break;
    }
    return sqlite3_bind_int64(statement, at, (sqlite3_int64)parameter->number);
}

enum err sql_start(struct directory *directory, enum statement which, const struct parameter *parameters,
                   size_t count, sqlite3_stmt **ret_statement, struct error *error)
{
    sqlite3_stmt **place = &directory->statements[which];
    if (*place == NULL && sqlite3_prepare_v3(directory->database.sqlite, statement_sql[which], -1,
                                             SQLITE_PREPARE_PERSISTENT, place, NULL) != SQLITE_OK)
        return volume_database_fail(&directory->database, statement_sql[which], error);
    must(!sqlite3_stmt_busy(*place));
    for (size_t i = 0; i < count; i++)
        if (bind(*place, (int)i + 1, &parameters[i]) != SQLITE_OK)
            return volume_database_fail(&directory->database, statement_sql[which], error);
    *ret_statement = *place;
    return ERR_OK;
}

enum err sql_step(struct directory *directory, sqlite3_stmt *statement, bool *ret_row, struct error *error)
{
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        if (result == SQLITE_CONSTRAINT_PRIMARYKEY || result == SQLITE_CONSTRAINT_UNIQUE)
            return fail(error, ERR_EXISTS, NULL, "%s: %s", directory->database.name,
                        sqlite3_errmsg(directory->database.sqlite));
        return volume_database_fail(&directory->database, sqlite3_sql(statement), error);
    }
    *ret_row = result == SQLITE_ROW;
    return ERR_OK;
}

void sql_release(sqlite3_stmt **statement)
{
    if (*statement == NULL)
        return;
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
}

enum err sql_run(struct directory *directory, enum statement which, const struct parameter *parameters,
                 size_t count, struct error *error)
{
    CLEANUP(sql_release) sqlite3_stmt *statement = NULL;
    enum err code = sql_start(directory, which, parameters, count, &statement, error);
    bool row = true;
    while (code == ERR_OK && row)
        code = sql_step(directory, statement, &row, error);
    return code;
}

struct slice sql_bytes(sqlite3_stmt *statement, int column)
{
    const void *p = sqlite3_column_blob(statement, column);
    return slice_of(p, (size_t)sqlite3_column_bytes(statement, column));
}

uint64_t sql_number(sqlite3_stmt *statement, int column)
{
    return (uint64_t)sqlite3_column_int64(statement, column);
}
