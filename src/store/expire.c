#include "store/expire.h"

#include "base/clock.h"
#include "store/account.h"
#include "store/folder.h"
#include "store/work.h"

enum { LIST_ARENA_MAX = 64 * 1024 * 1024 };

uint64_t pop3_keep_s(const struct account_limits *limits)
{
    return limits->pop3_keep_s > 0 ? MAX(limits->pop3_keep_s, POP3_KEEP_MIN_S) : 0;
}

int64_t expire_soonest_us(const struct account_limits *limits)
{
    const uint64_t keeps[] = {limits->trash_keep_s, limits->junk_keep_s, pop3_keep_s(limits)};
    uint64_t soonest = limits->undelete_keep_s; /* 0: at once */
    for (size_t i = 0; i < ARRAY_LEN(keeps); i++)
        if (keeps[i] > 0)
            soonest = MIN(soonest, keeps[i]);
    return (int64_t)soonest * CLOCK_SECOND;
}

/* --- Trash and Junk, with what is below them --- */

struct expiring {
    struct account *account;
    struct account_limits limits;
    int64_t now;
    int64_t next;
    struct arena arena;
    struct folder *folders;
    size_t count;
};

static void due_at(struct expiring *e, int64_t time)
{
    e->next = MIN(e->next, time);
}

static const struct folder *by_id(const struct expiring *e, struct folder_id id)
{
    for (size_t i = 0; i < e->count; i++)
        if (e->folders[i].id.v == id.v)
            return &e->folders[i];
    return NULL;
}

static enum err number_locked(struct account *account, enum statement which, const int64_t *values,
                              size_t count, int64_t absent, int64_t *ret_number, struct error *error)
{
    bool found;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_number = absent;
    err = db_number(account, which, values, count, &found, ret_number, error);
    account_unlock(account);
    return err;
}

/* How long messages stay in this folder; 0: for ever. *ret_placed: when it, or one above it, came below Trash
 * or Junk; 0: it is one of them itself, or was made there. */
static enum err rule_find(const struct expiring *e, const struct folder *folder, uint64_t *ret_keep_s,
                          int64_t *ret_placed, struct error *error)
{
    *ret_keep_s = 0;
    *ret_placed = 0;
    for (; folder != NULL; folder = by_id(e, folder->parent)) {
        if (folder->role == ROLE_FOLDER_TRASH || folder->role == ROLE_FOLDER_JUNK) {
            *ret_keep_s = folder->role == ROLE_FOLDER_TRASH ? e->limits.trash_keep_s : e->limits.junk_keep_s;
            return ERR_OK;
        }
        int64_t placed;
        const int64_t id = (int64_t)folder->id.v;
        enum err err = number_locked(e->account, STATEMENT_PLACED_READ, &id, 1, 0, &placed, error);
        if (err != ERR_OK)
            return err;
        *ret_placed = MAX(*ret_placed, placed);
    }
    return ERR_OK;
}

static enum err keys_read(struct account *account, enum statement which, const int64_t values[static 3],
                          struct uid_set *uids, size_t *ret_count, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, which, &statement, error);
    if (err != ERR_OK)
        return err;
    for (int i = 0; i < 3; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    sqlite3_bind_int64(statement, 4, EXPIRE_BATCH);
    bool row;
    size_t count = 0;
    for (; (err = db_step(account, statement, &row, error)) == ERR_OK && row; count++) {
        uint32_t uid = key_uid(sqlite3_column_int64(statement, 0));
        uid_set_add(uids, uid, uid);
    }
    *ret_count = count;
    return err == ERR_OK && uids->failed ? fail_nomem(error) : err;
}

/* Those of a folder that the statement finds with times before `before`, batch after batch. */
static enum err folder_empty(struct account *account, struct folder_id folder, enum statement which,
                             int64_t before, struct error *error)
{
    const int64_t values[] = {member_key(folder, 0), member_key(folder, UINT32_MAX), before};
    size_t count = EXPIRE_BATCH;
    enum err err = ERR_OK;
    while (err == ERR_OK && count == EXPIRE_BATCH) {
        CLEANUP(uid_set_release) struct uid_set uids = {0};
        CLEANUP(uid_set_release) struct uid_set removed = {0};
        err = account_lock(account, error);
        if (err != ERR_OK)
            return err;
        err = keys_read(account, which, values, &uids, &count, error);
        account_unlock(account);
        if (err == ERR_OK && count > 0)
            err = message_expunge(account, folder, &uids, false, &removed, error);
    }
    return err;
}

