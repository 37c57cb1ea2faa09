#include "store/tombstone.h"

#include "store/prune.h"

uint64_t tombstone_cap(const struct account_limits *limits)
{
    return limits->quota_bytes > 0 ? limits->quota_bytes / 100 * UNDELETE_QUOTA_PERCENT
                                   : UNDELETE_BYTES_WITHOUT_QUOTA;
}

bool tombstones_over_cap(const struct account *account)
{
    return (uint64_t)account->meta.deleted_bytes > tombstone_cap(&account->limits) ||
           account->meta.deleted_messages > UNDELETE_MESSAGES_MAX;
}

enum err tombstones_fill(struct work *work, int64_t first, int64_t last, struct error *error)
{
    struct account *account = work->account;
    bool found;
    int64_t bytes = 0;
    enum err err = DB_RUN(account, TOMBSTONE_FILL, error, first, last, (int64_t)work->change.v, work->now_us);
    if (err != ERR_OK)
        return err;
    int made = sqlite3_changes(account->database.sqlite);
    /* No older ones lie among them: UIDs are never given twice. */
    if (made > 0)
        err = DB_NUMBER(account, TOMBSTONE_BYTES, &found, &bytes, error, first, last);
    account->meta.deleted_messages += made;
    account->meta.deleted_bytes += bytes;
    return err;
}

enum err tombstones_page(struct account *account, const struct tombstone *after,
                         struct tombstone ret_page[static TOMBSTONE_BATCH], size_t *ret_count,
                         struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_TOMBSTONE_PAGE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, after->removed_us);
    sqlite3_bind_int64(statement, 2, after->key);
    sqlite3_bind_int64(statement, 3, TOMBSTONE_BATCH);
    size_t count = 0;
    bool row;
    while ((err = db_step(account, statement, &row, error)) == ERR_OK && row)
        ret_page[count++] = (struct tombstone){.key = sqlite3_column_int64(statement, 0),
                                               .object = {(uint64_t)sqlite3_column_int64(statement, 1)},
                                               .removed_us = sqlite3_column_int64(statement, 2),
                                               .size = sqlite3_column_int64(statement, 3),
                                               .sent_us = sqlite3_column_int64(statement, 4)};
    *ret_count = count;
    return err;
}

enum err tombstone_remove(struct work *work, const struct tombstone *tombstone, struct error *error)
{
    struct account *account = work->account;
    enum err err = DB_RUN(account, TOMBSTONE_DELETE, error, tombstone->key);
    if (err == ERR_OK && sqlite3_changes(account->database.sqlite) == 1) {
        account->meta.deleted_messages--;
        account->meta.deleted_bytes -= tombstone->size;
    }
    return err;
}

enum err tombstone_drop(struct work *work, const struct tombstone *tombstone, struct error *error)
{
    enum err err = tombstone_remove(work, tombstone, error);
    return err == ERR_OK ? object_purge(work->account, tombstone->object, error) : err;
}

enum err tombstones_drop(struct work *work, int64_t before, bool *ret_more, struct error *error)
{
    struct tombstone page[TOMBSTONE_BATCH];
    size_t count = 0;
    size_t done = 0;
    const struct tombstone first = {.removed_us = INT64_MIN};
    enum err err = tombstones_page(work->account, &first, page, &count, error);
    while (err == ERR_OK && done < count &&
           (page[done].removed_us < before || tombstones_over_cap(work->account)))
        err = tombstone_drop(work, &page[done++], error);
    *ret_more = count == TOMBSTONE_BATCH && done == count;
    return err;
}

enum err tombstones_limit(struct work *work, struct error *error)
{
    bool more = true;
    enum err err = ERR_OK;
    for (size_t dropped = 0;
         err == ERR_OK && more && dropped < TOMBSTONES_DROPPED_MAX && tombstones_over_cap(work->account);
         dropped += TOMBSTONE_BATCH)
        err = tombstones_drop(work, INT64_MIN, &more, error);
    return err;
}

enum err tombstones_forget(struct account *account, struct object_id object, struct error *error)
{
    bool found;
    int64_t bytes = 0;
    enum err err = DB_NUMBER(account, TOMBSTONE_BYTES_OF, &found, &bytes, error, (int64_t)object.v);
    if (err == ERR_OK)
        err = DB_RUN(account, TOMBSTONE_OF_OBJECT, error, (int64_t)object.v);
    if (err != ERR_OK)
        return err;
    account->meta.deleted_messages -= sqlite3_changes(account->database.sqlite);
    account->meta.deleted_bytes -= bytes;
    return ERR_OK;
}
