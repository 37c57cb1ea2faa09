#include "store/remembered_row.h"

static struct slice key_of(const struct remembered *item)
{
    return slice_of(item->key, sizeof(item->key));
}

static enum err find(struct account *account, const struct remembered *item, struct slice delivery_id,
                     int64_t now_us, bool *ret, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    bool row;
    enum err err = db_statement(account, STATEMENT_REMEMBERED_FIND, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_blob(statement, 1, key_of(item));
    sqlite3_bind_int64(statement, 2, now_us);
    err = db_step(account, statement, &row, error);
    if (err == ERR_OK)
        *ret = row && (delivery_id.n == 0 || !slice_eq(db_column(statement, 0), delivery_id));
    return err;
}

enum err remembered_find(struct account *account, const struct remembered *item, struct slice delivery_id,
                         int64_t now_us, bool *ret, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = find(account, item, delivery_id, now_us, ret, error);
    account_unlock(account);
    return err;
}

static enum err write_one(struct work *work, const struct remembered *item, struct slice delivery_id,
                          struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(work->account, STATEMENT_REMEMBERED_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_blob(statement, 1, key_of(item));
    sqlite3_bind_int64(statement, 2, item->expires_us);
    db_bind_blob(statement, 3, delivery_id.p == NULL ? S("") : delivery_id);
    return db_finish(work->account, statement, error);
}

static enum err shrink(struct account *account, struct error *error)
{
    bool found;
    int64_t count = 0;
    enum err err = db_number(account, STATEMENT_REMEMBERED_COUNT, NULL, 0, &found, &count, error);
    if (err == ERR_OK && count > REMEMBERED_MAX)
        err = DB_RUN(account, REMEMBERED_SHRINK, error, count - REMEMBERED_MAX);
    return err;
}

enum err remembered_write(struct work *work, const struct remembered *items, size_t count,
                          struct slice delivery_id, struct error *error)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = write_one(work, &items[i], delivery_id, error);
    return err == ERR_OK && count > 0 ? shrink(work->account, error) : err;
}

enum err remembered_note(struct account *account, const struct remembered *items, size_t count,
                         struct slice delivery_id, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = remembered_write(&work, items, count, delivery_id, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}
