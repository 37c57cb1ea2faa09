#include "store/migrate.h"

static enum err version_read(const struct database *database, int *ret_version, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    enum err err = ERR_OK;
    if (sqlite3_prepare_v2(database->sqlite, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        *ret_version = sqlite3_column_int(statement, 0);
    else
        err = volume_database_fail(database, "reading the schema's version", error);
    sqlite3_finalize(statement);
    return err;
}

static enum err run(const struct database *database, const char *sql, struct error *error)
{
    if (sqlite3_exec(database->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK)
        return ERR_OK;
    return volume_database_fail(database, "bringing the schema up to date", error);
}

enum err database_migrate(struct database *database, const char *const migrations[], size_t count,
                          struct error *error)
{
    int version = 0;
    enum err err = version_read(database, &version, error);
    if (err != ERR_OK)
        return err;
    if (version < 0 || (size_t)version > count)
        return fail_plain(error, ERR_VERSION,
                          "%s was written by a newer program (its schema is %d, this one knows %d):"
                          " start that program again, or restore the data of before the upgrade",
                          database->name, version, (int)count);
    if ((size_t)version == count)
        return ERR_OK;
    char set_version[64];
    snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %zu", count);
    err = run(database, "BEGIN IMMEDIATE", error);
    for (size_t i = (size_t)version; i < count && err == ERR_OK; i++)
        err = run(database, migrations[i], error);
    if (err == ERR_OK)
        err = run(database, set_version, error);
    if (err == ERR_OK)
        err = run(database, "COMMIT", error);
    if (err != ERR_OK)
        volume_database_undo(database);
    return err;
}
