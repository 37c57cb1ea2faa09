#include "base/clock.h"
#include "base/must.h"
#include "store/folder_row.h"
#include "store/ledger.h"
#include "store/open_folder.h"
#include "store/quota.h"
#include "store/recover.h"
#include "store/registry.h"
#include "store/schema.h"
#include "store/search_database.h"
#include "store/work.h"

void account_directory(struct account_id id, char ret_name[static ACCOUNT_NAME_MAX])
{
    char text[ID_TEXT_MAX];
    id_to_text(id.v, text);
    snprintf(ret_name, ACCOUNT_NAME_MAX, "accounts/%.2s/%s", text, text);
}

static enum err meta_read(struct account *account, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_META_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    bool row;
    err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    if (!row)
        return fail(error, ERR_CORRUPT, NULL, "account %016llx: meta is empty",
                    (unsigned long long)account->id.v);
    int at = 0;
#define X(name) account->meta.name = sqlite3_column_int64(statement, at++);
    META_TABLE(X)
#undef X
    return ERR_OK;
}

static enum err keywords_read(struct account *account, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_KEYWORDS, &statement, error);
    if (err != ERR_OK)
        return err;
    account->keywords = calloc(KEYWORDS_MAX, sizeof(char *));
    if (account->keywords == NULL)
        return fail_nomem(error);
    for (;;) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK || !row)
            return err;
        size_t number = account->keyword_count;
        if (number >= KEYWORDS_MAX || sqlite3_column_int64(statement, 0) != (int64_t)number)
            return fail(error, ERR_CORRUPT, NULL, "account %016llx: keywords have a gap at %zu",
                        (unsigned long long)account->id.v, number);
        account->keywords[number] = slice_to_cstr(db_column(statement, 1));
        if (account->keywords[number] == NULL)
            return fail_nomem(error);
        account->keyword_count++;
    }
}

static enum err open_parts(struct account *account, struct error *error)
{
    char directory[ACCOUNT_NAME_MAX];
    char name[ACCOUNT_NAME_MAX + 16];
    account_directory(account->id, directory);
    snprintf(name, sizeof(name), "%s/account.db", directory);
    struct volume *volume = store_volume(account->store);
    enum err err = volume_database_open(volume, name, false, &account->database, error);
    if (err == ERR_OK)
        err = schema_migrate(&account->database, error);
    if (err == ERR_OK)
        err = meta_read(account, error);
    struct pack_mark mark = {(uint32_t)account->meta.synced_pack, (uint64_t)account->meta.synced_offset};
    if (err == ERR_OK)
        err = packs_open(volume, account->id, mark, &account->packs, error);
    if (err == ERR_OK)
        err = recover_account(account, mark, error);
    if (err == ERR_OK)
        err = keywords_read(account, error);
    if (err == ERR_OK && account->meta.next_folder == 1)
        err = folder_make_standard(account, error);
    return err;
}

enum err account_open(struct account *account, struct error *error)
{
    account->limits = store_limits(account->store, account->id);
    enum err err = open_parts(account, error);
    if (err == ERR_OK)
        err = ledger_join(account, error);
    if (err == ERR_OK && quota_due(account) > 0)
        quota_note(account);
    if (err == ERR_OK)
        return ERR_OK;
    account_close(account);
    return error_context(error, "account %016llx", (unsigned long long)account->id.v);
}

/* Notes how far the packs are synced, so that the next opening has nothing to verify. */
static void close_mark(struct account *account)
{
    struct error ignored; /* then the next opening verifies a little more */
    struct pack_mark mark = packs_synced(account->packs);
    if (mark.pack == (uint32_t)account->meta.synced_pack &&
        mark.offset == (uint64_t)account->meta.synced_offset)
        return;
    CLEANUP(work_end) struct work work = {0};
    if (work_begin(&work, account, &ignored) != ERR_OK)
        return;
    account->meta.synced_pack = mark.pack;
    account->meta.synced_offset = (int64_t)mark.offset;
    if (work_commit(&work, &ignored) != ERR_OK)
        return;
}

void account_close(struct account *account)
{
    must(account->open_folders == NULL); /* views hold a reference */
    ledger_leave(account);
    if (account->packs != NULL)
        close_mark(account);
    search_close(account->search);
    db_finalize_all(account);
    packs_close(take(account->packs));
    volume_database_close(&account->database);
    for (size_t i = 0; i < account->keyword_count; i++)
        free(account->keywords[i]);
    free(take(account->keywords));
    account->keyword_count = 0;
    account->junk = (struct junk_model){0};
}

struct account_id account_id(const struct account *account)
{
    return account->id;
}

enum err account_usage(struct account *account, struct account_usage *ret_usage, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_usage = (struct account_usage){
        .bytes = (uint64_t)account->meta.bytes,
        .messages = (uint64_t)account->meta.messages,
        .deleted_bytes = (uint64_t)account->meta.deleted_bytes,
        .deleted_messages = (uint64_t)account->meta.deleted_messages,
        .limits = account->limits,
        .domain = ledger_use(account),
    };
    account_unlock(account);
    return ERR_OK;
}

enum err account_state(struct account *account, struct account_state *ret_state, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_state = (struct account_state){
        .epoch = (uint64_t)account->meta.epoch,
        .change = {(uint64_t)account->meta.change},
    };
    account_unlock(account);
    return ERR_OK;
}
