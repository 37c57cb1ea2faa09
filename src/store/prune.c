#include "store/prune.h"

#include "base/clock.h"
#include "store/change.h"
#include "store/thread.h"
#include "store/work.h"

enum err object_purge(struct account *account, struct object_id object, struct error *error)
{
    bool found;
    int64_t alive = 0;
    enum err err = DB_NUMBER(account, OBJECT_ALIVE, &found, &alive, error, (int64_t)object.v);
    if (err != ERR_OK || alive != 0)
        return err;
    err = thread_forget(account, object, error);
    if (err == ERR_OK)
        err = DB_RUN(account, TEXT_DELETE, error, (int64_t)object.v);
    if (err == ERR_OK)
        err = DB_RUN(account, OBJECT_DELETE, error, (int64_t)object.v);
    return err;
}

struct grave {
    int64_t key;
    struct object_id object;
};

static enum err graves_read(struct account *account, int64_t before, struct grave graves[static PRUNE_BATCH],
                            size_t *ret_count, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_TOMBSTONE_OLD, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, before);
    sqlite3_bind_int64(statement, 2, PRUNE_BATCH);
    size_t count = 0;
    for (;;) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK)
            return err;
        if (!row)
            break;
        graves[count++] = (struct grave){sqlite3_column_int64(statement, 0),
                                         {(uint64_t)sqlite3_column_int64(statement, 1)}};
    }
    *ret_count = count;
    return ERR_OK;
}

static enum err prune_tombstones(struct account *account, int64_t before, bool *ret_more, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    struct grave graves[PRUNE_BATCH];
    size_t count;
    err = graves_read(account, before, graves, &count, error);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = DB_RUN(account, TOMBSTONE_DELETE, error, graves[i].key);
        if (err == ERR_OK)
            err = object_purge(account, graves[i].object, error);
    }
    if (err != ERR_OK)
        return err;
    *ret_more = count == PRUNE_BATCH;
    return count > 0 ? work_commit(&work, error) : ERR_OK;
}

static enum err prune_log(struct account *account, int64_t now, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    bool found;
    int64_t last = 0;
    err = DB_NUMBER(account, CHANGE_OLD, &found, &last, error, now - CHANGE_KEEP_DAYS * CLOCK_DAY);
    if (err == ERR_OK && last > account->meta.log_oldest) {
        account->meta.log_oldest = last;
        err = DB_RUN(account, CHANGE_DELETE, error, last);
        if (err == ERR_OK)
            err = DB_RUN(account, ANNOTATION_OLD, error, last);
    }
    if (err == ERR_OK)
        err = DB_RUN(account, DELIVERY_OLD, error, now - DELIVERY_KEEP_DAYS * CLOCK_DAY);
    account->meta.pruned = now;
    return err == ERR_OK ? work_commit(&work, error) : err;
}

enum err account_prune(struct account *account, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    int64_t now = clock_wall_us();
    bool due = now - account->meta.pruned >= PRUNE_EVERY_HOURS * CLOCK_HOUR;
    account_unlock(account);
    if (!due)
        return ERR_OK;
    bool more = true;
    while (err == ERR_OK && more)
        err = prune_tombstones(account, now - CHANGE_KEEP_DAYS * CLOCK_DAY, &more, error);
    return err == ERR_OK ? prune_log(account, now, error) : err;
}
