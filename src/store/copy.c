#include "base/must.h"
#include "store/member.h"
#include "store/seen_row.h"

struct copying {
    struct work *work;
    struct touched *from, *to;
    const struct copy_order *order;
    struct uid_set *from_uids, *to_uids;
    uint64_t bytes, messages;   /* so far, when only counting */
    struct seen seen;           /* the person's, in a source that keeps it apart */
    struct uid_set copies_seen; /* of to_uids: in a destination that keeps it apart */
};

static enum err count_batch(void *context, const struct member_row *rows, size_t count, struct error *error)
{
    (void)error;
    struct copying *copying = context;
    copying->messages += count;
    for (size_t i = 0; i < count; i++)
        copying->bytes += (uint64_t)rows[i].size;
    return ERR_OK;
}

/* What the copy's row says. \Seen where it is kept apart: between two such folders the rows' own goes along;
 * what is brought into one from elsewhere only the person has seen. */
static struct flagset copied_flags(struct copying *copying, const struct member_row *row, uint32_t uid)
{
    bool from = copying->from->row.seen_apart != 0;
    bool to = copying->to->row.seen_apart != 0;
    struct flagset flags = row->flags;
    if (from && !to)
        flag_put(&flags, FLAG_SEEN, seen_has(&copying->seen, key_uid(row->key), &row->flags));
    flags = flags_and(&flags, &copying->order->keep);
    if (to && flag_has(&flags, FLAG_SEEN))
        uid_set_add(&copying->copies_seen, uid, uid);
    if (to && !from)
        flag_clear(&flags, FLAG_SEEN);
    return flags;
}

static enum err copy_one(struct copying *copying, const struct member_row *row, struct error *error)
{
    struct work *work = copying->work;
    struct account *account = work->account;
    uint32_t uid;
    enum err err = work_next_uid(copying->to, &uid, error);
    if (err != ERR_OK)
        return err;
    sqlite3_stmt *statement;
    err = db_statement(account, STATEMENT_MEMBER_COPY, &statement, error);
    if (err != ERR_OK)
        return err;
    const struct flagset flags = copied_flags(copying, row, uid);
    sqlite3_bind_int64(statement, 1, row->key);
    sqlite3_bind_int64(statement, 2, member_key(copying->to->id, uid));
    sqlite3_bind_int64(statement, 3, (int64_t)work->change.v);
    sqlite3_bind_int64(statement, 4, work->now_us);
    sqlite3_bind_int64(statement, 5, account->meta.next_member++);
    flags_bind(statement, 6, &flags);
    err = db_finish(account, statement, error);
    if (err != ERR_OK)
        return err;
    work_count(work, copying->to, flags.words[0], row->size, 1);
    copying->to->row.recent++;
    uid_set_add(&copying->to->added, uid, uid);
    uid_set_add(copying->from_uids, key_uid(row->key), key_uid(row->key));
    uid_set_add(copying->to_uids, uid, uid);
    return ERR_OK;
}

/* A moved member leaves no tombstone: its content lives on at its new place, so there is nothing to undelete;
 * that it left is in the change log. */
static enum err take_away(struct copying *copying, const struct member_row *row, struct error *error)
{
    struct touched *from = copying->from;
    enum err err = DB_RUN(copying->work->account, MEMBER_DELETE, error, row->key, row->key);
    if (err != ERR_OK)
        return err;
    work_count(copying->work, from, row->flags.words[0], row->size, -1);
    if (key_uid(row->key) >= from->row.recent_from)
        from->row.recent--;
    uid_set_add(&from->expunged, key_uid(row->key), key_uid(row->key));
    return ERR_OK;
}

static enum err copy_batch(void *context, const struct member_row *rows, size_t count, struct error *error)
{
    struct copying *copying = context;
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        err = copy_one(copying, &rows[i], error);
        if (err == ERR_OK && copying->order->move)
            err = take_away(copying, &rows[i], error);
    }
    return err;
}

static enum err copy_seen(struct copying *copying, struct error *error)
{
    static const struct uid_set none = {0};
    const struct copy_order *order = copying->order;
    const struct seen_copies copies = {copying->from_uids, copying->to_uids, &copying->copies_seen};
    if (!copying->to->row.seen_apart || !flag_has(&order->keep, FLAG_SEEN))
        return ERR_OK;
    return copying->from->row.seen_apart
               ? seen_carry(copying->work, copying->from, copying->to, &copies, error)
               : seen_mark(copying->work, copying->to, order->person, &copying->copies_seen, &none, error);
}

static enum err copy_all(struct copying *copying, const struct uid_set *there, struct error *error)
{
    struct account *account = copying->work->account;
    struct folder_id from = copying->from->id;
    enum err err = ERR_OK;
    if (copying->from->row.seen_apart && !copying->to->row.seen_apart)
        err = seen_read(account, from, copying->order->person, &copying->seen, error);
    if (err == ERR_OK)
        err = members_each(account, from, there, copy_batch, copying, error);
    return err == ERR_OK ? copy_seen(copying, error) : err;
}

enum err members_copy(struct work *work, struct touched *from, const struct uid_set *uids, struct touched *to,
                      const struct copy_order *order, struct uid_set *from_uids, struct uid_set *to_uids,
                      struct error *error)
{
    struct copying copying = {
        .work = work, .from = from, .to = to, .order = order, .from_uids = from_uids, .to_uids = to_uids};
    /* Within one folder the copies must not be copied again. */
    CLEANUP(uid_set_release) struct uid_set there = {0};
    uid_set_union(&there, uids);
    uid_set_remove(&there, (uint32_t)from->row.uidnext, UINT32_MAX);
    if (there.failed)
        return fail_nomem(error);
    enum err err = ERR_OK;
    if (!order->move && work_has_quota(work)) {
        err = members_each(work->account, from->id, &there, count_batch, &copying, error);
        if (err == ERR_OK)
            err = work_quota(work, copying.bytes, copying.messages, error);
    }
    if (err == ERR_OK)
        err = copy_all(&copying, &there, error);
    seen_release(&copying.seen);
    uid_set_release(&copying.copies_seen);
    return err == ERR_OK && (from_uids->failed || to_uids->failed) ? fail_nomem(error) : err;
}

enum err message_copy(struct account *account, struct folder_id from, const struct uid_set *uids,
                      struct folder_id to, bool move, struct copy_result *ret_result, struct error *error)
{
    const struct copy_order order = {.move = move, .keep = FLAGS_ALL};
    return message_copy_order(account, from, uids, to, &order, ret_result, error);
}

enum err message_copy_order(struct account *account, struct folder_id from, const struct uid_set *uids,
                            struct folder_id to, const struct copy_order *order,
                            struct copy_result *ret_result, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    CLEANUP(copy_result_release) struct copy_result result = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    struct touched *source = NULL;
    struct touched *destination = NULL;
    err = work_mailbox(&work, from, &source, error);
    if (err == ERR_OK)
        err = work_mailbox(&work, to, &destination, error);
    if (err == ERR_OK)
        err = members_copy(&work, source, uids, destination, order, &result.from, &result.to, error);
    if (err != ERR_OK)
        return err;
    must(uid_set_size(&result.from) == uid_set_size(&result.to));
    result.uidvalidity = (uint32_t)destination->row.uidvalidity;
    if (result.from.count > 0)
        err = work_commit(&work, error);
    if (err != ERR_OK)
        return err;
    *ret_result = result;
    result = (struct copy_result){0};
    return ERR_OK;
}

void copy_result_release(struct copy_result *result)
{
    uid_set_release(&result->from);
    uid_set_release(&result->to);
}
