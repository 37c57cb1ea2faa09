#include "store/work.h"

#include "base/clock.h"
#include "base/must.h"
#include "store/change.h"
#include "store/compact.h"
#include "store/due.h"
#include "store/ledger.h"
#include "store/open_folder.h"
#include "store/quota.h"
#include "store/registry.h"
#include "store/seen_row.h"
#include "store/sync.h"

enum err account_lock(struct account *account, struct error *error)
{
    pthread_mutex_lock(&account->mutex);
    if (!account->broken)
        return ERR_OK;
    pthread_mutex_unlock(&account->mutex);
    return fail(error, ERR_IO, NULL, "account %016llx: an earlier sync failed",
                (unsigned long long)account->id.v);
}

void account_unlock(struct account *account)
{
    pthread_mutex_unlock(&account->mutex);
}

enum err work_begin(struct work *work, struct account *account, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = DB_RUN_PLAIN(account, BEGIN, error);
    if (err != ERR_OK) {
        account_unlock(account);
        return err;
    }
    *work = (struct work){
        .account = account,
        .before = account->meta,
        .now_us = clock_wall_us(),
        .change = {(uint64_t)account->meta.change + 1},
    };
    return ERR_OK;
}

static enum err folder_row_read(struct account *account, struct folder_id id, struct folder_row *ret_row,
                                struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_FOLDER_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)id.v);
    bool row;
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    if (!row)
        return fail(error, ERR_NOT_FOUND, "No such folder", "folder %llu", (unsigned long long)id.v);
    int at = 0;
#define X(name) ret_row->name = sqlite3_column_int64(statement, at++);
    FOLDER_COLUMN_TABLE(X)
#undef X
    return ERR_OK;
}

enum err work_folder(struct work *work, struct folder_id id, struct touched **ret_touched,
                     struct error *error)
{
    for (struct touched *touched = work->touched; touched != NULL; touched = touched->next) {
        if (touched->id.v != id.v)
            continue;
        if (touched->row_gone)
            return fail(error, ERR_NOT_FOUND, "No such folder", "folder %llu", (unsigned long long)id.v);
        *ret_touched = touched;
        return ERR_OK;
    }
    struct touched *touched = calloc(1, sizeof(*touched));
    if (touched == NULL)
        return fail_nomem(error);
    touched->id = id;
    enum err err = folder_row_read(work->account, id, &touched->row, error);
    if (err != ERR_OK) {
        free(touched);
        return err;
    }
    touched->next = work->touched;
    work->touched = touched;
    *ret_touched = touched;
    return ERR_OK;
}

enum err work_mailbox(struct work *work, struct folder_id id, struct touched **ret_touched,
                      struct error *error)
{
    enum err err = work_folder(work, id, ret_touched, error);
    if (err == ERR_OK && !(*ret_touched)->row.selectable)
        return fail(error, ERR_NOT_FOUND, "This is no mailbox, only a name", "folder %llu",
                    (unsigned long long)id.v);
    return err;
}

/* There was no memory to note what changed: the note may be empty. */
static bool touched_unnoted(const struct touched *touched)
{
    return touched->added.failed || touched->flags.failed || touched->expunged.failed;
}

static bool touched_changed(const struct touched *touched)
{
    return touched->changed || touched->made || touched->removed || touched->added.count > 0 ||
           touched->flags.count > 0 || touched->expunged.count > 0 || touched_unnoted(touched);
}

void work_note(struct work *work, struct folder_id folder, enum change_kind kind)
{
    must(!work->noted);
    work->noted = true;
    work->note = kind;
    work->noted_folder = folder;
}

bool work_changed(const struct work *work)
{
    if (work->noted)
        return true;
    for (const struct touched *touched = work->touched; touched != NULL; touched = touched->next)
        if (touched_changed(touched))
            return true;
    return false;
}

/* --- counters --- */

