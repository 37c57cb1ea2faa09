#include "store/seen.h"

#include "base/must.h"
#include "store/member.h"
#include "store/seen_row.h"

void seen_release(struct seen *seen)
{
    uid_set_release(&seen->uids);
    *seen = (struct seen){0};
}

static struct account_id person_of(const struct account *account, struct account_id person)
{
    return person.v != 0 ? person : account->id;
}

/* --- rows --- */

static enum err from_columns(sqlite3_stmt *statement, int at, struct folder_id folder, struct seen *seen,
                             struct error *error)
{
    if (!uid_set_decode(db_column(statement, at), &seen->uids))
        return fail(error, ERR_CORRUPT, NULL, "folder %llu: what %016llx has seen is damaged",
                    (unsigned long long)folder.v, (unsigned long long)seen->person.v);
    seen->own = true;
    seen->count = sqlite3_column_int64(statement, at + 1);
    return ERR_OK;
}

enum err seen_read(struct account *account, struct folder_id folder, struct account_id person,
                   struct seen *ret_seen, struct error *error)
{
    struct seen seen = {.person = person_of(account, person)};
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    bool row;
    enum err err = db_statement(account, STATEMENT_SEEN_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    sqlite3_bind_int64(statement, 2, (int64_t)seen.person.v);
    err = db_step(account, statement, &row, error);
    if (err == ERR_OK && row)
        err = from_columns(statement, 0, folder, &seen, error);
    if (err == ERR_OK)
        *ret_seen = seen;
    return err;
}

static enum err seen_write(struct account *account, struct folder_id folder, const struct seen *seen,
                           struct error *error)
{
    if (seen->uids.failed)
        return fail_nomem(error);
    must(seen->own && seen->count >= 0);
    CLEANUP(buf_release) struct buf encoded = BUF(SIZE_MAX / 2);
    uid_set_encode(&seen->uids, &encoded);
    if (buf_failed(&encoded))
        return fail_nomem(error);
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_SEEN_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    sqlite3_bind_int64(statement, 2, (int64_t)seen->person.v);
    db_bind_blob(statement, 3, buf_slice(&encoded));
    sqlite3_bind_int64(statement, 4, seen->count);
    return db_finish(account, statement, error);
}

static enum err read_next(struct account *account, struct folder_id folder, int64_t from, bool *ret_row,
                          struct seen *ret_seen, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    struct seen seen = {0};
    enum err err = db_statement(account, STATEMENT_SEEN_NEXT, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    sqlite3_bind_int64(statement, 2, from);
    err = db_step(account, statement, ret_row, error);
    if (err != ERR_OK || !*ret_row)
        return err;
    seen.person.v = (uint64_t)sqlite3_column_int64(statement, 0);
    err = from_columns(statement, 1, folder, &seen, error);
    if (err == ERR_OK)
        *ret_seen = seen;
    return err;
}

/* Calls each for every person with a set of his own; it may write that set. */
typedef enum err seen_each_fn(void *context, struct seen *seen, struct error *error);
static enum err seen_each(struct account *account, struct folder_id folder, seen_each_fn *each, void *context,
                          struct error *error)
{
    int64_t from = INT64_MIN;
    for (;;) {
        CLEANUP(seen_release) struct seen seen = {0};
        bool row;
        enum err err = read_next(account, folder, from, &row, &seen, error);
        if (err == ERR_OK && row)
            err = each(context, &seen, error);
        if (err != ERR_OK || !row || (int64_t)seen.person.v == INT64_MAX)
            return err;
        from = (int64_t)seen.person.v + 1;
    }
}

/* What the members' rows say. Of UIDs in between that are gone the set says what makes it shorter. */
static enum err read_common(struct account *account, struct folder_id folder, struct seen *seen,
                            struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_MEMBER_SEEN, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, member_key(folder, 1));
    sqlite3_bind_int64(statement, 2, member_key(folder, UINT32_MAX));
    uint32_t from = 1; /* where a seen member's range begins: behind the last one that isn't seen */
    for (;;) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            return err;
        uint32_t uid = key_uid(sqlite3_column_int64(statement, 0));
        bool is_seen = sqlite3_column_int64(statement, 1) != 0;
        if (is_seen)
            uid_set_add(&seen->uids, from, uid);
        seen->count += is_seen;
        from = is_seen ? from : uid + 1;
    }
}

