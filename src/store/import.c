#include "store/import.h"

#include <sodium.h>

#include "store/member.h"

/* --- folders of sources --- */

static enum err folder_row_find(struct account *account, struct slice source, struct slice name,
                                bool *ret_found, struct import_folder *ret_folder, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_IMPORT_FOLDER_FIND, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, source);
    db_bind_text(statement, 2, name);
    err = db_step(account, statement, ret_found, error);
    if (err == ERR_OK && *ret_found)
        *ret_folder = (struct import_folder){sqlite3_column_int64(statement, 0),
                                             {(uint64_t)sqlite3_column_int64(statement, 1)}};
    return err;
}

static enum err check_names(struct slice source, struct slice name, struct error *error)
{
    if (source.n == 0 || source.n > IMPORT_NAME_MAX || name.n > IMPORT_NAME_MAX)
        return fail(error, ERR_LIMIT, NULL, "a source and its folders have names of at most %d bytes",
                    IMPORT_NAME_MAX);
    return ERR_OK;
}

enum err import_folder_find(struct account *account, struct slice source, struct slice name, bool *ret_found,
                            struct import_folder *ret_folder, struct error *error)
{
    enum err err = check_names(source, name, error);
    if (err == ERR_OK)
        err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = folder_row_find(account, source, name, ret_found, ret_folder, error);
    account_unlock(account);
    return err;
}

enum err import_folder_set(struct account *account, struct slice source, struct slice name,
                           struct folder_id home, struct import_folder *ret_folder, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    sqlite3_stmt *statement;
    bool found = false;
    struct import_folder folder = {0};
    enum err err = check_names(source, name, error);
    if (err == ERR_OK)
        err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = db_statement(account, STATEMENT_IMPORT_FOLDER_SET, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_text(statement, 1, source);
    db_bind_text(statement, 2, name);
    sqlite3_bind_int64(statement, 3, (int64_t)home.v);
    err = db_finish(account, statement, error);
    if (err == ERR_OK)
        err = folder_row_find(account, source, name, &found, &folder, error);
    if (err == ERR_OK)
        err = work_commit(&work, error);
    if (err == ERR_OK)
        *ret_folder = folder;
    return err;
}

/* --- looking --- */

struct had {
    int64_t member;
    struct flagset flags; /* at the source, when last looked at */
};

static enum err item_find(struct account *account, int64_t folder, uint32_t validity, uint64_t item,
                          bool *ret_found, struct had *ret_had, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_IMPORT_FIND, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, folder);
    sqlite3_bind_int64(statement, 2, validity);
    sqlite3_bind_int64(statement, 3, (int64_t)item);
    err = db_step(account, statement, ret_found, error);
    if (err == ERR_OK && *ret_found)
        *ret_had = (struct had){sqlite3_column_int64(statement, 0), flags_column(statement, 1)};
    return err;
}

static enum err item_flags_write(struct account *account, int64_t folder, uint32_t validity,
                                 const struct import_entry *entry, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(account, STATEMENT_IMPORT_FLAGS, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, folder);
    sqlite3_bind_int64(statement, 2, validity);
    sqlite3_bind_int64(statement, 3, (int64_t)entry->item);
    flags_bind(statement, 4, &entry->flags);
    return db_finish(account, statement, error);
}

/* The flags that differ between then and now at the source become here what they are there. A flag has two
 * values: where both sides changed it, they agree. */
static enum err member_follow(struct work *work, const struct had *had, const struct flagset *now,
                              struct error *error)
{
    struct flag_order order = {.how = FLAGS_REPLACE, .flags = *now};
    for (size_t i = 0; i < ARRAY_LEN(now->words); i++)
        order.may.words[i] = had->flags.words[i] ^ now->words[i];
    struct touched *folder;
    struct error missing;
    enum err err =
        had->member != 0 ? work_mailbox(work, key_folder(had->member), &folder, &missing) : ERR_NOT_FOUND;
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    if (err != ERR_OK) {
        *error = missing;
        return err;
    }
    return member_flags_follow(work, folder, key_uid(had->member), &order, error);
}

static enum err look_at(struct work *work, int64_t folder, uint32_t validity, struct import_entry *entry,
                        bool only_look, size_t *flagged, struct error *error)
{
    bool found = false;
    struct had had = {0};
    enum err err = item_find(work->account, folder, validity, entry->item, &found, &had, error);
    if (err != ERR_OK)
        return err;
    entry->is_new = !found;
    if (!found || memcmp(&had.flags, &entry->flags, sizeof(had.flags)) == 0)
        return ERR_OK;
    ++*flagged;
    if (only_look)
        return ERR_OK;
    err = member_follow(work, &had, &entry->flags, error);
    return err == ERR_OK ? item_flags_write(work->account, folder, validity, entry, error) : err;
}