void work_count(struct work *work, struct touched *folder, uint64_t flags, int64_t size, int sign)
{
    struct folder_row *row = &folder->row;
    row->messages += sign;
    row->bytes += sign * size;
    if ((flags & 1U << FLAG_SEEN) == 0)
        row->unseen += sign;
    if ((flags & 1U << FLAG_DELETED) != 0) {
        row->deleted += sign;
        row->deleted_bytes += sign * size;
    }
    must(row->messages >= 0 && row->unseen >= 0 && row->deleted >= 0);
    work->account->meta.messages += sign;
    work->account->meta.bytes += sign * size;
}

enum err work_next_uid(struct touched *folder, uint32_t *ret_uid, struct error *error)
{
    if (folder->row.uidnext >= UINT32_MAX)
        return fail(error, ERR_LIMIT, "This folder has used up its message numbers", "folder %llu",
                    (unsigned long long)folder->id.v);
    *ret_uid = (uint32_t)folder->row.uidnext++;
    return ERR_OK;
}

bool work_has_quota(const struct work *work)
{
    const struct account_limits *limits = &work->account->limits;
    return limits->quota_bytes > 0 || limits->quota_messages > 0 || ledger_limits(work->account);
}

enum err work_quota(struct work *work, uint64_t bytes, uint64_t messages, struct error *error)
{
    const struct account *account = work->account;
    const struct account_limits *limits = &account->limits;
    if (limits->quota_bytes > 0 && (uint64_t)account->meta.bytes + bytes > limits->quota_bytes)
        return fail(error, ERR_QUOTA, NULL, "account %016llx: %llu + %llu of %llu bytes",
                    (unsigned long long)account->id.v, (unsigned long long)account->meta.bytes,
                    (unsigned long long)bytes, (unsigned long long)limits->quota_bytes);
    if (limits->quota_messages > 0 && (uint64_t)account->meta.messages + messages > limits->quota_messages)
        return fail(error, ERR_QUOTA, NULL, "account %016llx: %llu + %llu of %llu messages",
                    (unsigned long long)account->id.v, (unsigned long long)account->meta.messages,
                    (unsigned long long)messages, (unsigned long long)limits->quota_messages);
    return ledger_reserve(work, bytes, messages, error);
}

/* --- ending --- */

static enum err log_write_one(struct work *work, struct folder_id folder, enum change_kind kind,
                              const struct uid_set *uids, uint64_t flag_mask, struct error *error)
{
    if (uids->failed)
        return fail_nomem(error);
    CLEANUP(buf_release) struct buf encoded = BUF(SIZE_MAX / 2);
    uid_set_encode(uids, &encoded);
    if (buf_failed(&encoded))
        return fail_nomem(error);
    sqlite3_stmt *statement;
    enum err err = db_statement(work->account, STATEMENT_CHANGE_INSERT, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)work->change.v);
    sqlite3_bind_int64(statement, 2, (int64_t)folder.v);
    sqlite3_bind_int64(statement, 3, kind);
    sqlite3_bind_int64(statement, 4, work->now_us);
    db_bind_blob(statement, 5, buf_slice(&encoded));
    sqlite3_bind_int64(statement, 6, (int64_t)flag_mask);
    return db_finish(work->account, statement, error);
}