/* A set of his own for a person who has none yet. */
static enum err seen_begin(struct work *work, const struct touched *folder, struct seen *seen,
                           struct error *error)
{
    struct account *account = work->account;
    bool found;
    int64_t people = 0;
    enum err err = DB_NUMBER(account, SEEN_PEOPLE, &found, &people, error, (int64_t)folder->id.v);
    if (err == ERR_OK && people >= SEEN_PEOPLE_MAX)
        return fail_plain(error, ERR_LIMIT, "What is seen can be kept apart for %d people", SEEN_PEOPLE_MAX);
    if (err == ERR_OK)
        err = read_common(account, folder->id, seen, error);
    /* What this transaction has removed counts no longer, and seen_forget must not take it off once more. */
    uid_set_subtract(&seen->uids, &folder->expunged);
    seen->own = true;
    return err;
}

/* --- changing --- */

static uint64_t size_of_both(const struct uid_set *a, const struct uid_set *b, bool *failed)
{
    CLEANUP(uid_set_release) struct uid_set both = {0};
    uid_set_union(&both, a);
    uid_set_intersect(&both, b);
    *failed |= both.failed;
    return uid_set_size(&both);
}

enum err seen_mark(struct work *work, struct touched *folder, struct account_id person,
                   const struct uid_set *seen, const struct uid_set *unseen, struct error *error)
{
    CLEANUP(seen_release) struct seen his = {0};
    bool failed = seen->failed || unseen->failed;
    if (seen->count == 0 && unseen->count == 0 && !failed)
        return ERR_OK;
    enum err err = seen_read(work->account, folder->id, person, &his, error);
    if (err == ERR_OK && !his.own)
        err = seen_begin(work, folder, &his, error);
    if (err != ERR_OK)
        return err;
    his.count += (int64_t)(uid_set_size(seen) - size_of_both(seen, &his.uids, &failed));
    his.count -= (int64_t)size_of_both(unseen, &his.uids, &failed);
    uid_set_union(&his.uids, seen);
    uid_set_subtract(&his.uids, unseen);
    return failed ? fail_nomem(error) : seen_write(work->account, folder->id, &his, error);
}

/* UIDs that went say what their neighbours say, so that ranges join. */
static void smooth(struct uid_set *uids, struct uid_range gone)
{
    bool after = gone.last < UINT32_MAX && uid_set_has(uids, gone.last + 1);
    bool before = gone.first > 1 ? uid_set_has(uids, gone.first - 1) : after;
    if (before && after)
        uid_set_add(uids, gone.first, gone.last);
    else if (!before && !after)
        uid_set_remove(uids, gone.first, gone.last);
}

struct forgetting {
    struct work *work;
    const struct touched *touched;
};

static enum err forget_one(void *context, struct seen *seen, struct error *error)
{
    const struct forgetting *forgetting = context;
    const struct uid_set *gone = &forgetting->touched->expunged;
    bool failed = false;
    seen->count -= (int64_t)size_of_both(gone, &seen->uids, &failed);
    for (size_t i = 0; i < gone->count; i++)
        smooth(&seen->uids, gone->ranges[i]);
    return failed ? fail_nomem(error)
                  : seen_write(forgetting->work->account, forgetting->touched->id, seen, error);
}

enum err seen_forget(struct work *work, const struct touched *touched, struct error *error)
{
    struct forgetting forgetting = {work, touched};
    if (touched->expunged.count == 0)
        return ERR_OK;
    return seen_each(work->account, touched->id, forget_one, &forgetting, error);
}