enum err import_look(struct account *account, int64_t folder, uint32_t validity, struct import_entry *entries,
                     size_t count, bool only_look, size_t *ret_flagged, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    size_t flagged = 0;
    if (count > IMPORT_LOOK_MAX)
        return fail(error, ERR_LIMIT, NULL, "%d messages may be looked at at once", IMPORT_LOOK_MAX);
    enum err err = work_begin(&work, account, error);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = look_at(&work, folder, validity, &entries[i], only_look, &flagged, error);
    if (err == ERR_OK && flagged > 0 && !only_look)
        err = work_commit(&work, error);
    if (err == ERR_OK)
        *ret_flagged = flagged;
    return err;
}

/* --- adding --- */

void import_digest(struct slice body, unsigned char ret_digest[static IMPORT_DIGEST_SIZE])
{
    crypto_generichash(ret_digest, IMPORT_DIGEST_SIZE, (const unsigned char *)(body.n > 0 ? body.p : ""),
                       body.n, NULL, 0);
}

static struct slice digest_of(const struct import_mark *mark)
{
    return slice_of(mark->digest, IMPORT_DIGEST_SIZE);
}

/* The source numbers its folder anew: a row of the old numbers with this content is this message. */
static enum err recognise(struct account *account, const struct import_mark *mark, bool *ret_found,
                          struct error *error)
{
    int64_t validity = 0;
    int64_t item = 0;
    {
        CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
        enum err err = db_statement(account, STATEMENT_IMPORT_OLD, &statement, error);
        if (err != ERR_OK)
            return err;
        db_bind_blob(statement, 1, digest_of(mark));
        sqlite3_bind_int64(statement, 2, mark->folder);
        sqlite3_bind_int64(statement, 3, mark->validity);
        err = db_step(account, statement, ret_found, error);
        if (err != ERR_OK || !*ret_found)
            return err;
        validity = sqlite3_column_int64(statement, 0);
        item = sqlite3_column_int64(statement, 1);
    }
    return DB_RUN(account, IMPORT_RENUMBER, error, mark->folder, validity, item, mark->validity,
                  (int64_t)mark->item);
}

static enum err twin_find(struct account *account, const struct import_mark *mark, size_t size,
                          bool *ret_found, struct import_twin *ret_twin, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_IMPORT_TWIN, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_blob(statement, 1, digest_of(mark));
    sqlite3_bind_int64(statement, 2, (int64_t)size);
    err = db_step(account, statement, ret_found, error);
    if (err == ERR_OK && *ret_found)
        *ret_twin = (struct import_twin){{(uint64_t)sqlite3_column_int64(statement, 0)},
                                         {(uint64_t)sqlite3_column_int64(statement, 1)}};
    return err;
}

static enum err brought_elsewhere(struct account *account, const struct import_mark *mark, bool *ret_found,
                                  struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_IMPORT_ELSEWHERE, &statement, error);
    if (err != ERR_OK)
        return err;
    db_bind_blob(statement, 1, digest_of(mark));
    sqlite3_bind_int64(statement, 2, mark->folder);
    return db_step(account, statement, ret_found, error);
}

enum err import_judge(struct work *work, struct import_mark *mark, size_t size, struct import_twin *ret_twin,
                      struct error *error)
{
    struct account *account = work->account;
    struct had had;
    bool found = false;
    mark->verdict = IMPORT_KNOWN;
    enum err err = item_find(account, mark->folder, mark->validity, mark->item, &found, &had, error);
    if (err != ERR_OK || found)
        return err;
    mark->verdict = IMPORT_RECOGNISED;
    err = recognise(account, mark, &found, error);
    if (err != ERR_OK || found)
        return err;
    if (mark->spare) {
        mark->verdict = IMPORT_ELSEWHERE;
        err = brought_elsewhere(account, mark, &found, error);
        if (err == ERR_OK && found)
            err = import_note(work, mark, 0, (struct object_id){0}, &(struct flagset){0}, error);
        if (err != ERR_OK || found)
            return err;
    }
    err = twin_find(account, mark, size, &found, ret_twin, error);
    mark->verdict = found ? IMPORT_SHARED : IMPORT_NEW;
    return err;
}

enum err import_note(struct work *work, const struct import_mark *mark, int64_t member,
                     struct object_id object, const struct flagset *flags, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(work->account, STATEMENT_IMPORT_INSERT, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, mark->folder);
    sqlite3_bind_int64(statement, 2, mark->validity);
    sqlite3_bind_int64(statement, 3, (int64_t)mark->item);
    sqlite3_bind_int64(statement, 4, member);
    sqlite3_bind_int64(statement, 5, (int64_t)object.v);
    db_bind_blob(statement, 6, digest_of(mark));
    flags_bind(statement, 7, flags);
    return db_finish(work->account, statement, error);
}
