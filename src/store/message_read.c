#include "store/work.h"

enum { READ_TRIES = 3 };

static enum err place_find(struct account *account, struct object_id object, struct pack_place *ret_place,
                           struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_OBJECT_PLACE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)object.v);
    bool row;
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    if (!row)
        return fail(error, ERR_NOT_FOUND, "No such message", "object %llu", (unsigned long long)object.v);
    *ret_place = (struct pack_place){
        .pack = (uint32_t)sqlite3_column_int64(statement, 0),
        .offset = (uint64_t)sqlite3_column_int64(statement, 1),
        .length = (uint64_t)sqlite3_column_int64(statement, 2),
    };
    return ERR_OK;
}

/* The bytes are read without the account's lock. Compaction may move the record in between and drop its pack;
 * then the row tells the new place. */
enum err message_read(struct account *account, struct object_id object, enum content_part part,
                      struct content *ret_content, struct error *error)
{
    enum err err = ERR_OK;
    for (int i = 0; i < READ_TRIES; i++) {
        struct pack_place place;
        err = account_lock(account, error);
        if (err != ERR_OK)
            return err;
        err = place_find(account, object, &place, error);
        account_unlock(account);
        if (err != ERR_OK)
            return err;
        err = packs_read(account->packs, place, object, part, ret_content, error);
        if (err != ERR_NOT_FOUND)
            return err;
    }
    return fail(error, ERR_CORRUPT, NULL, "object %llu: its pack is missing", (unsigned long long)object.v);
}
