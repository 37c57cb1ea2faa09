#include "store/check_run.h"

#include <inttypes.h>

#include "base/fdio.h"
#include "base/must.h"
#include "store/pack_file.h"
#include "store/schema.h"

enum { CHECK_ARENA_MAX = 64 * 1024 * 1024, CHECK_DAMAGES_MAX = 20 };

void check_name(const struct check *check, const char *file, char ret_name[static CHECK_NAME_SIZE])
{
    char id[ID_TEXT_MAX];
    id_to_text(check->id.v, id);
    int n = snprintf(ret_name, CHECK_NAME_SIZE, "accounts/%.2s/%s/%s", id, id, file);
    must(n > 0 && n < CHECK_NAME_SIZE);
}

void check_found(struct check *check, const char *what, const char *where, const char *problem, bool lost)
{
    bool repaired = check->mode == CHECK_FIXES && !lost;
    check->found++;
    check->result.findings++;
    if (check->mode == CHECK_QUIET)
        return;
    check->result.lost += lost;
    check->result.repaired += repaired;
    const struct check_finding finding = {.what = what,
                                          .where = where != NULL ? where : "",
                                          .problem = problem,
                                          .lost = lost,
                                          .repaired = repaired};
    if (check->options->report != NULL)
        check->options->report(check->options->context, &finding);
}

void check_damaged(struct check *check, const char *problem)
{
    if (!check->incomplete)
        snprintf(check->damage, sizeof(check->damage), "%s", problem);
    check->incomplete = true;
    check_found(check, "database", "account.db", problem, false);
}

/* --- SQL --- */