enum err seen_drop(struct work *work, struct touched *folder, struct error *error)
{
    folder->row.seen_apart = 0;
    return DB_RUN(work->account, SEEN_DROP, error, (int64_t)folder->id.v);
}

/* --- copies --- */

struct carrying {
    struct work *work;
    struct touched *from, *to;
    const struct seen_copies *copies;
};

/* Those of copies->from that are in `uids`, as UIDs of their copies. */
static void map_copies(const struct seen_copies *copies, const struct uid_set *uids, struct uid_set *mapped)
{
    CLEANUP(uid_set_release) struct uid_set both = {0};
    uid_set_union(&both, copies->from);
    uid_set_intersect(&both, uids);
    mapped->failed |= both.failed;
    uint32_t to = copies->to->ranges[0].first; /* of the range at `at` */
    size_t at = 0;
    for (size_t i = 0; i < both.count; i++) {
        const struct uid_range *range = &both.ranges[i]; /* lies within one of copies->from */
        for (; copies->from->ranges[at].last < range->first; at++)
            to += copies->from->ranges[at].last - copies->from->ranges[at].first + 1;
        uint32_t shift = to - copies->from->ranges[at].first;
        uid_set_add(mapped, range->first + shift, range->last + shift);
    }
}

static enum err carry_to(const struct carrying *carrying, struct account_id person,
                         const struct uid_set *seen, struct error *error)
{
    CLEANUP(uid_set_release) struct uid_set unseen = {0};
    uid_set_union(&unseen, carrying->copies->to);
    uid_set_subtract(&unseen, seen);
    enum err err = seen_mark(carrying->work, carrying->to, person, seen, &unseen, error);
    /* One person more than there may be sees there what somebody new does. */
    return err == ERR_LIMIT ? ERR_OK : err;
}

/* A person with a set of his own in the source. */
static enum err carry_own(void *context, struct seen *seen, struct error *error)
{
    const struct carrying *carrying = context;
    CLEANUP(uid_set_release) struct uid_set mapped = {0};
    map_copies(carrying->copies, &seen->uids, &mapped);
    return carry_to(carrying, seen->person, &mapped, error);
}

/* One with a set in the destination only: in the source he sees what the rows say. */
static enum err carry_common(void *context, struct seen *seen, struct error *error)
{
    const struct carrying *carrying = context;
    CLEANUP(seen_release) struct seen there = {0};
    enum err err = seen_read(carrying->work->account, carrying->from->id, seen->person, &there, error);
    if (err != ERR_OK || there.own)
        return err;
    return carry_to(carrying, seen->person, carrying->copies->common, error);
}

enum err seen_carry(struct work *work, struct touched *from, struct touched *to,
                    const struct seen_copies *copies, struct error *error)
{
    struct carrying carrying = {work, from, to, copies};
    if (copies->to->count == 0)
        return ERR_OK;
    must(copies->to->count == 1);
    enum err err = seen_each(work->account, from->id, carry_own, &carrying, error);
    return err == ERR_OK ? seen_each(work->account, to->id, carry_common, &carrying, error) : err;
}

/* --- looking --- */

enum err seen_count(struct account *account, struct account_id person, struct folder *folder,
                    struct error *error)
{
    bool found;
    int64_t unseen = 0;
    if (!folder->seen_apart)
        return ERR_OK;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = DB_NUMBER(account, SEEN_UNSEEN, &found, &unseen, error, (int64_t)folder->id.v,
                    (int64_t)person_of(account, person).v);
    account_unlock(account);
    if (err == ERR_OK && found)
        folder->unseen = (uint32_t)unseen;
    return err;
}