static enum err log_write_folder(struct work *work, struct touched *touched, struct error *error)
{
    static const struct uid_set none = {0};
    const struct {
        bool present;
        enum change_kind kind;
        const struct uid_set *uids;
    } records[] = {
        {touched->added.count > 0, CHANGE_ADDED, &touched->added},
        {touched->flags.count > 0, CHANGE_FLAGS, &touched->flags},
        {touched->expunged.count > 0, CHANGE_REMOVED, &touched->expunged},
        {touched->made, CHANGE_FOLDER_MADE, &none},
        {touched->changed && !touched->made && !touched->removed, CHANGE_FOLDER_CHANGED, &none},
        {touched->removed, CHANGE_FOLDER_REMOVED, &none},
    };
    must(touched->flags.count == 0 || touched->flag_mask != 0);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        if (!records[i].present)
            continue;
        uint64_t mask = records[i].kind == CHANGE_FLAGS ? touched->flag_mask : FLAG_MASK_ANY;
        enum err err = log_write_one(work, touched->id, records[i].kind, records[i].uids, mask, error);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err folder_row_write(struct account *account, const struct touched *touched, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_FOLDER_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    int at = 1;
    sqlite3_bind_int64(statement, at++, (int64_t)touched->id.v);
#define X(name) sqlite3_bind_int64(statement, at++, touched->row.name);
    FOLDER_COLUMN_TABLE(X)
#undef X
    return db_finish(account, statement, error);
}

enum err work_folder_write(struct work *work, const struct touched *touched, struct error *error)
{
    return folder_row_write(work->account, touched, error);
}

static enum err meta_write(struct account *account, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_META_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    int at = 1;
#define X(name) sqlite3_bind_int64(statement, at++, account->meta.name);
    META_TABLE(X)
#undef X
    return db_finish(account, statement, error);
}

static enum err write_all(struct work *work, struct error *error)
{
    if (work_changed(work))
        work->account->meta.change = (int64_t)work->change.v;
    quota_settle(work->account);
    for (struct touched *touched = work->touched; touched != NULL; touched = touched->next) {
        if (touched_unnoted(touched))
            return fail_nomem(error);
        bool changed = touched_changed(touched);
        if (!changed && !touched->quiet)
            continue;
        if (changed)
            touched->row.changed = (int64_t)work->change.v;
        enum err err = touched->row.seen_apart ? seen_forget(work, touched, error) : ERR_OK;
        if (err == ERR_OK)
            err = touched->row_gone ? ERR_OK : folder_row_write(work->account, touched, error);
        if (err == ERR_OK && changed)
            err = log_write_folder(work, touched, error);
        if (err != ERR_OK)
            return err;
    }
    enum err err = ERR_OK;
    if (work->noted)
        err = log_write_one(work, work->noted_folder, work->note, &(struct uid_set){0}, FLAG_MASK_ANY, error);
    if (err == ERR_OK)
        err = meta_write(work->account, error);
    return err == ERR_OK ? DB_RUN_PLAIN(work->account, COMMIT, error) : err;
}

enum err work_write_quiet(struct work *work, struct error *error)
{
    must(!work_changed(work));
    enum err err = write_all(work, error);
    if (err != ERR_OK)
        return err;
    work->before = work->account->meta;
    work->account->commits++;
    store_mark_dirty(work->account);
    return ERR_OK;
}

static void touched_free(struct work *work)
{
    while (work->touched != NULL) {
        struct touched *touched = work->touched;
        work->touched = touched->next;
        uid_set_release(&touched->added);
        uid_set_release(&touched->flags);
        uid_set_release(&touched->expunged);
        free(touched);
    }
}

enum err work_commit(struct work *work, struct error *error)
{
    struct account *account = work->account;
    bool changed = work_changed(work);
    enum err err = ledger_prepare(work, error);
    if (err == ERR_OK)
        err = write_all(work, error);
    if (err != ERR_OK)
        return err; /* work_end rolls back */
    ledger_end(work);
    work->account = NULL;
    account->commits++;
    struct watchers watchers = {0};
    for (struct touched *touched = work->touched; touched != NULL; touched = touched->next)
        if (touched_changed(touched))
            open_folder_apply(account, touched, work->change, &watchers);
    if (changed)
        watches_gather(account, work->change, &watchers);
    store_mark_dirty(account);
    due_changed(account, compact_is_due(account));
    if (quota_due(account) > 0)
        quota_note(account);
    account_unlock(account);
    watchers_tell(&watchers);
    touched_free(work);
    return ERR_OK;
}

void work_end(struct work *work)
{
    struct account *account = work->account;
    if (account != NULL) {
        struct error error;
        /* Fails only when SQLite has rolled back by itself. */
        if (sqlite3_get_autocommit(account->database.sqlite) == 0 &&
            DB_RUN_PLAIN(account, ROLLBACK, &error) != ERR_OK) {
            account_set_broken(account);
            (void)volume_broke(account->database.volume, &error);
        }
        account->meta = work->before;
        ledger_end(work);
        account_unlock(account);
        work->account = NULL;
    }
    touched_free(work);
}