enum err check_exec(struct check *check, const char *sql, struct error *error)
{
    if (sqlite3_exec(check->database.sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
        return volume_database_fail(&check->database, sql, error);
    return ERR_OK;
}

enum err check_prepare(struct check *check, const char *sql, sqlite3_stmt **ret_statement,
                       struct error *error)
{
    if (sqlite3_prepare_v2(check->database.sqlite, sql, -1, ret_statement, NULL) != SQLITE_OK)
        return volume_database_fail(&check->database, sql, error);
    return ERR_OK;
}

void check_finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

enum err check_step(struct check *check, sqlite3_stmt *statement, bool *ret_row, struct error *error)
{
    int result = sqlite3_step(statement);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return volume_database_fail(&check->database, sqlite3_sql(statement), error);
    *ret_row = result == SQLITE_ROW;
    return ERR_OK;
}

/* --- packs --- */

static enum err hurt_add(struct check *check, uint32_t pack, struct error *error)
{
    if (check->hurt_count > 0 && check->hurt[check->hurt_count - 1] == pack)
        return ERR_OK; /* packs are scanned in order */
    uint32_t *more = arena_array(&check->packs_hurt, check->hurt_count + 1, sizeof(*more));
    if (more == NULL)
        return fail_nomem(error);
    if (check->hurt_count > 0)
        memcpy(more, check->hurt, check->hurt_count * sizeof(*more));
    more[check->hurt_count++] = pack;
    check->hurt = more;
    return ERR_OK;
}

struct noting {
    struct check *check;
    sqlite3_stmt *insert;
};

/* What follows the synced mark may be torn: the account cuts it off at its next opening. Not after a repair,
 * which moves the mark behind it. */
static bool torn_tail(const struct check *check, struct pack_place place)
{
    return check->mode != CHECK_FIXES && check->has_database && check->mark.pack > 0 &&
           (place.pack > check->mark.pack ||
            (place.pack == check->mark.pack && place.offset >= check->mark.offset));
}

static enum err record_note(void *context, const struct pack_scan *scan, struct error *error)
{
    struct noting *noting = context;
    struct check *check = noting->check;
    check->done += scan->place.length;
    if (check->options->progress != NULL && check->mode != CHECK_FIXES)
        check->options->progress(check->options->context, check->done, MAX(check->done, check->total));
    if (scan->damaged) {
        char where[CHECK_TEXT_SIZE];
        if (torn_tail(check, scan->place))
            return ERR_OK;
        snprintf(where, sizeof(where), "pack %" PRIu32 " offset %" PRIu64 " length %" PRIu64,
                 scan->place.pack, scan->place.offset, scan->place.length);
        check_found(check, "pack record", where, scan->problem, false);
        return hurt_add(check, scan->place.pack, error);
    }
    if (scan->record.object.v == 0) /* a filler */
        return ERR_OK;
    const int64_t values[] = {(int64_t)scan->record.object.v, scan->place.pack,
                              (int64_t)scan->place.offset,    (int64_t)scan->place.length,
                              (int64_t)scan->record.folder.v, scan->record.uid.v,
                              scan->record.internal_date_us,  (int64_t)scan->raw_length};
    for (int i = 0; i < (int)ARRAY_LEN(values); i++)
        sqlite3_bind_int64(noting->insert, i + 1, values[i]);
    bool row = false;
    enum err code = check_step(check, noting->insert, &row, error);
    sqlite3_reset(noting->insert);
    return code;
}

enum err check_packs(struct check *check, struct error *error)
{
    static const char table[] =
        "CREATE TEMP TABLE whole (object INTEGER, pack INTEGER, offset INTEGER, length INTEGER, folder "
        "INTEGER, "
        "uid INTEGER, internal INTEGER, size INTEGER, PRIMARY KEY (object, pack, offset)) WITHOUT ROWID";
    CLEANUP(check_finalize) sqlite3_stmt *insert = NULL;
    check->done = 0;
    check->hurt_count = 0;
    enum err code = check_exec(check, table, error);
    if (code == ERR_OK)
        code = check_prepare(check, "INSERT INTO temp.whole VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &insert,
                             error);
    struct noting noting = {.check = check, .insert = insert};
    return code == ERR_OK ? packs_scan(check->packs, true, record_note, &noting, error) : code;
}

/* Opens the packs behind every number in use, so that opening cuts nothing off and appending begins anew. */
static enum err packs_begin(struct check *check, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(CHECK_ARENA_MAX);
    char directory[CHECK_NAME_SIZE];
    struct slice *names = NULL;
    size_t count = 0;
    check_name(check, "packs", directory);
    uint32_t newest = check->mark.pack;
    enum err code = volume_list(check->volume, directory, &arena, &names, &count, error);
    for (size_t i = 0; code == ERR_OK && i < count; i++)
        newest = MAX(newest, pack_file_number(names[i]));
    struct pack_mark behind = {.pack = newest + 1};
    if (code == ERR_OK)
        code = packs_open(check->volume, check->id, behind, &check->packs, error);
    struct pack_figures *figures = NULL;
    size_t packs = 0;
    if (code == ERR_OK)
        code = packs_list(check->packs, &arena, &figures, &packs, error);
    for (size_t i = 0; code == ERR_OK && i < packs; i++)
        check->total += figures[i].size;
    return code;
}

/* Files among the packs that are none go out of the way. */
static enum err strays(struct check *check, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(CHECK_ARENA_MAX);
    char directory[CHECK_NAME_SIZE];
    struct slice *names = NULL;
    size_t count = 0;
    check_name(check, "packs", directory);
    enum err code = volume_list(check->volume, directory, &arena, &names, &count, error);
    for (size_t i = 0; code == ERR_OK && i < count; i++) {
        char from[VOLUME_NAME_MAX + 1];
        char to[VOLUME_NAME_MAX + 1];
        if (pack_file_number(names[i]) != 0)
            continue;
        int n = snprintf(from, sizeof(from), "%s/%.*s", directory, SLICE_ARGS(names[i]));
        int m = snprintf(to, sizeof(to), "%.*s/stray-%.*s", (int)(strlen(directory) - strlen("/packs")),
                         directory, SLICE_ARGS(names[i]));
        bool fits = n < (int)sizeof(from) && m < (int)sizeof(to);
        check->mode = check->options->repair && fits ? CHECK_FIXES : CHECK_REPORTS;
        char where[CHECK_TEXT_SIZE];
        snprintf(where, sizeof(where), "packs/%.*s", SLICE_ARGS(names[i]));
        check_found(check, "file", where, "it is no pack", false);
        if (check->mode == CHECK_FIXES)
            code = volume_file_rename(check->volume, from, to, error);
    }
    return code;
}

/* --- the database --- */

static enum err mark_read(struct check *check, struct error *error)
{
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err code = check_prepare(check, "SELECT synced_pack, synced_offset FROM meta", &statement, error);
    if (code == ERR_OK)
        code = check_step(check, statement, &row, error);
    if (code == ERR_OK && !row)
        return fail(error, ERR_CORRUPT, NULL, "meta is empty");
    if (code == ERR_OK)
        check->mark = (struct pack_mark){.pack = (uint32_t)sqlite3_column_int64(statement, 0),
                                         .offset = (uint64_t)sqlite3_column_int64(statement, 1)};
    return code;
}

/* SQLite's own opinion of its pages. */
static enum err pages_check(struct check *check, struct error *error)
{
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    char sql[CHECK_TEXT_SIZE];
    snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%d)", CHECK_DAMAGES_MAX);
    enum err code = check_prepare(check, sql, &statement, error);
    bool row = false;
    while (code == ERR_OK && (code = check_step(check, statement, &row, error)) == ERR_OK && row) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text == NULL || strcmp(text, "ok") == 0)
            continue;
        check_damaged(check, text);
    }
    return code;
}

