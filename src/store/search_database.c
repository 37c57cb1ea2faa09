#include "store/search_database.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"
#include "mime/search_text.h"
#include "store/registry.h"

enum { SEGMENTS_FIRST = 16, NAME_MAX_HERE = ACCOUNT_NAME_MAX + 16 };

static const char schema[] = "CREATE TABLE meta ("
                             " one INTEGER PRIMARY KEY CHECK (one = 1),"
                             " reading TEXT NOT NULL," /* mime_search_reading */
                             " epoch INTEGER NOT NULL,"
                             " indexed INTEGER NOT NULL,"
                             " next_segment INTEGER NOT NULL,"
                             " swept INTEGER NOT NULL"
                             ") STRICT;"
                             "CREATE TABLE segment ("
                             " id INTEGER PRIMARY KEY,"
                             " state INTEGER NOT NULL," /* enum search_segment_state */
                             " first INTEGER NOT NULL,"
                             " last INTEGER NOT NULL,"
                             " objects INTEGER NOT NULL,"
                             " text INTEGER NOT NULL,"
                             " any_object INTEGER NOT NULL"
                             ") STRICT;"
                             "CREATE TABLE block ("
                             " key INTEGER PRIMARY KEY," /* segment << 25 | first gram */
                             " data BLOB NOT NULL"
                             ") STRICT;";

static const char *const sql[] = {
#define X(name, text) text,
    SEARCH_STATEMENT_TABLE(X)
#undef X
};

struct search *search_new(struct account *account)
{
    struct search *search = calloc(1, sizeof(*search));
    if (search == NULL)
        return NULL;
    search->account = account;
    search->database.wal_fd = -1;
    pthread_mutex_init(&search->building, NULL);
    pthread_mutex_init(&search->mutex, NULL);
    return search;
}

static void close_database(struct search *search)
{
    for (size_t i = 0; i < ARRAY_LEN(search->statements); i++) {
        sqlite3_finalize(search->statements[i]);
        search->statements[i] = NULL;
    }
    volume_database_close(&search->database);
    free(take(search->segments));
    search->segment_count = 0;
    search->open = false;
}

void search_free(struct search *search)
{
    if (search == NULL)
        return;
    close_database(search);
    pthread_mutex_destroy(&search->building);
    pthread_mutex_destroy(&search->mutex);
    free(search);
}

void search_close(struct search *search)
{
    pthread_mutex_lock(&search->mutex);
    close_database(search);
    pthread_mutex_unlock(&search->mutex);
}

/* --- statements --- */

