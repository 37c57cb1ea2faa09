#include "store/open_folder.h"

#include "base/must.h"

enum err open_folder_ref(struct account *account, struct folder_id id, const struct folder_row *row,
                         struct open_folder **ret_open, struct error *error)
{
    struct open_folder *open = account->open_folders;
    while (open != NULL && open->id.v != id.v)
        open = open->next;
    if (open == NULL) {
        open = calloc(1, sizeof(*open));
        if (open == NULL)
            return fail_nomem(error);
        open->account = account;
        open->id = id;
        open->exists = (uint32_t)row->messages;
        open->uidnext = (uint32_t)row->uidnext;
        atomic_init(&open->change, (uint64_t)row->changed);
        atomic_init(&open->gone, false);
        pthread_mutex_init(&open->mutex, NULL);
        open->next = account->open_folders;
        account->open_folders = open;
    }
    open->refs++;
    *ret_open = open;
    return ERR_OK;
}

static void entry_release(struct journal_entry *entry)
{
    uid_set_release(&entry->flags);
    uid_set_release(&entry->removed);
}

void open_folder_unref(struct open_folder *open)
{
    if (--open->refs > 0)
        return;
    struct open_folder **link = &open->account->open_folders;
    while (*link != open)
        link = &(*link)->next;
    *link = open->next;
    uid_list_unref(open->list);
    for (size_t i = 0; i < open->journal_count; i++)
        entry_release(&open->journal[i]);
    free(open->journal);
    pthread_mutex_destroy(&open->mutex);
    free(open);
}

static enum err read_list(struct open_folder *open, struct uid_list *list, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(open->account, STATEMENT_MEMBER_KEYS, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, member_key(open->id, 1));
    sqlite3_bind_int64(statement, 2, member_key(open->id, UINT32_MAX));
    for (;;) {
        bool row;
        err = db_step(open->account, statement, &row, error);
        if (err != ERR_OK || !row)
            return err;
        if (!uid_list_append(list, key_uid(sqlite3_column_int64(statement, 0))))
            return fail_nomem(error);
    }
}

enum err open_folder_load(struct open_folder *open, struct error *error)
{
    if (open->list != NULL)
        return ERR_OK;
    struct uid_list *list = uid_list_new(open->exists);
    if (list == NULL)
        return fail_nomem(error);
    enum err err = read_list(open, list, error);
    if (err == ERR_OK && list->count != open->exists)
        err = fail(error, ERR_CORRUPT, NULL, "folder %llu: its counter says %u messages, there are %zu",
                   (unsigned long long)open->id.v, open->exists, list->count);
    if (err != ERR_OK) {
        uid_list_unref(list);
        return err;
    }
    pthread_mutex_lock(&open->mutex);
    open->list = list;
    pthread_mutex_unlock(&open->mutex);
    return ERR_OK;
}

void open_folder_trim(struct open_folder *open, uint64_t change)
{
    size_t old = 0;
    while (old < open->journal_count && open->journal[old].change <= change)
        entry_release(&open->journal[old++]);
    if (old == 0)
        return;
    open->journal_count -= old;
    memmove(open->journal, open->journal + old, open->journal_count * sizeof(*open->journal));
}

/* --- a commit --- */

static bool journal_add(struct open_folder *open, const struct touched *touched, uint64_t change)
{
    if (touched->flags.count == 0 && touched->expunged.count == 0)
        return true;
    if (open->journal_count == open->journal_cap) {
        size_t cap = open->journal_cap > 0 ? open->journal_cap * 2 : 8;
        struct journal_entry *journal = reallocarray(open->journal, cap, sizeof(*journal));
        if (journal == NULL)
            return false;
        open->journal = journal;
        open->journal_cap = cap;
    }
    struct journal_entry *entry = &open->journal[open->journal_count];
    *entry = (struct journal_entry){.change = change};
    uid_set_union(&entry->flags, &touched->flags);
    uid_set_union(&entry->removed, &touched->expunged);
    open->journal_count++;
    return !entry->flags.failed && !entry->removed.failed;
}

static bool list_follow(struct open_folder *open, const struct touched *touched)
{
    if (open->list == NULL)
        return true;
    if (touched->expunged.count > 0) {
        struct uid_list *list = uid_list_without(open->list, open->list->count, &touched->expunged);
        if (list == NULL)
            return false;
        uid_list_unref(open->list);
        open->list = list;
    }
    for (size_t i = 0; i < touched->added.count; i++)
        for (uint64_t uid = touched->added.ranges[i].first; uid <= touched->added.ranges[i].last; uid++)
            if (!uid_list_append(open->list, (uint32_t)uid))
                return false;
    return true;
}

void open_folder_apply(struct account *account, const struct touched *touched, struct change_no change,
                       struct watchers *watchers)
{
    struct open_folder *open = account->open_folders;
    while (open != NULL && open->id.v != touched->id.v)
        open = open->next;
    if (open == NULL)
        return;
    pthread_mutex_lock(&open->mutex);
    if (!journal_add(open, touched, change.v) || !list_follow(open, touched))
        open->lost = true;
    open->exists = (uint32_t)touched->row.messages;
    open->uidnext = (uint32_t)touched->row.uidnext;
    must(open->lost || open->list == NULL || open->list->count == open->exists);
    if (touched->removed)
        atomic_store(&open->gone, true);
    atomic_store(&open->change, change.v);
    views_gather(open, watchers);
    pthread_mutex_unlock(&open->mutex);
}
