#include "base/clock.h"
#include "base/fdio.h"
#include "store/registry.h"
#include "store/schema.h"
#include "store/work.h"

static enum err meta_insert(struct account *account, struct error *error)
{
    account->meta = (struct account_meta){
        .epoch = (int64_t)id_random(),
        .next_folder = 1,
        .next_object = 1,
        .next_member = 1,
        .generation = store_generation(account->store),
        .pruned = clock_wall_us(),
    };
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_META_INSERT, &statement, error);
    if (err != ERR_OK)
        return err;
    int at = 1;
#define X(name) sqlite3_bind_int64(statement, at++, account->meta.name);
    META_TABLE(X)
#undef X
    return db_finish(account, statement, error);
}

/* A new database at `name`, with the one row that everything else needs. */
static enum err database_make(struct store *store, struct account_id id, const char *name,
                              struct error *error)
{
    struct account account = {.store = store, .id = id, .database = {.wal_fd = -1}};
    enum err err = volume_database_open(store_volume(store), name, true, &account.database, error);
    if (err != ERR_OK)
        return err;
    err = schema_migrate(&account.database, error);
    if (err == ERR_OK)
        err = meta_insert(&account, error);
    if (err == ERR_OK)
        err = volume_database_sync(&account.database, error);
    db_finalize_all(&account);
    volume_database_close(&account.database);
    return err;
}

/* Removes what an attempt that a crash ended left behind. */
static enum err remove_if_there(struct volume *volume, const char *name, struct error *error)
{
    enum err err = volume_file_remove(volume, name, error);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err remove_temporary(struct volume *volume, const char *temporary, struct error *error)
{
    char wal[ACCOUNT_NAME_MAX + 32];
    snprintf(wal, sizeof(wal), "%s-wal", temporary);
    enum err err = remove_if_there(volume, wal, error);
    return err == ERR_OK ? remove_if_there(volume, temporary, error) : err;
}

static enum err make(struct store *store, struct account_id id, struct error *error)
{
    char directory[ACCOUNT_NAME_MAX];
    char name[ACCOUNT_NAME_MAX + 16];
    char temporary[ACCOUNT_NAME_MAX + 16];
    account_directory(id, directory);
    snprintf(name, sizeof(name), "%s/account.db", directory);
    snprintf(temporary, sizeof(temporary), "%s/new.db", directory);
    struct volume *volume = store_volume(store);
    CLEANUP(fd_close) int fd = -1;
    if (volume_file_open(volume, name, false, &fd, error) == ERR_OK)
        return fail(error, ERR_EXISTS, NULL, "account %016llx", (unsigned long long)id.v);
    enum err err = volume_directory_make(volume, directory, error);
    if (err == ERR_OK)
        err = remove_temporary(volume, temporary, error);
    if (err == ERR_OK)
        err = database_make(store, id, temporary, error);
    if (err == ERR_OK)
        err = volume_file_rename(volume, temporary, name, error);
    return err == ERR_OK ? remove_temporary(volume, temporary, error) : err;
}

/*
 * The database is made under another name and renamed when its tables stand, so that an account that exists
 * is never half a one. Closing it has moved everything from its log into it. The standard folders are made at
 * the first opening.
 */
enum err store_account_create(struct store *store, struct account_id id, struct error *error)
{
    struct account *holder;
    enum err err = registry_hold(store, id, &holder, error);
    if (err == ERR_BUSY)
        return fail(error, ERR_EXISTS, NULL, "account %016llx is open", (unsigned long long)id.v);
    if (err != ERR_OK)
        return err;
    err = make(store, id, error);
    registry_let_go(holder);
    return err;
}
