#include "base/slice.h"
#include "store/member.h"
#include "store/seen_row.h"

struct flagging {
    struct work *work;
    struct touched *folder;
    const struct flag_order *order;
    struct uid_set modified;
    struct uid_set changed_since; /* UIDs that fail the condition, once it was looked for */
    bool looked, known;
    struct seen seen;                /* the person's, before; unless it is everybody's */
    struct uid_set now_seen, unseen; /* that differ from it */
};

static void flagging_release(struct flagging *flagging)
{
    uid_set_release(&flagging->changed_since);
    seen_release(&flagging->seen);
    uid_set_release(&flagging->now_seen);
    uid_set_release(&flagging->unseen);
}

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

/* --- UNCHANGEDSINCE (RFC 7162 3.1.3) --- */

static enum err read_changed_since(struct flagging *flagging, uint64_t mask, struct error *error)
{
    struct account *account = flagging->work->account;
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_CHANGE_OF_FLAGS, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)flagging->order->unchanged_since.v);
    sqlite3_bind_int64(statement, 2, (int64_t)flagging->folder->id.v);
    sqlite3_bind_int64(statement, 3, CHANGE_ADDED);
    sqlite3_bind_int64(statement, 4, CHANGE_FLAGS);
    sqlite3_bind_int64(statement, 5, (int64_t)mask);
    for (;;) {
        CLEANUP(uid_set_release) struct uid_set uids = {0};
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            return err;
        if (!uid_set_decode(db_column(statement, 0), &uids))
            return fail(error, ERR_CORRUPT, NULL, "a change's set of UIDs is damaged");
        uid_set_union(&flagging->changed_since, &uids);
    }
}

/* What the change log says of the flags that are to be added or removed, unless it is too much to look
 * through. */
static enum err look_since(struct flagging *flagging, struct error *error)
{
    const struct flag_order *order = flagging->order;
    const struct account_meta *meta = &flagging->work->account->meta;
    uint64_t since = order->unchanged_since.v;
    const struct flagset named = flags_and(&order->flags, &order->may);
    uint64_t mask = flag_mask(&named);
    flagging->looked = true;
    flagging->known = order->how != FLAGS_REPLACE && mask != 0 && since >= (uint64_t)meta->log_oldest &&
                      (uint64_t)meta->change - since <= CONDITION_REACH;
    enum err err = flagging->known ? read_changed_since(flagging, mask, error) : ERR_OK;
    return err == ERR_OK && flagging->changed_since.failed ? fail_nomem(error) : err;
}

/* The message's mod-sequence is of any of its flags: if it is higher, the log may say that those named stayed
 * as they were. */
static enum err passes(struct flagging *flagging, const struct member_row *row, bool *ret_passes,
                       struct error *error)
{
    uint64_t since = flagging->order->unchanged_since.v; /* 0: no condition */
    *ret_passes = since == 0 || row->changed <= since;
    if (*ret_passes)
        return ERR_OK;
    enum err err = flagging->looked ? ERR_OK : look_since(flagging, error);
    if (err == ERR_OK)
        *ret_passes = flagging->known && !uid_set_has(&flagging->changed_since, key_uid(row->key));
    return err;
}

/* --- changing --- */

/* Where \Seen is kept apart, the rows keep theirs: what the person changes of it is noted. */
static struct flagset flags_apart(struct flagging *flagging, const struct member_row *row,
                                  const struct flagset *shown, const struct flagset *changed)
{
    struct flagset flags = *changed;
    uint32_t uid = key_uid(row->key);
    if (flag_has(shown, FLAG_SEEN) != flag_has(changed, FLAG_SEEN))
        uid_set_add(flag_has(changed, FLAG_SEEN) ? &flagging->now_seen : &flagging->unseen, uid, uid);
    flag_put(&flags, FLAG_SEEN, flag_has(&row->flags, FLAG_SEEN));
    return flags;
}

/* The flags as the person sees them. */
static struct flagset flags_shown(const struct flagging *flagging, const struct member_row *row)
{
    struct flagset flags = row->flags;
    if (flagging->folder->row.seen_apart)
        flag_put(&flags, FLAG_SEEN, seen_has(&flagging->seen, key_uid(row->key), &row->flags));
    return flags;
}

static void note_mask(struct touched *folder, const struct flagset *before, const struct flagset *now)
{
    struct flagset differ;
    for (size_t i = 0; i < ARRAY_LEN(differ.words); i++)
        differ.words[i] = before->words[i] ^ now->words[i];
    folder->flag_mask |= flag_mask(&differ);
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
        bool goes;
        err = passes(flagging, &rows[i], &goes, error);
        if (err != ERR_OK)
            return err;
        if (!goes) {
            uid_set_add(&flagging->modified, uid, uid);
            continue;
        }
        const struct flagset shown = flags_shown(flagging, &rows[i]);
        struct flagset flags = changed_flags(&shown, flagging->order);
        if (memcmp(&flags, &shown, sizeof(flags)) == 0)
            continue;
        note_mask(flagging->folder, &shown, &flags);
        if (flagging->folder->row.seen_apart)
            flags = flags_apart(flagging, &rows[i], &shown, &flags);
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
    const struct flag_order order = {
        .how = how, .flags = *flags, .may = FLAGS_ALL, .unchanged_since = unchanged_since};
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
    CLEANUP(flagging_release) struct flagging flagging = {.work = &work, .order = order};
    err = work_mailbox(&work, folder, &flagging.folder, error);
    if (err == ERR_OK && flagging.folder->row.seen_apart)
        err = seen_read(account, folder, order->person, &flagging.seen, error);
    if (err == ERR_OK)
        err = members_each(account, folder, uids, flag_batch, &flagging, error);
    if (err == ERR_OK && flagging.folder->row.seen_apart)
        err = seen_mark(&work, flagging.folder, order->person, &flagging.now_seen, &flagging.unseen, error);
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
