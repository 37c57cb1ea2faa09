#include "store/change.h"

#include "store/work.h"

enum { LIST_FIRST = 16 };

void change_list_release(struct change_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        uid_set_release(&list->changes[i].uids);
    free(list->changes);
    *list = (struct change_list){0};
}

static enum err append_row(struct change_list *list, size_t *cap, sqlite3_stmt *statement,
                           struct error *error)
{
    if (list->count == *cap) {
        size_t bigger = *cap > 0 ? *cap * 2 : LIST_FIRST;
        struct change *changes = realloc(list->changes, bigger * sizeof(*changes));
        if (changes == NULL)
            return fail_nomem(error);
        list->changes = changes;
        *cap = bigger;
    }
    struct change *change = &list->changes[list->count];
    *change = (struct change){
        .no = {(uint64_t)sqlite3_column_int64(statement, 0)},
        .folder = {(uint64_t)sqlite3_column_int64(statement, 1)},
        .kind = (enum change_kind)sqlite3_column_int64(statement, 2),
    };
    if (!uid_set_decode(db_column(statement, 3), &change->uids))
        return fail(error, ERR_CORRUPT, NULL, "change %llu: its set of UIDs is damaged",
                    (unsigned long long)change->no.v);
    list->count++;
    return ERR_OK;
}

static enum err read_rows(struct account *account, struct folder_id folder, struct change_no since,
                          size_t max, struct change_list *list, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_CHANGE_LIST, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)MIN(since.v, INT64_MAX));
    sqlite3_bind_int64(statement, 2, (int64_t)folder.v);
    size_t cap = 0;
    for (;;) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            return err;
        /* A page ends between numbers: whoever goes on from its last one must not miss the rest. */
        if (max > 0 && list->count >= max &&
            list->changes[list->count - 1].no.v != (uint64_t)sqlite3_column_int64(statement, 0)) {
            list->more = true;
            return ERR_OK;
        }
        err = append_row(list, &cap, statement, error);
        if (err != ERR_OK)
            return err;
    }
}

static enum err is_lost(struct account *account, struct change_no since, bool *ret_lost, struct error *error)
{
    int64_t one;
    return DB_NUMBER(account, LOST_FIND, ret_lost, &one, error, (int64_t)MIN(since.v, INT64_MAX));
}

enum err change_believed(struct account *account, struct change_no since, struct change_no *ret_believed,
                         struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    bool lost = false;
    err = is_lost(account, since, &lost, error);
    account_unlock(account);
    if (err == ERR_OK)
        *ret_believed = lost ? (struct change_no){0} : since;
    return err;
}

/* The account is locked. */
static enum err check_since(struct account *account, struct change_no since, struct error *error)
{
    if (since.v < (uint64_t)account->meta.log_oldest)
        return fail(error, ERR_NOT_FOUND, "The changes since then are no longer known",
                    "since %llu, the log begins at %lld", (unsigned long long)since.v,
                    (long long)account->meta.log_oldest);
    bool lost = false;
    enum err err = is_lost(account, since, &lost, error);
    if (err != ERR_OK || !lost)
        return err;
    return fail(error, ERR_NOT_FOUND, "The changes since then are no longer known",
                "change %llu was lost in a crash", (unsigned long long)since.v);
}

enum err change_list(struct account *account, struct folder_id folder, struct change_no since, size_t max,
                     struct change_list *ret_list, struct error *error)
{
    CLEANUP(change_list_release) struct change_list list = {0};
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    list.oldest.v = (uint64_t)account->meta.log_oldest;
    list.now.v = (uint64_t)account->meta.change;
    err = check_since(account, since, error);
    if (err == ERR_OK)
        err = read_rows(account, folder, since, max, &list, error);
    account_unlock(account);
    if (err != ERR_OK)
        return err;
    *ret_list = list;
    list = (struct change_list){0};
    return ERR_OK;
}