/* A failure that says the database is damaged becomes a finding; any other stays a failure. */
static enum err damage_found(struct check *check, enum err code, struct error *error)
{
    if (code != ERR_CORRUPT)
        return code;
    check_damaged(check, error->detail);
    return ERR_OK;
}

static enum err database_begin(struct check *check, struct error *error)
{
    char name[CHECK_NAME_SIZE];
    check_name(check, "account.db", name);
    enum err code = volume_database_open(check->volume, name, false, &check->database, error);
    if (code == ERR_NOT_FOUND) {
        check_damaged(check, "it is missing");
        return ERR_OK;
    }
    if (code != ERR_OK)
        return damage_found(check, code, error);
    check->has_database = true;
    code = pages_check(check, error);
    if (code == ERR_OK)
        code = mark_read(check, error);
    /* Nobody may have opened it since an older program wrote it. */
    if (code == ERR_OK)
        code = schema_migrate(&check->database, error);
    /* "no such table" is damage too: the file is a database, but none of ours. */
    if (code == ERR_IO && strstr(error->detail, "no such table") != NULL)
        code = ERR_CORRUPT;
    return damage_found(check, code, error);
}

static enum err totals(struct check *check, struct error *error)
{
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err code =
        check_prepare(check, "SELECT count(*), coalesce(sum(size), 0) FROM member", &statement, error);
    if (code == ERR_OK)
        code = check_step(check, statement, &row, error);
    if (code == ERR_OK && row) {
        check->result.messages = (uint64_t)sqlite3_column_int64(statement, 0);
        check->result.bytes = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    return code;
}

/* Without a database the scan needs one of its own, to note the records in. */
static enum err scratch_begin(struct check *check, struct error *error)
{
    sqlite3 *sqlite = NULL;
    if (sqlite3_open_v2(":memory:", &sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        sqlite3_close(sqlite);
        return fail_nomem(error);
    }
    check->database = (struct database){
        .sqlite = sqlite, .wal_fd = -1, .name = slice_to_cstr(S("scratch")), .volume = check->volume};
    return ERR_OK;
}

static enum err look(struct check *check, struct error *error)
{
    enum err code = database_begin(check, error);
    if (code == ERR_OK)
        code = packs_begin(check, error);
    if (code == ERR_OK && !check->has_database)
        code = scratch_begin(check, error);
    if (code == ERR_OK)
        code = check_packs(check, error);
    if (code != ERR_OK || !check->has_database)
        return code;
    code = check_rules(check, error);
    if (code == ERR_OK)
        code = totals(check, error);
    return damage_found(check, code, error);
}

enum err check_run(struct volume *volume, struct account_id id, const struct check_options *options,
                   struct check_result *ret_result, struct error *error)
{
    struct check check = {.volume = volume,
                          .id = id,
                          .options = options,
                          .mode = options->repair ? CHECK_QUIET : CHECK_REPORTS,
                          .packs_hurt = ARENA(CHECK_ARENA_MAX)};
    enum err code = repair_resume(&check, error);
    if (code == ERR_OK)
        code = look(&check, error);
    if (code == ERR_OK && options->repair && check.found > 0) {
        check.result = (struct check_result){.messages = check.result.messages, .bytes = check.result.bytes};
        check.mode = CHECK_FIXES;
        code = repair_account(&check, error);
    }
    if (code == ERR_OK)
        code = strays(&check, error);
    packs_close(check.packs);
    volume_database_close(&check.database);
    arena_release(&check.packs_hurt);
    if (code != ERR_OK)
        return error_context(error, "check of account %016" PRIx64, id.v);
    *ret_result = check.result;
    return ERR_OK;
}
