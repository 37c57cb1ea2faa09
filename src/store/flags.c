#include "base/slice.h"
#include "store/member.h"

struct flagging {
    struct work *work;
    struct touched *folder;
    const struct flag_order *order;
    struct uid_set modified;
};

static struct flagset changed_flags(const struct flagset *old, const struct flag_order *order)
{
    struct flagset flags = *old;
    for (size_t i = 0; i < ARRAY_LEN(flags.words); i++) {
        uint64_t by = order->flags.words[i] & order->may.words[i];
        if (order->how == FLAGS_ADD)
            flags.words[i] |= by;
        else if (order->how == FLAGS_REMOVE)
            flags.words[i] &= ~by;
        else
            flags.words[i] = (old->words[i] & ~order->may.words[i]) | by;
    }
    return flags;
}

static void recount(struct touched *folder, uint64_t old, uint64_t new, int64_t size)
{
    uint64_t differ = old ^ new;
    if ((differ & 1U << FLAG_SEEN) != 0)
        folder->row.unseen += (new & 1U << FLAG_SEEN) != 0 ? -1 : 1;
    if ((differ & 1U << FLAG_DELETED) != 0) {
        int sign = (new & 1U << FLAG_DELETED) != 0 ? 1 : -1;
        folder->row.deleted += sign;
        folder->row.deleted_bytes += sign * size;
    }
}

static enum err flag_batch(void *context, const struct member_row *rows, size_t count, struct error *error)
{
    struct flagging *flagging = context;
    struct account *account = flagging->work->account;
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_MEMBER_FLAGS, &statement, error);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++) {
        uint32_t uid = key_uid(rows[i].key);
        uint64_t since = flagging->order->unchanged_since.v; /* 0: no condition */
        if (since != 0 && rows[i].changed > since) {
            uid_set_add(&flagging->modified, uid, uid);
            continue;
        }
        struct flagset flags = changed_flags(&rows[i].flags, flagging->order);
        if (memcmp(&flags, &rows[i].flags, sizeof(flags)) == 0)
            continue;
        sqlite3_bind_int64(statement, 1, rows[i].key);
        flags_bind(statement, 2, &flags);
        sqlite3_bind_int64(statement, 4, (int64_t)flagging->work->change.v);
        err = db_finish(account, statement, error);
        if (err != ERR_OK)
            return err;
        recount(flagging->folder, rows[i].flags.words[0], flags.words[0], rows[i].size);
        uid_set_add(&flagging->folder->flags, uid, uid);
    }
    return ERR_OK;
}

enum err member_flags_follow(struct work *work, struct touched *folder, uint32_t uid,
                             const struct flag_order *order, struct error *error)
{
    CLEANUP(uid_set_release) struct uid_set one = {0};
    struct flagging flagging = {.work = work, .folder = folder, .order = order};
    uid_set_add(&one, uid, uid);
    return one.failed ? fail_nomem(error)
                      : members_each(work->account, folder->id, &one, flag_batch, &flagging, error);
}

/* Before the commit, since a change that could not be reported must not happen. */
static enum err copy_set(struct uid_set *to, const struct uid_set *from, struct error *error)
{
    uid_set_union(to, from);
    return to->failed ? fail_nomem(error) : ERR_OK;
}

enum err message_flags(struct account *account, struct folder_id folder, const struct uid_set *uids,
                       enum flag_change how, const struct flagset *flags, struct change_no unchanged_since,
                       struct flag_result *ret_result, struct error *error)
{
    const struct flag_order order = {how, *flags, FLAGS_ALL, unchanged_since};
    return message_flags_order(account, folder, uids, &order, ret_result, error);
}

enum err message_flags_order(struct account *account, struct folder_id folder, const struct uid_set *uids,
                             const struct flag_order *order, struct flag_result *ret_result,
                             struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    CLEANUP(flag_result_release) struct flag_result result = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    struct flagging flagging = {.work = &work, .order = order};
    err = work_mailbox(&work, folder, &flagging.folder, error);
    if (err == ERR_OK)
        err = members_each(account, folder, uids, flag_batch, &flagging, error);
    result.modified = flagging.modified;
    if (err == ERR_OK && result.modified.failed)
        err = fail_nomem(error);
    if (err == ERR_OK)
        err = copy_set(&result.changed, &flagging.folder->flags, error);
    if (err != ERR_OK)
        return err;
    if (result.changed.count > 0) {
        result.change = work.change;
        err = work_commit(&work, error);
    }
    if (err != ERR_OK)
        return err;
    *ret_result = result;
    result = (struct flag_result){0};
    return ERR_OK;
}

void flag_result_release(struct flag_result *result)
{
    uid_set_release(&result->changed);
    uid_set_release(&result->modified);
}
