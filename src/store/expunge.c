#include "store/member.h"
#include "store/tombstone.h"

struct expunging {
    struct work *work;
    struct touched *folder;
    bool only_deleted;
};

/* Neighbouring UIDs go with one statement. */
static enum err remove_run(struct expunging *expunging, int64_t first, int64_t last, struct error *error)
{
    struct work *work = expunging->work;
    enum err err = tombstones_fill(work, first, last, error);
    if (err == ERR_OK)
        err = DB_RUN(work->account, MEMBER_DELETE, error, first, last);
    if (err == ERR_OK)
        uid_set_add(&expunging->folder->expunged, key_uid(first), key_uid(last));
    return err;
}

static enum err expunge_batch(void *context, const struct member_row *rows, size_t count, struct error *error)
{
    struct expunging *expunging = context;
    struct touched *folder = expunging->folder;
    size_t run = 0; /* rows [run, i) go and are not removed yet */
    for (size_t i = 0; i <= count; i++) {
        bool goes = i < count && (!expunging->only_deleted || flag_has(&rows[i].flags, FLAG_DELETED));
        if (run < i && (!goes || rows[i].key != rows[i - 1].key + 1)) {
            enum err err = remove_run(expunging, rows[run].key, rows[i - 1].key, error);
            if (err != ERR_OK)
                return err;
            run = i;
        }
        if (!goes) {
            run = i + 1;
            continue;
        }
        work_count(expunging->work, folder, rows[i].flags.words[0], rows[i].size, -1);
        if (key_uid(rows[i].key) >= folder->row.recent_from)
            folder->row.recent--;
    }
    return ERR_OK;
}

enum err members_expunge(struct work *work, struct touched *folder, const struct uid_set *uids,
                         bool only_deleted, struct error *error)
{
    struct expunging expunging = {work, folder, only_deleted};
    enum err err = members_each(work->account, folder->id, uids, expunge_batch, &expunging, error);
    return err == ERR_OK ? tombstones_limit(work, error) : err;
}

enum err message_expunge(struct account *account, struct folder_id folder, const struct uid_set *uids,
                         bool only_deleted, struct uid_set *ret_removed, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    enum err err = work_begin(&work, account, error);
    if (err != ERR_OK)
        return err;
    struct touched *touched;
    err = work_mailbox(&work, folder, &touched, error);
    /* Nothing is flagged: no need to look. */
    if (err == ERR_OK && (!only_deleted || touched->row.deleted > 0))
        err = members_expunge(&work, touched, uids, only_deleted, error);
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    if (err == ERR_OK)
        uid_set_union(&removed, &touched->expunged);
    if (err == ERR_OK && removed.failed)
        err = fail_nomem(error);
    if (err == ERR_OK && removed.count > 0)
        err = work_commit(&work, error);
    if (err != ERR_OK)
        return err;
    *ret_removed = removed;
    removed = (struct uid_set){0};
    return ERR_OK;
}
