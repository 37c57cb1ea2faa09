#include "store/access_key.h"

#include <sodium.h>

#include "store/work.h"

/* The account is locked. */
static enum err read_key(struct account *account, struct folder_id folder, struct access_key *ret_key,
                         struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    bool row;
    enum err err = db_statement(account, STATEMENT_ACCESS_KEY_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    struct slice bytes = row ? db_column(statement, 0) : slice_none();
    if (bytes.n != ACCESS_KEY_BYTES)
        return fail(error, row ? ERR_CORRUPT : ERR_NOT_FOUND, NULL, "access key of folder %llu",
                    (unsigned long long)folder.v);
    memcpy(ret_key->bytes, bytes.p, bytes.n);
    return ERR_OK;
}

/* Within a transaction. */
static enum err write_key(struct work *work, struct folder_id folder, struct access_key *ret_key,
                          struct error *error)
{
    struct touched *touched;
    sqlite3_stmt *statement;
    enum err err = work_mailbox(work, folder, &touched, error);
    if (err == ERR_OK)
        err = db_statement(work->account, STATEMENT_ACCESS_KEY_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    randombytes_buf(ret_key->bytes, sizeof(ret_key->bytes));
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    db_bind_blob(statement, 2, slice_of(ret_key->bytes, sizeof(ret_key->bytes)));
    return db_finish(work->account, statement, error);
}

enum err access_key_get(struct account *account, struct folder_id folder, struct access_key *ret_key,
                        struct error *error)
{
    struct access_key key;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = read_key(account, folder, &key, error);
    account_unlock(account);
    if (err == ERR_OK)
        *ret_key = key;
    return err;
}

/* Two that want the first key at once get the same: the second finds it within its transaction. */
static enum err make_key(struct account *account, struct folder_id folder, struct access_key *ret_key,
                         struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = read_key(account, folder, ret_key, error);
    if (err != ERR_NOT_FOUND)
        return err;
    err = write_key(&work, folder, ret_key, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

enum err access_key_ensure(struct account *account, struct folder_id folder, struct access_key *ret_key,
                           struct error *error)
{
    struct access_key key;
    enum err err = access_key_get(account, folder, &key, error);
    if (err == ERR_NOT_FOUND) {
        err = make_key(account, folder, &key, error);
        if (err == ERR_OK)
            err = account_sync(account, error);
    }
    if (err == ERR_OK)
        *ret_key = key;
    return err;
}

static enum err write_new_key(struct account *account, struct folder_id folder, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    struct access_key ignored;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = write_key(&work, folder, &ignored, error);
    if (err == ERR_OK)
        err = work_commit(&work, error);
    if (err == ERR_OK)
        atomic_fetch_add(&account->access_key_generation, 1);
    return err;
}

enum err access_key_reset(struct account *account, struct folder_id folder, struct error *error)
{
    enum err err = write_new_key(account, folder, error);
    return err == ERR_OK ? account_sync(account, error) : err;
}

static enum err remove_keys(struct account *account, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = DB_RUN_PLAIN(account, ACCESS_KEYS_REMOVE, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

enum err access_key_remove_all(struct account *account, struct error *error)
{
    enum err err = remove_keys(account, error);
    return err == ERR_OK ? account_sync(account, error) : err;
}

uint64_t access_key_generation(const struct account *account)
{
    return atomic_load(&account->access_key_generation);
}
