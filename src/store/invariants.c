#include "store/invariants.h"

#include "base/must.h"
#include "store/open_folder.h"

/* Each must count nothing. */
static const char *const rules[] = {
    "SELECT count(*) FROM folder WHERE messages <> (SELECT count(*) FROM member"
    " WHERE key BETWEEN folder.id << 32 AND (folder.id << 32) + 4294967295)",
    "SELECT count(*) FROM folder WHERE unseen <> (SELECT count(*) FROM member"
    " WHERE key BETWEEN folder.id << 32 AND (folder.id << 32) + 4294967295 AND flags & 1 = 0)",
    "SELECT count(*) FROM folder WHERE deleted <> (SELECT count(*) FROM member"
    " WHERE key BETWEEN folder.id << 32 AND (folder.id << 32) + 4294967295 AND flags & 8 <> 0)",
    "SELECT count(*) FROM folder WHERE bytes <> (SELECT ifnull(sum(size), 0) FROM member"
    " WHERE key BETWEEN folder.id << 32 AND (folder.id << 32) + 4294967295)",
    "SELECT count(*) FROM folder WHERE deleted_bytes <> (SELECT ifnull(sum(size), 0) FROM member"
    " WHERE key BETWEEN folder.id << 32 AND (folder.id << 32) + 4294967295 AND flags & 8 <> 0)",
    "SELECT count(*) FROM folder WHERE recent <> (SELECT count(*) FROM member"
    " WHERE key BETWEEN (folder.id << 32) + recent_from AND (folder.id << 32) + 4294967295)",
    "SELECT count(*) FROM meta WHERE messages <> (SELECT count(*) FROM member)"
    " OR bytes <> (SELECT ifnull(sum(size), 0) FROM member)",
    "SELECT count(*) FROM meta WHERE deleted_messages <> (SELECT count(*) FROM tombstone)"
    " OR deleted_bytes <> (SELECT ifnull(sum(size), 0) FROM tombstone) OR purged_bytes < 0",
    "SELECT count(*) FROM member JOIN folder ON folder.id = key >> 32 WHERE key & 4294967295 >= uidnext",
    "SELECT count(*) FROM member WHERE key >> 32 NOT IN (SELECT id FROM folder WHERE selectable = 1)",
    "SELECT count(*) FROM member WHERE object NOT IN (SELECT id FROM object)",
    "SELECT count(*) FROM object WHERE id NOT IN (SELECT object FROM object_text)",
    "SELECT count(*) FROM object WHERE id NOT IN (SELECT object FROM member UNION ALL"
    " SELECT object FROM tombstone)",
    "SELECT count(*) FROM member WHERE changed > (SELECT change FROM meta)",
    "SELECT count(*) FROM change_log WHERE no > (SELECT change FROM meta)",
    "SELECT count(*) FROM folder WHERE changed > (SELECT change FROM meta)",
    "SELECT count(*) FROM folder WHERE parent <> 0 AND parent NOT IN (SELECT id FROM folder)",
};

static int64_t count_of(struct account *account, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    must(sqlite3_prepare_v2(account->database.sqlite, sql, -1, &statement, NULL) == SQLITE_OK);
    must(sqlite3_step(statement) == SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return count;
}

static void open_folder_check(struct open_folder *open)
{
    pthread_mutex_lock(&open->mutex);
    must(!open->lost);
    must(open->list == NULL || open->list->count == open->exists);
    for (size_t i = 1; open->list != NULL && i < open->list->count; i++)
        must(open->list->uids[i - 1] < open->list->uids[i]);
    must(open->list == NULL || open->exists == 0 || open->list->uids[open->exists - 1] < open->uidnext);
    for (size_t i = 1; i < open->journal_count; i++)
        must(open->journal[i - 1].change < open->journal[i].change);
    pthread_mutex_unlock(&open->mutex);
}

void account_check_invariants(struct account *account)
{
    pthread_mutex_lock(&account->mutex);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        int64_t count = count_of(account, rules[i]);
        if (count != 0)
            fprintf(stderr, "%lld times broken: %s\n", (long long)count, rules[i]);
        must(count == 0);
    }
    for (struct open_folder *open = account->open_folders; open != NULL; open = open->next)
        open_folder_check(open);
    pthread_mutex_unlock(&account->mutex);
}

void view_check(struct view *view)
{
    struct open_folder *open = view_open_folder(view);
    struct account *account = open->account;
    struct error error;
    char sql[200];
    pthread_mutex_lock(&account->mutex);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM member WHERE key >> 32 = %llu",
             (unsigned long long)open->id.v);
    must(count_of(account, sql) == view_exists(view));
    pthread_mutex_unlock(&account->mutex);
    uint32_t before = 0;
    for (uint32_t seq = 1; seq <= view_exists(view); seq++) {
        struct uid uid;
        uint32_t back;
        must(view_uid(view, seq, &uid, &error) == ERR_OK);
        must(uid.v > before);
        must(view_seq(view, uid, &back, &error) == ERR_OK && back == seq);
        before = uid.v;
    }
}