enum err search_statement(struct search *search, enum search_statement which, sqlite3_stmt **ret_statement,
                          struct error *error)
{
    sqlite3_stmt *statement = search->statements[which];
    if (statement == NULL && sqlite3_prepare_v3(search->database.sqlite, sql[which], -1,
                                                SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
        return volume_database_fail(&search->database, sql[which], error);
    search->statements[which] = statement;
    must(!sqlite3_stmt_busy(statement));
    *ret_statement = statement;
    return ERR_OK;
}

enum err search_step(struct search *search, sqlite3_stmt *statement, bool *ret_row, struct error *error)
{
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return volume_database_fail(&search->database, sqlite3_sql(statement), error);
    *ret_row = result == SQLITE_ROW;
    return ERR_OK;
}

enum err search_run(struct search *search, enum search_statement which, const int64_t *values, size_t count,
                    struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = search_statement(search, which, &statement, error);
    if (err != ERR_OK)
        return err;
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_int64(statement, (int)i + 1, values[i]);
    bool row;
    return search_step(search, statement, &row, error);
}

enum err search_number(struct search *search, const char *query, int64_t *ret_number, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(search->database.sqlite, query, -1, &statement, NULL);
    if (result == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(statement, 0);
    else
        result = SQLITE_ERROR;
    enum err err = result == SQLITE_OK ? ERR_OK : volume_database_fail(&search->database, query, error);
    sqlite3_finalize(statement);
    return err;
}

enum err search_finish(struct search *search, enum err err)
{
    if (err != ERR_OK)
        volume_database_undo(&search->database);
    return err;
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

enum err search_segments_read(struct search *search, struct error *error)
{
    static const char select[] =
        "SELECT id, first, last, objects, text, any_object FROM segment WHERE state = 0 ORDER BY first";
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(search->database.sqlite, select, -1, &statement, NULL) != SQLITE_OK)
        return volume_database_fail(&search->database, select, error);
    size_t count = 0;
    size_t cap = 0;
    free(take(search->segments));
    search->segment_count = 0;
    uint64_t last = 0;
    for (;;) {
        bool row;
        enum err err = search_step(search, statement, &row, error);
        if (err != ERR_OK)
            return err;
        if (!row)
            break;
        struct search_segment segment = {
            .id = sqlite3_column_int64(statement, 0),
            .first = (uint64_t)sqlite3_column_int64(statement, 1),
            .last = (uint64_t)sqlite3_column_int64(statement, 2),
            .objects = sqlite3_column_int64(statement, 3),
            .text = sqlite3_column_int64(statement, 4),
            .any = sqlite3_column_int64(statement, 5) != 0,
        };
        if (segment.first <= last || segment.last < segment.first || segment.last > search->indexed ||
            segment.last - segment.first >= SEARCH_SPAN_MAX)
            return fail(error, ERR_CORRUPT, NULL, "search index: segment %lld can't be",
                        (long long)segment.id);
        last = segment.last;
        if (count == cap) {
            cap = cap > 0 ? 2 * cap : SEGMENTS_FIRST;
            struct search_segment *more = realloc(search->segments, cap * sizeof(*more));
            if (more == NULL)
                return fail_nomem(error);
            search->segments = more;
        }
        search->segments[count++] = segment;
        search->segment_count = count;
    }
    return ERR_OK;
}

enum err search_meta_write(struct search *search, struct error *error)
{
    return SEARCH_RUN(search, META_WRITE, error, (int64_t)search->indexed, search->next_segment,
                      search->swept);
}

enum err search_block_at(struct search *search, const struct search_segment *segment, uint32_t gram,
                         bool below, sqlite3_stmt **ret_statement, struct search_block *ret_block,
                         struct error *error)
{
    enum search_statement which = below ? SEARCH_STATEMENT_BLOCK_BELOW : SEARCH_STATEMENT_BLOCK_AT;
    enum err err = search_statement(search, which, ret_statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(*ret_statement, 1, search_key(segment->id, below ? 0 : gram));
    sqlite3_bind_int64(*ret_statement, 2, search_key(segment->id, below ? gram : SEARCH_GRAM_ANY));
    bool row;
    err = search_step(search, *ret_statement, &row, error);
    if (err != ERR_OK)
        return err;
    *ret_block = (struct search_block){0};
    if (!row)
        return ERR_OK;
    uint32_t first = (uint32_t)(sqlite3_column_int64(*ret_statement, 0) & ((1 << SEARCH_KEY_BITS) - 1));
    return search_block_open(db_column(*ret_statement, 1), first, ret_block, error);
}

void search_walk_end(struct search_walk *walk)
{
    db_reset(&walk->statement);
}

enum err search_walk_find(struct search_walk *walk, uint32_t gram, struct search_entry *ret_entry,
                          bool *ret_found, struct error *error)
{
    *ret_found = false;
    if (gram >= walk->block.next || gram < walk->block.first) {
        db_reset(&walk->statement);
        enum err err =
            search_block_at(walk->search, walk->segment, gram, true, &walk->statement, &walk->block, error);
        if (err != ERR_OK)
            return err;
        if (gram >= walk->block.next)
            return fail(error, ERR_CORRUPT, NULL, "search index: the block of gram %u is missing", gram);
    }
    return search_block_find(&walk->block, gram, ret_entry, ret_found, error);
}

/* --- opening --- */

static void database_name(const struct search *search, const char *suffix,
                          char ret_name[static NAME_MAX_HERE])
{
    char directory[ACCOUNT_NAME_MAX];
    account_directory(search->account->id, directory);
    snprintf(ret_name, NAME_MAX_HERE, "%s/search.db%s", directory, suffix);
}

/* The database before its log: SQLite throws the log of an empty database away. */
static enum err remove_files(struct search *search, struct error *error)
{
    static const char *const suffixes[] = {"", "-wal"};
    close_database(search);
    search->missing = true;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char name[NAME_MAX_HERE];
        database_name(search, suffixes[i], name);
        enum err err = volume_file_remove(search->account->store->volume, name, error);
        if (err != ERR_OK && err != ERR_NOT_FOUND)
            return err;
    }
    search->damaged = false;
    return ERR_OK;
}

/* What the account says now, read before the index is locked. */
struct expected {
    int64_t epoch;
    int64_t next_object;
};

/* ERR_NOT_FOUND: it is another version's, another reading's, or was made for other objects. */
static enum err meta_read(struct search *search, const struct expected *expected, struct error *error)
{
    static const char select[] = "SELECT reading, epoch, indexed, next_segment, swept FROM meta, "
                                 "pragma_user_version WHERE user_version = ?1";
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    char reading[MIME_SEARCH_READING_MAX];
    bool row = false;
    if (sqlite3_prepare_v2(search->database.sqlite, select, -1, &statement, NULL) != SQLITE_OK)
        return fail(error, ERR_NOT_FOUND, NULL, "search index: it has no tables of ours");
    sqlite3_bind_int64(statement, 1, SEARCH_DATABASE_VERSION);
    enum err err = search_step(search, statement, &row, error);
    if (err != ERR_OK)
        return err;
    mime_search_reading(reading);
    if (!row || !slice_eq(db_column(statement, 0), slice_cstr(reading)) ||
        sqlite3_column_int64(statement, 1) != expected->epoch ||
        sqlite3_column_int64(statement, 2) >= expected->next_object)
        return fail(error, ERR_NOT_FOUND, NULL, "search index: it was made for something else");
    search->indexed = (uint64_t)sqlite3_column_int64(statement, 2);
    search->next_segment = sqlite3_column_int64(statement, 3);
    search->swept = sqlite3_column_int64(statement, 4);
    return search_segments_read(search, error);
}

static enum err tables_make(struct search *search, const struct expected *expected, struct error *error)
{
    char reading[MIME_SEARCH_READING_MAX];
    mime_search_reading(reading);
    char *insert = sqlite3_mprintf("PRAGMA auto_vacuum = INCREMENTAL; VACUUM; BEGIN; %s"
                                   "INSERT INTO meta VALUES (1, %Q, %lld, 0, 1, 0);"
                                   "PRAGMA user_version = %d; COMMIT",
                                   schema, reading, (long long)expected->epoch, SEARCH_DATABASE_VERSION);
    if (insert == NULL)
        return fail_nomem(error);
    int result = sqlite3_exec(search->database.sqlite, insert, NULL, NULL, NULL);
    sqlite3_free(insert);
    return result == SQLITE_OK ? meta_read(search, expected, error)
                               : volume_database_fail(&search->database, "making the search index", error);
}

static enum err open_once(struct search *search, bool create, const struct expected *expected,
                          struct error *error)
{
    char name[NAME_MAX_HERE];
    database_name(search, "", name);
    enum err err =
        volume_database_open(search->account->store->volume, name, create, &search->database, error);
    if (err == ERR_OK)
        err = meta_read(search, expected, error);
    return err;
}

static enum err open_locked(struct search *search, bool create, const struct expected *expected,
                            struct error *error)
{
    if (search->open && !search->damaged)
        return ERR_OK;
    if (!create && (search->missing || search->damaged))
        return fail(error, ERR_NOT_FOUND, NULL, "there is no search index");
    enum err err = ERR_NOT_FOUND;
    if (!search->damaged && !search->missing)
        err = open_once(search, false, expected, error);
    if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) {
        close_database(search);
        search->missing = true;
        if (!create)
            return fail(error, ERR_NOT_FOUND, NULL, "there is no search index");
        err = remove_files(search, error);
        char name[NAME_MAX_HERE];
        database_name(search, "", name);
        if (err == ERR_OK)
            err = volume_database_open(search->account->store->volume, name, true, &search->database, error);
        if (err == ERR_OK)
            err = tables_make(search, expected, error);
    }
    if (err != ERR_OK) {
        close_database(search);
        return err;
    }
    search->open = true;
    search->missing = false;
    return ERR_OK;
}

enum err search_begin(struct search *search, bool create, struct error *error)
{
    struct account *account = search->account;
    pthread_mutex_lock(&account->mutex);
    struct expected expected = {account->meta.epoch, account->meta.next_object};
    pthread_mutex_unlock(&account->mutex);
    pthread_mutex_lock(&search->mutex);
    enum err err = open_locked(search, create, &expected, error);
    if (err != ERR_OK)
        pthread_mutex_unlock(&search->mutex);
    return err;
}

void search_end(struct search *search)
{
    pthread_mutex_unlock(&search->mutex);
}

void search_damaged(struct search *search)
{
    LOG(LOG_DEBUG, NO_SID, "store.search.damaged", F_ID("account", search->account->id.v));
    close_database(search);
    search->damaged = true;
}

enum err search_delete(struct search *search, struct error *error)
{
    return remove_files(search, error);
}