enum err seen_first_unseen(struct account *account, struct folder_id folder, const struct seen *seen,
                           uint32_t last, bool *ret_found, int64_t *ret_key, struct error *error)
{
    uint64_t from = 1;
    *ret_found = false;
    for (size_t i = 0; i <= seen->uids.count && from <= last; i++) {
        bool end = i == seen->uids.count;
        uint64_t to = end ? last : MIN(last, (uint64_t)seen->uids.ranges[i].first - 1);
        enum err err = ERR_OK;
        if (from <= to)
            err = DB_NUMBER(account, MEMBER_FIRST, ret_found, ret_key, error,
                            member_key(folder, (uint32_t)from), member_key(folder, (uint32_t)to));
        if (err != ERR_OK || *ret_found || end)
            return err;
        from = (uint64_t)seen->uids.ranges[i].last + 1;
    }
    return ERR_OK;
}

/* --- beginning and ending --- */

struct ending {
    struct work *work;
    struct touched *folder;
    struct seen final;        /* the owner's, which becomes everybody's */
    struct uid_set differing; /* UIDs of which somebody sees something else */
};

static enum err note_differing(void *context, struct seen *seen, struct error *error)
{
    struct ending *ending = context;
    CLEANUP(uid_set_release) struct uid_set more = {0};
    CLEANUP(uid_set_release) struct uid_set less = {0};
    uid_set_union(&more, &seen->uids);
    uid_set_subtract(&more, &ending->final.uids);
    uid_set_union(&less, &ending->final.uids);
    uid_set_subtract(&less, &seen->uids);
    uid_set_union(&ending->differing, &more);
    uid_set_union(&ending->differing, &less);
    return ending->differing.failed ? fail_nomem(error) : ERR_OK;
}

static enum err end_batch(void *context, const struct member_row *rows, size_t count, struct error *error)
{
    struct ending *ending = context;
    struct account *account = ending->work->account;
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_MEMBER_FLAGS, &statement, error);
    for (size_t i = 0; err == ERR_OK && i < count; i++) {
        uint32_t uid = key_uid(rows[i].key);
        struct flagset flags = rows[i].flags;
        bool before = flag_has(&flags, FLAG_SEEN);
        bool now = uid_set_has(&ending->final.uids, uid);
        flag_put(&flags, FLAG_SEEN, now);
        sqlite3_bind_int64(statement, 1, rows[i].key);
        flags_bind(statement, 2, &flags);
        sqlite3_bind_int64(statement, 4, (int64_t)ending->work->change.v);
        err = db_finish(account, statement, error);
        ending->folder->row.unseen += (int64_t)before - (int64_t)now;
        uid_set_add(&ending->folder->flags, uid, uid);
        ending->folder->flag_mask |= UINT64_C(1) << FLAG_SEEN;
    }
    return err;
}

static enum err end_apart(struct ending *ending, struct error *error)
{
    struct account *account = ending->work->account;
    struct touched *folder = ending->folder;
    CLEANUP(seen_release) struct seen common = {0};
    enum err err = read_common(account, folder->id, &common, error);
    if (err == ERR_OK)
        err = seen_read(account, folder->id, account->id, &ending->final, error);
    if (err == ERR_OK && !ending->final.own)
        uid_set_union(&ending->final.uids, &common.uids);
    if (err == ERR_OK && (common.uids.failed || ending->final.uids.failed))
        err = fail_nomem(error);
    if (err == ERR_OK)
        err = note_differing(ending, &common, error);
    if (err == ERR_OK)
        err = seen_each(account, folder->id, note_differing, ending, error);
    if (err == ERR_OK)
        err = members_each(account, folder->id, &ending->differing, end_batch, ending, error);
    return err == ERR_OK ? seen_drop(ending->work, folder, error) : err;
}

enum err seen_set_apart(struct account *account, struct folder_id folder, bool apart, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    struct ending ending = {.work = &work};
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = work_mailbox(&work, folder, &ending.folder, error);
    if (err != ERR_OK || (ending.folder->row.seen_apart != 0) == apart)
        return err;
    ending.folder->row.seen_apart = apart;
    ending.folder->changed = true;
    if (!apart)
        err = end_apart(&ending, error);
    seen_release(&ending.final);
    uid_set_release(&ending.differing);
    return err == ERR_OK ? work_commit(&work, error) : err;
}
