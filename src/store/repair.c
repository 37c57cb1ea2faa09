/*
 * Repair: a second database beside the first, filled with every row that can be read, mended by the check's
 * rules, and put in the first one's place. Nothing of the old database or of a damaged pack is changed or
 * deleted: both are kept under other names.
 *
 *   account.db (damaged)                                  -> account.db.damaged-N
 *   account.db.repair  --complete-->  account.db.repaired -> account.db
 *
 * A crash before "complete" leaves the old one in place; after it, the next check ends the exchange.
 */
#include <inttypes.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "store/check_run.h"
#include "store/pack_file.h"
#include "store/schema.h"

enum { DAMAGED_MAX = 1000, COPY_SPLITS_MAX = 4000, COPY_COLUMNS_MAX = 32 };

/* --- files --- */

static enum err file_there(const struct check *check, const char *file, bool *ret_there, struct error *error)
{
    char name[CHECK_NAME_SIZE];
    CLEANUP(fd_close) int fd = -1;
    check_name(check, file, name);
    enum err code = volume_file_open(check->volume, name, false, &fd, error);
    *ret_there = code == ERR_OK;
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static enum err file_move(const struct check *check, const char *from, const char *to, struct error *error)
{
    char from_name[CHECK_NAME_SIZE];
    char to_name[CHECK_NAME_SIZE];
    check_name(check, from, from_name);
    check_name(check, to, to_name);
    enum err code = volume_file_rename(check->volume, from_name, to_name, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static enum err file_remove(const struct check *check, const char *file, struct error *error)
{
    char name[CHECK_NAME_SIZE];
    check_name(check, file, name);
    enum err code = volume_file_remove(check->volume, name, error);
    return code == ERR_NOT_FOUND ? ERR_OK : code;
}

/* A name "<base><n><tail>" that is not taken. */
static enum err name_free(const struct check *check, const char *base, const char *tail,
                          char ret_file[static CHECK_NAME_SIZE], struct error *error)
{
    for (unsigned n = 1; n <= DAMAGED_MAX; n++) {
        bool there = false;
        snprintf(ret_file, CHECK_NAME_SIZE, "%s%u%s", base, n, tail);
        enum err code = file_there(check, ret_file, &there, error);
        if (code != ERR_OK || !there)
            return code;
    }
    return fail(error, ERR_LIMIT, NULL, "%s: more than %d kept files", base, DAMAGED_MAX);
}

/* The old database and its log step aside; the repaired one takes its place. */
static enum err exchange(const struct check *check, struct error *error)
{
    char kept[CHECK_NAME_SIZE];
    char kept_wal[CHECK_NAME_SIZE + 8];
    enum err code = name_free(check, "account.db.damaged-", "", kept, error);
    if (code != ERR_OK)
        return code;
    snprintf(kept_wal, sizeof(kept_wal), "%s-wal", kept);
    /* The log first: if it stayed, SQLite would play it into the new database. */
    code = file_move(check, "account.db-wal", kept_wal, error);
    if (code == ERR_OK)
        code = file_move(check, "account.db", kept, error);
    return code == ERR_OK ? file_move(check, "account.db.repaired", "account.db", error) : code;
}

enum err repair_resume(struct check *check, struct error *error)
{
    bool there = false;
    enum err code = file_there(check, "account.db.repaired", &there, error);
    return code == ERR_OK && there ? exchange(check, error) : code;
}

/* --- copying what can be read --- */

struct copy {
    struct check *check; /* its database is the new one */
    sqlite3 *from;
    const char *table;
    const char *key; /* NULL: the table has no row id */
    sqlite3_stmt *insert;
    unsigned splits;
    uint64_t rows;
    bool damaged; /* something could not be read */
};

static int row_copy(struct copy *copy, sqlite3_stmt *row)
{
    int columns = sqlite3_column_count(row) - 1; /* the last one is the key */
    for (int i = 0; i < columns; i++)
        sqlite3_bind_value(copy->insert, i + 1, sqlite3_column_value(row, i));
    /* A row that breaks the table's rules was not written by us: it is left out. */
    int result = sqlite3_step(copy->insert);
    sqlite3_reset(copy->insert);
    copy->damaged = copy->damaged || result != SQLITE_DONE;
    copy->rows += result == SQLITE_DONE;
    return result == SQLITE_DONE || (result & 0xff) == SQLITE_CONSTRAINT || (result & 0xff) == SQLITE_MISMATCH
               ? SQLITE_OK
               : result;
}

/* Rows with low <= key <= high in one direction until the end or an error; *ret_last: the last key read. */
static bool range_copy(struct copy *copy, int64_t low, int64_t high, bool descending, int64_t *ret_last)
{
    char sql[CHECK_TEXT_SIZE];
    const char *key = copy->key != NULL ? copy->key : "0";
    snprintf(sql, sizeof(sql), "SELECT *, %s FROM %s WHERE %s BETWEEN ?1 AND ?2 %s%s%s", key, copy->table,
             key, copy->key != NULL ? "ORDER BY " : "", copy->key != NULL ? key : "",
             copy->key != NULL && descending ? " DESC" : "");
    sqlite3_stmt *row = NULL;
    int result = sqlite3_prepare_v2(copy->from, sql, -1, &row, NULL);
    if (result == SQLITE_OK) {
        sqlite3_bind_int64(row, 1, low);
        sqlite3_bind_int64(row, 2, high);
        while ((result = sqlite3_step(row)) == SQLITE_ROW) {
            *ret_last = sqlite3_column_int64(row, sqlite3_column_count(row) - 1);
            result = row_copy(copy, row);
            if (result != SQLITE_OK)
                break;
        }
    }
    sqlite3_finalize(row);
    return result == SQLITE_DONE;
}

/*
 * Upwards until a damaged page, downwards to it from the other end, and what lies between is halved, since a
 * range that avoids the damaged page can be read.
 */
static void between_copy(struct copy *copy, int64_t low, int64_t high)
{
    if (low > high || copy->splits >= COPY_SPLITS_MAX)
        return;
    copy->splits++;
    int64_t up = low - 1;
    if (range_copy(copy, low, high, false, &up))
        return;
    copy->damaged = true;
    if (copy->key == NULL || up >= high)
        return;
    int64_t down = high + 1;
    if (range_copy(copy, up + 1, high, true, &down) || down - up <= 2)
        return;
    int64_t middle = up + (down - up) / 2;
    between_copy(copy, up + 1, middle);
    between_copy(copy, middle + 1, down - 1);
}

static enum err table_copy(struct check *check, sqlite3 *from, const char *table, const char *key,
                           bool *damaged, struct error *error)
{
    CLEANUP(check_finalize) sqlite3_stmt *all = NULL;
    CLEANUP(check_finalize) sqlite3_stmt *insert = NULL;
    CLEANUP(buf_release) struct buf sql = BUF(CHECK_TEXT_SIZE * 4);
    buf_printf(&sql, "SELECT * FROM %s", table);
    enum err code = check_prepare(check, buf_cstr(&sql), &all, error);
    if (code != ERR_OK)
        return code;
    buf_clear(&sql);
    buf_printf(&sql, "INSERT OR IGNORE INTO %s VALUES (?1", table);
    for (int i = 2; i <= MIN(sqlite3_column_count(all), COPY_COLUMNS_MAX); i++)
        buf_printf(&sql, ", ?%d", i);
    buf_putc(&sql, ')');
    code = check_prepare(check, buf_cstr(&sql), &insert, error);
    if (code != ERR_OK)
        return code;
    struct copy copy = {.check = check, .from = from, .table = table, .key = key, .insert = insert};
    /* Keys are never negative; a margin keeps sums from overflowing. */
    between_copy(&copy, 0, INT64_MAX / 2);
    *damaged = *damaged || copy.damaged;
    return ERR_OK;
}

static enum err tables_copy(struct check *check, sqlite3 *from, struct error *error)
{
    static const struct {
        const char *table, *key;
        bool messages;
    } tables[] = {
        {"meta", "one", false},
        {"folder", "id", false},
        {"object", "id", true},
        {"object_text", "object", false},
        {"member", "key", true},
        {"tombstone", "key", true},
        {"keyword", "number", false},
        {"change_log", NULL, false},
        {"lost_change", "first", false},
        {"subscription", NULL, false},
        {"device", NULL, false},
        {"share", NULL, false},
        {"delivery", NULL, false},
        {"message_id", "hash", false},
        {"annotation", NULL, false},
        {"access_key", "folder", false},
        {"seen", NULL, false},
        {"folder_grave", "folder", false},
        {"folder_placed", "folder", false},
        {"fetched", "key", false},
        {"import_folder", "id", false},
        {"import_item", NULL, false},
        {"script", NULL, false},
        {"remembered", NULL, false},
    };
    enum err code = ERR_OK;
    check->incomplete = false;
    for (size_t i = 0; code == ERR_OK && i < ARRAY_LEN(tables); i++) {
        bool damaged = false;
        code = table_copy(check, from, tables[i].table, tables[i].key, &damaged, error);
        /* Only where rows about messages are missing may a record that none names be a message. Else it is
         * one that was removed long ago, and must stay so. */
        check->incomplete = check->incomplete || (damaged && tables[i].messages);
    }
    return code;
}

/* --- the new database --- */

static enum err meta_renew(struct check *check, struct error *error)
{
    static const char missing[] =
        "INSERT OR IGNORE INTO meta (one, epoch, change, log_oldest, next_folder, next_object, next_member, "
        "last_uidvalidity, bytes, messages, generation, synced_pack, synced_offset, pruned) "
        "VALUES (1, 1, 0, 0, 1, 1, 1, unixepoch(), 0, 0, 0, 0, 0, 0)";
    char epoch[CHECK_TEXT_SIZE];
    snprintf(epoch, sizeof(epoch), "UPDATE meta SET epoch = %" PRIu64, id_random());
    CLEANUP(check_finalize) sqlite3_stmt *folders = NULL;
    bool row = false;
    enum err code = check_exec(check, missing, error);
    if (code == ERR_OK)
        code = check_exec(check, epoch, error);
    if (code == ERR_OK)
        code = check_prepare(check, "SELECT 1 FROM folder LIMIT 1", &folders, error);
    if (code == ERR_OK)
        code = check_step(check, folders, &row, error);
    check->anew = !row;
    return code;
}

/* The log tells of the past in numbers that what follows does not continue. */
static enum err log_renew(struct check *check, struct error *error)
{
    return check_exec(check,
                      "DELETE FROM change_log; UPDATE meta SET change = change + 1; "
                      "UPDATE meta SET log_oldest = change",
                      error);
}

/* Living records of packs with damage move to a new pack, so that the damaged file can be set aside. */
static enum err hurt_move(struct check *check, uint32_t pack, struct error *error)
{
    static const char select[] =
        "SELECT id, offset, length FROM object WHERE pack = ?1 ORDER BY offset LIMIT 1";
    static const char update[] = "UPDATE object SET pack = ?2, offset = ?3 WHERE id = ?1";
    for (;;) {
        CLEANUP(check_finalize) sqlite3_stmt *next = NULL;
        CLEANUP(check_finalize) sqlite3_stmt *moved = NULL;
        bool row = false;
        enum err code = check_prepare(check, select, &next, error);
        if (code != ERR_OK)
            return code;
        sqlite3_bind_int64(next, 1, pack);
        code = check_step(check, next, &row, error);
        if (code != ERR_OK || !row)
            return code;
        struct object_id object = {(uint64_t)sqlite3_column_int64(next, 0)};
        struct pack_place from = {.pack = pack,
                                  .offset = (uint64_t)sqlite3_column_int64(next, 1),
                                  .length = (uint64_t)sqlite3_column_int64(next, 2)};
        struct pack_place to = {0};
        code = packs_move(check->packs, from, object, &to, error);
        if (code == ERR_OK)
            code = check_prepare(check, update, &moved, error);
        if (code != ERR_OK)
            return code;
        sqlite3_bind_int64(moved, 1, (int64_t)object.v);
        sqlite3_bind_int64(moved, 2, to.pack);
        sqlite3_bind_int64(moved, 3, (int64_t)to.offset);
        code = check_step(check, moved, &row, error);
        if (code != ERR_OK)
            return code;
    }
}

static enum err packs_mend(struct check *check, struct error *error)
{
    enum err code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < check->hurt_count; i++)
        code = hurt_move(check, check->hurt[i], error);
    if (code == ERR_OK)
        code = packs_sync(check->packs, error);
    if (code != ERR_OK)
        return code;
    struct pack_mark mark = packs_end(check->packs);
    char sql[CHECK_TEXT_SIZE];
    snprintf(sql, sizeof(sql), "UPDATE meta SET synced_pack = %" PRIu32 ", synced_offset = %" PRIu64,
             mark.pack, mark.offset);
    return check_exec(check, sql, error);
}

static enum err packs_set_aside(struct check *check, struct error *error)
{
    enum err code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < check->hurt_count; i++) {
        char from[CHECK_NAME_SIZE];
        char to[CHECK_NAME_SIZE];
        char base[CHECK_NAME_SIZE];
        snprintf(from, sizeof(from), "packs/%08" PRIu32 ".pack", check->hurt[i]);
        snprintf(base, sizeof(base), "pack-%08" PRIu32 ".damaged-", check->hurt[i]);
        code = name_free(check, base, "", to, error);
        if (code == ERR_OK)
            code = file_move(check, from, to, error);
    }
    return code;
}

static enum err totals_read(struct check *check, struct error *error)
{
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err code = check_prepare(check, "SELECT messages, bytes FROM meta", &statement, error);
    if (code == ERR_OK)
        code = check_step(check, statement, &row, error);
    if (code == ERR_OK && row) {
        check->result.messages = (uint64_t)sqlite3_column_int64(statement, 0);
        check->result.bytes = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    return code;
}

static enum err fill(struct check *check, sqlite3 *from, struct error *error)
{
    enum err code = schema_migrate(&check->database, error);
    if (code == ERR_OK)
        code = check_exec(check, "BEGIN", error);
    if (code == ERR_OK && from != NULL)
        code = tables_copy(check, from, error);
    if (code == ERR_OK)
        code = meta_renew(check, error);
    if (code == ERR_OK)
        code = check_packs(check, error);
    if (code == ERR_OK)
        code = check_rules(check, error);
    if (code == ERR_OK)
        code = packs_mend(check, error);
    if (code == ERR_OK)
        code = log_renew(check, error);
    if (code == ERR_OK)
        code = totals_read(check, error);
    return code == ERR_OK ? check_exec(check, "COMMIT", error) : code;
}

/* So that the file alone is complete: its log is removed after closing. */
static enum err log_write_back(struct check *check, struct error *error)
{
    enum err code = volume_database_sync(&check->database, error);
    if (code != ERR_OK)
        return code;
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    bool row = false;
    code = check_prepare(check, "PRAGMA wal_checkpoint(TRUNCATE)", &statement, error);
    if (code == ERR_OK)
        code = check_step(check, statement, &row, error);
    if (code == ERR_OK && (!row || sqlite3_column_int(statement, 0) != 0))
        code = fail(error, ERR_IO, NULL, "%s: its log can't be written back", check->database.name);
    return code;
}

enum err repair_account(struct check *check, struct error *error)
{
    /* The old connection stays open for copying; a scratch one (in memory) has nothing to copy. */
    struct database old = {.volume = NULL};
    memcpy(&old, &check->database, sizeof(old));
    memset(&check->database, 0, sizeof(check->database));
    if (check->incomplete)
        check_found(check, "database", "account.db", check->damage, false);
    char name[CHECK_NAME_SIZE];
    check_name(check, "account.db.repair", name);
    enum err code = file_remove(check, "account.db.repair-wal", error);
    if (code == ERR_OK)
        code = file_remove(check, "account.db.repair", error);
    if (code == ERR_OK)
        code = volume_database_open(check->volume, name, true, &check->database, error);
    if (code == ERR_OK) {
        code = fill(check, check->has_database ? old.sqlite : NULL, error);
        if (code == ERR_OK)
            code = log_write_back(check, error);
    }
    volume_database_close(&check->database);
    volume_database_close(&old);
    if (code == ERR_OK)
        code = file_remove(check, "account.db.repair-wal", error);
    if (code == ERR_OK)
        code = file_move(check, "account.db.repair", "account.db.repaired", error);
    if (code == ERR_OK)
        code = exchange(check, error);
    return code == ERR_OK ? packs_set_aside(check, error) : code;
}