static enum err folder_expire(struct expiring *e, const struct folder *folder, struct error *error)
{
    uint64_t keep_s = 0;
    int64_t placed = 0;
    int64_t oldest = 0;
    enum err err = rule_find(e, folder, &keep_s, &placed, error);
    if (err != ERR_OK || keep_s == 0)
        return err;
    int64_t keep = (int64_t)keep_s * CLOCK_SECOND;
    if (placed + keep <= e->now)
        err = folder_empty(e->account, folder->id, STATEMENT_MEMBER_SAVED_BEFORE, e->now - keep, error);
    const int64_t keys[] = {member_key(folder->id, 0), member_key(folder->id, UINT32_MAX)};
    if (err == ERR_OK)
        err = number_locked(e->account, STATEMENT_MEMBER_SAVED_FIRST, keys, 2, 0, &oldest, error);
    if (err == ERR_OK && oldest > 0)
        due_at(e, MAX(oldest, placed) + keep);
    return err == ERR_NOT_FOUND ? ERR_OK : err; /* deleted meanwhile */
}

static enum err folders_expire(struct expiring *e, struct error *error)
{
    if (e->limits.trash_keep_s == 0 && e->limits.junk_keep_s == 0)
        return ERR_OK;
    enum err err = folder_list(e->account, &e->arena, &e->folders, &e->count, error);
    for (size_t i = 0; err == ERR_OK && i < e->count; i++)
        if (e->folders[i].selectable && e->folders[i].messages > 0)
            err = folder_expire(e, &e->folders[i], error);
    return err;
}

/* --- what POP3 fetched --- */

enum err fetched_note(struct account *account, struct folder_id folder, const struct uid_set *uids,
                      struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = uids->count > 0 ? work_begin(&work, account, error) : ERR_OK;
    if (err != ERR_OK || uids->count == 0)
        return err;
    for (size_t i = 0; err == ERR_OK && i < uids->count; i++)
        err = DB_RUN(account, FETCHED_NOTE, error, member_key(folder, uids->ranges[i].first),
                     member_key(folder, uids->ranges[i].last), work.now_us);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

static enum err fetched_expire(struct expiring *e, struct error *error)
{
    struct folder inbox;
    int64_t oldest = 0;
    int64_t keep = (int64_t)pop3_keep_s(&e->limits) * CLOCK_SECOND;
    if (keep == 0)
        return ERR_OK;
    enum err err = folder_by_role(e->account, ROLE_FOLDER_INBOX, &e->arena, &inbox, error);
    if (err == ERR_OK)
        err = folder_empty(e->account, inbox.id, STATEMENT_FETCHED_BEFORE, e->now - keep, error);
    if (err == ERR_OK)
        err = number_locked(e->account, STATEMENT_FETCHED_FIRST, NULL, 0, 0, &oldest, error);
    if (err == ERR_OK && oldest > 0)
        due_at(e, oldest + keep);
    return err;
}

/* --- all --- */

static enum err deleted_due(struct expiring *e, struct error *error)
{
    int64_t oldest = 0;
    enum err err = number_locked(e->account, STATEMENT_TOMBSTONE_OLDEST, NULL, 0, 0, &oldest, error);
    if (err == ERR_OK && oldest > 0)
        due_at(e, oldest + (int64_t)e->limits.undelete_keep_s * CLOCK_SECOND);
    return err;
}

enum err account_expire(struct account *account, int64_t *ret_next, struct error *error)
{
    struct expiring e = {.account = account, .next = INT64_MAX, .arena = ARENA(LIST_ARENA_MAX)};
    e.now = clock_wall_us();
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    e.limits = account->limits;
    account_unlock(account);
    err = folders_expire(&e, error);
    if (err == ERR_OK)
        err = fetched_expire(&e, error);
    if (err == ERR_OK)
        err = deleted_due(&e, error);
    arena_release(&e.arena);
    if (err == ERR_OK)
        *ret_next = e.next;
    return err;
}
