#include "store/annotation.h"

#include "store/annotation_row.h"

bool annotation_is_private(struct slice entry)
{
    return slice_starts(entry, S("/private/"));
}

static int64_t person_of(struct slice entry, struct account_id person)
{
    return annotation_is_private(entry) ? (int64_t)person.v : 0;
}

/* --- setting --- */

static enum err write_one(struct work *work, struct folder_id folder, struct account_id person,
                          const struct annotation *item, struct error *error)
{
    struct account *account = work->account;
    bool remove = item->value.p == NULL;
    sqlite3_stmt *statement;
    enum err err = db_statement(account, remove ? STATEMENT_ANNOTATION_DELETE : STATEMENT_ANNOTATION_WRITE,
                                &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    sqlite3_bind_int64(statement, 2, person_of(item->entry, person));
    db_bind_text(statement, 3, item->entry);
    if (!remove)
        db_bind_blob(statement, 4, item->value);
    sqlite3_bind_int64(statement, remove ? 4 : 5, (int64_t)work->change.v);
    return db_finish(account, statement, error);
}

/* What has been written may stay. */
static enum err check_room(struct account *account, struct folder_id folder, struct error *error)
{
    bool found;
    int64_t count = 0;
    int64_t bytes = 0;
    enum err err = DB_NUMBER(account, ANNOTATION_COUNT, &found, &count, error, (int64_t)folder.v);
    if (err == ERR_OK)
        err = db_number(account, STATEMENT_ANNOTATION_BYTES, NULL, 0, &found, &bytes, error);
    if (err == ERR_OK && count > ANNOTATIONS_MAX)
        return fail_plain(error, ERR_LIMIT, "A mailbox may have %d annotations", ANNOTATIONS_MAX);
    if (err == ERR_OK && bytes > ANNOTATIONS_BYTES_MAX)
        return fail_plain(error, ERR_LIMIT, "The annotations of an account may have %d bytes",
                          ANNOTATIONS_BYTES_MAX);
    return err;
}

/* Those removed last are still told to whoever watches; how many are kept for that is bounded. */
static enum err forget_removed(struct account *account, struct folder_id folder, struct error *error)
{
    bool found;
    int64_t count = 0;
    enum err err = DB_NUMBER(account, ANNOTATION_GRAVES, &found, &count, error, (int64_t)folder.v);
    if (err == ERR_OK && count > ANNOTATIONS_MAX)
        err = DB_RUN(account, ANNOTATION_FORGET, error, (int64_t)folder.v);
    return err;
}

enum err annotation_set(struct account *account, struct folder_id folder, struct account_id person,
                        const struct annotation *items, size_t count, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    struct touched *touched;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK && folder.v != 0)
        err = work_folder(&work, folder, &touched, error);
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = write_one(&work, folder, person, &items[i], error);
    if (err == ERR_OK)
        err = check_room(account, folder, error);
    if (err == ERR_OK)
        err = forget_removed(account, folder, error);
    if (err == ERR_OK)
        work_note(&work, folder, CHANGE_ANNOTATION);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

/* --- reading --- */

static bool is_meant(struct slice entry, struct slice asked, enum annotation_depth depth)
{
    if (entry.n == asked.n)
        return true;
    struct slice below = slice_from(entry, asked.n + 1);
    return depth == ANNOTATION_ALL_BELOW ||
           (depth == ANNOTATION_CHILDREN && memchr(below.p, '/', below.n) == NULL);
}

struct reading {
    struct account *account;
    struct arena *arena;
    struct annotation *items; /* room for all there can be */
    size_t count;
};

static enum err read_rows(struct reading *reading, sqlite3_stmt *statement, struct slice asked,
                          enum annotation_depth depth, struct error *error)
{
    bool row;
    enum err err;
    while ((err = db_step(reading->account, statement, &row, error)) == ERR_OK && row) {
        if (reading->count == ANNOTATIONS_MAX || !is_meant(db_column(statement, 0), asked, depth))
            continue;
        struct annotation *item = &reading->items[reading->count++];
        item->entry = arena_dup(reading->arena, db_column(statement, 0));
        item->value = arena_dup(reading->arena, db_column(statement, 1));
        if (item->entry.p == NULL || item->value.p == NULL)
            return fail_nomem(error);
    }
    return err;
}

static enum err read_locked(struct reading *reading, struct folder_id folder, struct account_id person,
                            struct slice asked, enum annotation_depth depth, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(reading->account, STATEMENT_ANNOTATION_READ, &statement, error);
    if (err != ERR_OK)
        return err;
    /* "/private" itself, asked for with all below, is private as well. */
    bool private = annotation_is_private(asked) || slice_eq(asked, S("/private"));
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    sqlite3_bind_int64(statement, 2, private ? (int64_t)person.v : 0);
    db_bind_text(statement, 3, asked);
    sqlite3_bind_int64(statement, 4, depth != ANNOTATION_ITSELF);
    return read_rows(reading, statement, asked, depth, error);
}

enum err annotation_get(struct account *account, struct folder_id folder, struct account_id person,
                        struct slice entry, enum annotation_depth depth, struct arena *arena,
                        struct annotation **ret_items, size_t *ret_count, struct error *error)
{
    struct reading reading = {.account = account, .arena = arena};
    size_t room = depth == ANNOTATION_ITSELF ? 1 : ANNOTATIONS_MAX;
    reading.items = arena_array(arena, room, sizeof(*reading.items));
    if (reading.items == NULL)
        return fail_nomem(error);
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = read_locked(&reading, folder, person, entry, depth, error);
    account_unlock(account);
    if (err != ERR_OK)
        return err;
    *ret_items = reading.items;
    *ret_count = reading.count;
    return ERR_OK;
}

static enum err changed_locked(struct reading *reading, struct folder_id folder, struct account_id person,
                               struct change_no since, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(reading->account, STATEMENT_ANNOTATION_CHANGED, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, (int64_t)folder.v);
    sqlite3_bind_int64(statement, 2, (int64_t)person.v);
    sqlite3_bind_int64(statement, 3, (int64_t)since.v);
    bool row;
    while ((err = db_step(reading->account, statement, &row, error)) == ERR_OK && row &&
           reading->count < 2 * ANNOTATIONS_MAX) {
        struct annotation *item = &reading->items[reading->count++];
        item->entry = arena_dup(reading->arena, db_column(statement, 0));
        if (item->entry.p == NULL)
            return fail_nomem(error);
    }
    return err;
}

enum err annotation_changed(struct account *account, struct folder_id folder, struct account_id person,
                            struct change_no since, struct arena *arena, struct annotation **ret_items,
                            size_t *ret_count, struct error *error)
{
    struct reading reading = {.account = account, .arena = arena};
    reading.items = arena_array(arena, 2 * ANNOTATIONS_MAX, sizeof(*reading.items));
    if (reading.items == NULL)
        return fail_nomem(error);
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = changed_locked(&reading, folder, person, since, error);
    account_unlock(account);
    if (err != ERR_OK)
        return err;
    *ret_items = reading.items;
    *ret_count = reading.count;
    return ERR_OK;
}

/* --- what becomes of the folder --- */

enum err annotations_remove(struct work *work, struct folder_id folder, struct error *error)
{
    return DB_RUN(work->account, ANNOTATIONS_REMOVE, error, (int64_t)folder.v);
}

enum err annotations_copy(struct work *work, struct folder_id from, struct folder_id to, struct error *error)
{
    return DB_RUN(work->account, ANNOTATIONS_COPY, error, (int64_t)from.v, (int64_t)to.v,
                  (int64_t)work->change.v);
}
