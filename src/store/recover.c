#include "store/recover.h"

#include "store/prune.h"
#include "store/registry.h"
#include "store/tombstone.h"
#include "store/work.h"

struct candidate {
    struct object_id object;
    struct pack_place place;
};

/* The newest object below `below`; not found when it lies before the mark: then all older ones do. Objects
 * that compaction moved behind the mark were synced by it. */
static enum err newest_behind(struct account *account, uint64_t below, struct pack_mark mark, bool *ret_found,
                              struct candidate *ret_candidate, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_OBJECT_BELOW, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)below);
    bool row;
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    *ret_found = false;
    if (!row)
        return ERR_OK;
    *ret_candidate = (struct candidate){
        .object = {(uint64_t)sqlite3_column_int64(statement, 0)},
        .place =
            {
                .pack = (uint32_t)sqlite3_column_int64(statement, 1),
                .offset = (uint64_t)sqlite3_column_int64(statement, 2),
                .length = (uint64_t)sqlite3_column_int64(statement, 3),
            },
    };
    *ret_found = ret_candidate->place.pack > mark.pack ||
                 (ret_candidate->place.pack == mark.pack && ret_candidate->place.offset >= mark.offset);
    return ERR_OK;
}

/* The next member of a lost object, or not found. */
static enum err member_of(struct account *account, struct object_id object, bool *ret_found, int64_t *ret_key,
                          uint64_t *ret_flags, int64_t *ret_size, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_MEMBER_OF_OBJECT, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)object.v);
    err = db_step(account, statement, ret_found, error);
    if (err != ERR_OK || !*ret_found)
        return err;
    *ret_key = sqlite3_column_int64(statement, 0);
    *ret_flags = (uint64_t)sqlite3_column_int64(statement, 1);
    *ret_size = sqlite3_column_int64(statement, 2);
    return ERR_OK;
}

static enum err take_out(struct work *work, struct object_id object, struct error *error)
{
    struct account *account = work->account;
    for (;;) {
        bool found = false;
        int64_t key = 0;
        uint64_t flags = 0;
        int64_t size = 0;
        enum err err = member_of(account, object, &found, &key, &flags, &size, error);
        if (err != ERR_OK)
            return err;
        if (!found)
            break;
        struct touched *folder;
        err = work_folder(work, key_folder(key), &folder, error);
        if (err != ERR_OK)
            return err;
        work_count(work, folder, flags, size, -1);
        if (key_uid(key) >= folder->row.recent_from)
            folder->row.recent--;
        uid_set_add(&folder->expunged, key_uid(key), key_uid(key));
        err = DB_RUN(account, MEMBER_DELETE, error, key, key);
        if (err != ERR_OK)
            return err;
    }
    enum err err = tombstones_forget(account, object, error);
    if (err == ERR_OK)
        err = DB_RUN(account, DELIVERY_OF_OBJECT, error, (int64_t)object.v);
    if (err == ERR_OK) /* it is brought again */
        err = DB_RUN(account, IMPORT_OF_OBJECT, error, (int64_t)object.v);
    return err == ERR_OK ? object_purge(account, object, error) : err;
}

static enum err verify_unsynced(struct work *work, struct pack_mark mark, struct error *error)
{
    struct account *account = work->account;
    uint64_t below = INT64_MAX;
    for (;;) {
        bool found;
        struct candidate candidate;
        enum err err = newest_behind(account, below, mark, &found, &candidate, error);
        if (err != ERR_OK || !found)
            return err;
        below = candidate.object.v;
        struct error verdict;
        err = packs_verify(account->packs, candidate.place, candidate.object, &verdict);
        if (err == ERR_OK)
            continue;
        if (err != ERR_CORRUPT && err != ERR_NOT_FOUND) {
            *error = verdict;
            return err;
        }
        err = take_out(work, candidate.object, error);
        if (err != ERR_OK)
            return err;
    }
}

static enum err skip_numbers(struct work *work, struct error *error)
{
    struct account *account = work->account;
    struct account_meta *meta = &account->meta;
    int64_t crashes = store_generation(account->store) - meta->generation;
    crashes = crashes > 0 ? MIN(crashes, RECOVER_CRASHES_MAX) : 1;
    int64_t first_lost = meta->change + 1;
    meta->change += crashes * RECOVER_SKIP_NUMBERS;
    meta->next_object += crashes * RECOVER_SKIP_NUMBERS;
    meta->next_member += crashes * RECOVER_SKIP_NUMBERS;
    if (meta->next_folder > 1) /* else it was never opened, and its standard folders get the first ids */
        meta->next_folder++;
    meta->generation = store_generation(account->store);
    work->change.v = (uint64_t)meta->change + 1;
    enum err err = DB_RUN(account, LOST_NOTE, error, first_lost, meta->change - 1, CHANGE_LOST_MAX);
    return err == ERR_OK ? DB_RUN(account, FOLDER_SKIP_UIDS, error, crashes * RECOVER_SKIP_UIDS) : err;
}

enum err recover_account(struct account *account, struct pack_mark mark, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    bool crashed = account->meta.generation != store_generation(account->store);
    if (crashed)
        err = skip_numbers(&work, error);
    if (err == ERR_OK)
        err = verify_unsynced(&work, mark, error);
    if (err != ERR_OK)
        return err;
    /* Nothing to write: opening an account that was closed in order costs no commit. */
    return crashed || work_changed(&work) ? work_commit(&work, error) : ERR_OK;
}
