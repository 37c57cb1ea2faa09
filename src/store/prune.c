#include "store/prune.h"

#include "base/clock.h"
#include "store/change.h"
#include "store/thread.h"
#include "store/tombstone.h"
#include "store/work.h"

enum err object_purge(struct account *account, struct object_id object, struct error *error)
{
    bool found;
    int64_t alive = 0;
    enum err err = DB_NUMBER(account, OBJECT_ALIVE, &found, &alive, error, (int64_t)object.v);
    if (err != ERR_OK || alive != 0)
        return err;
    int64_t length = 0;
    err = DB_NUMBER(account, OBJECT_LENGTH, &found, &length, error, (int64_t)object.v);
    account->meta.purged_bytes += length;
    if (err == ERR_OK)
        err = thread_forget(account, object, error);
    if (err == ERR_OK)
        err = DB_RUN(account, TEXT_DELETE, error, (int64_t)object.v);
    if (err == ERR_OK)
        err = DB_RUN(account, OBJECT_DELETE, error, (int64_t)object.v);
    return err;
}

static enum err prune_tombstones(struct account *account, int64_t before, bool *ret_more, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    err = tombstones_drop(&work, before, ret_more, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
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
        err = DB_RUN_PLAIN(account, GRAVES_FORGET, error);
    if (err == ERR_OK)
        err = DB_RUN_PLAIN(account, FETCHED_FORGET, error);
    if (err == ERR_OK)
        err = DB_RUN(account, DELIVERY_OLD, error, now - DELIVERY_KEEP_DAYS * CLOCK_DAY);
    if (err == ERR_OK)
        err = DB_RUN(account, REMEMBERED_OLD, error, now);
    account->meta.pruned = now;
    return err == ERR_OK ? work_commit(&work, error) : err;
}

/* What there is to do, so that a look that finds nothing costs no transaction. */
struct due {
    int64_t before; /* deleted messages older than that go */
    bool tombstones;
    bool log;
};

static enum err due_read(struct account *account, int64_t now, struct due *ret_due, struct error *error)
{
    bool found;
    int64_t oldest = INT64_MAX;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    const struct account_meta *meta = &account->meta;
    err = db_number(account, STATEMENT_TOMBSTONE_OLDEST, NULL, 0, &found, &oldest, error);
    ret_due->before = now - (int64_t)account->limits.undelete_keep_s * CLOCK_SECOND;
    ret_due->tombstones = found && (oldest < ret_due->before || tombstones_over_cap(account));
    ret_due->log = now - meta->pruned >= PRUNE_EVERY_HOURS * CLOCK_HOUR;
    account_unlock(account);
    return err;
}

enum err account_prune(struct account *account, struct error *error)
{
    struct due due;
    int64_t now = clock_wall_us();
    enum err err = due_read(account, now, &due, error);
    while (err == ERR_OK && due.tombstones)
        err = prune_tombstones(account, due.before, &due.tombstones, error);
    return err == ERR_OK && due.log ? prune_log(account, now, error) : err;
}
