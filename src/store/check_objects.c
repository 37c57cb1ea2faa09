/*
 * Objects' rows against the messages themselves, and messages back from records that no row names.
 */
#include "base/must.h"
#include "store/check_run.h"
#include "store/derived.h"

/* One object that a member or tombstone names, with its rows as far as they are there. */
struct object_row {
    struct object_id id;
    struct pack_place place;
    int64_t internal;
    bool has_row;
};

static enum err object_insert(struct check *check, const struct object_row *row,
                              const struct content *content, const struct derived *derived,
                              struct error *error)
{
    static const char insert[] =
        "INSERT INTO object (id, type, thread, pack, offset, length, size, header_size, internal, received, "
        "sent) "
        "VALUES (?1, 0, coalesce((SELECT thread FROM member WHERE object = ?1 LIMIT 1), ?1), ?2, ?3, ?4, ?5, "
        "?6, "
        "?7, ?7, ?8) ON CONFLICT (id) DO UPDATE SET size = ?5, header_size = ?6, sent = ?8";
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    enum err code = check_prepare(check, insert, &statement, error);
    if (code != ERR_OK)
        return code;
    const int64_t values[] = {(int64_t)row->id.v,
                              row->place.pack,
                              (int64_t)row->place.offset,
                              (int64_t)row->place.length,
                              (int64_t)content->whole.n,
                              (int64_t)content->header_n,
                              row->internal,
                              derived->sent_us};
    for (int i = 0; i < (int)ARRAY_LEN(values); i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    bool more = false;
    return check_step(check, statement, &more, error);
}

static enum err text_insert(struct check *check, struct object_id object, const struct derived *derived,
                            struct error *error)
{
    static const char insert[] = "REPLACE INTO object_text (object, " DERIVED_TEXT_COLUMNS ") "
                                 "VALUES (" DERIVED_TEXT_VALUES ")";
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    enum err code = check_prepare(check, insert, &statement, error);
    if (code != ERR_OK)
        return code;
    derived_bind(statement, object, derived);
    bool more = false;
    return check_step(check, statement, &more, error);
}

/* Whether the rows say what the message says. */
static enum err rows_same(struct check *check, const struct object_row *row, const struct content *content,
                          const struct derived *derived, bool *ret_same, struct error *error)
{
    static const char select[] =
        "SELECT size, header_size, sent, " DERIVED_TEXT_COLUMNS
        " FROM object JOIN object_text ON object_text.object = object.id WHERE id = ?1";
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    bool found = false;
    enum err code = check_prepare(check, select, &statement, error);
    if (code != ERR_OK)
        return code;
    sqlite3_bind_int64(statement, 1, (int64_t)row->id.v);
    code = check_step(check, statement, &found, error);
    if (code != ERR_OK)
        return code;
    bool same = found && sqlite3_column_int64(statement, 0) == (int64_t)content->whole.n &&
                sqlite3_column_int64(statement, 1) == (int64_t)content->header_n &&
                sqlite3_column_int64(statement, 2) == derived->sent_us;
    /* Rows from before some column, or with keys from an older reading, are whole without them (schema.c). */
    bool old = found && sqlite3_column_type(statement, 3 + DERIVED_THREAD_KEYS) == SQLITE_NULL;
    for (int i = 0; same && i < DERIVED_TEXTS; i++) {
        const void *p = sqlite3_column_blob(statement, i + 3);
        if (sqlite3_column_type(statement, i + 3) == SQLITE_NULL || (old && derived_is_key(i)))
            continue;
        same = slice_eq(slice_of(p, (size_t)sqlite3_column_bytes(statement, i + 3)), derived->texts[i]);
    }
    *ret_same = same;
    return ERR_OK;
}

static enum err object_check(struct check *check, const struct object_row *row, struct arena *arena,
                             struct error *error)
{
    CLEANUP(content_release) struct content content = {0};
    struct derived derived;
    bool same = false;
    enum err code = packs_read(check->packs, row->place, row->id, CONTENT_WHOLE, &content, error);
    if (code == ERR_OK)
        code = derived_make(arena, content.whole, row->internal, &derived, error);
    if (code == ERR_OK)
        code = rows_same(check, row, &content, &derived, &same, error);
    if (code != ERR_OK || same)
        return code;
    char where[CHECK_TEXT_SIZE];
    snprintf(where, sizeof(where), "object %llu", (unsigned long long)row->id.v);
    check_found(check, "object", where,
                row->has_row ? "what is stored of it differs from what its message says"
                             : "its row is missing",
                false);
    if (check->mode != CHECK_FIXES)
        return ERR_OK;
    code = object_insert(check, row, &content, &derived, error);
    return code == ERR_OK ? text_insert(check, row->id, &derived, error) : code;
}

/* The first object above an id that something names and whose bytes are whole. */
static enum err object_next(struct check *check, uint64_t above, struct object_row *ret_row, bool *ret_found,
                            struct error *error)
{
    static const char select[] =
        "SELECT w.object, coalesce(o.pack, w.pack), coalesce(o.offset, w.offset), coalesce(o.length, "
        "w.length), "
        "coalesce(o.internal, w.internal), o.id IS NOT NULL FROM temp.whole AS w "
        "LEFT JOIN object AS o ON o.id = w.object WHERE w.object > ?1 AND coalesce(o.type, 0) = 0 AND "
        "(o.id IS NULL OR (o.pack = w.pack AND o.offset = w.offset)) AND "
        "(EXISTS (SELECT 1 FROM member WHERE object = w.object) OR "
        "EXISTS (SELECT 1 FROM tombstone WHERE object = w.object)) "
        "ORDER BY w.object, w.pack DESC, w.offset DESC LIMIT 1";
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    enum err code = check_prepare(check, select, &statement, error);
    if (code != ERR_OK)
        return code;
    sqlite3_bind_int64(statement, 1, (int64_t)above);
    code = check_step(check, statement, ret_found, error);
    if (code != ERR_OK || !*ret_found)
        return code;
    *ret_row = (struct object_row){.id = {(uint64_t)sqlite3_column_int64(statement, 0)},
                                   .place = {.pack = (uint32_t)sqlite3_column_int64(statement, 1),
                                             .offset = (uint64_t)sqlite3_column_int64(statement, 2),
                                             .length = (uint64_t)sqlite3_column_int64(statement, 3)},
                                   .internal = sqlite3_column_int64(statement, 4),
                                   .has_row = sqlite3_column_int(statement, 5) != 0};
    return ERR_OK;
}

enum err check_objects(struct check *check, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(DERIVED_ARENA_MAX);
    struct object_row row = {0};
    for (;;) {
        bool found = false;
        enum err code = object_next(check, row.id.v, &row, &found, error);
        if (code != ERR_OK || !found)
            return code;
        code = object_check(check, &row, &arena, error);
        arena_reset(&arena);
        if (code != ERR_OK)
            return code;
    }
}

/* --- salvage --- */

/*
 * A record that neither a member nor a tombstone names, when rows were lost: most likely a message. It goes
 * to the folder that its record names, with its UID there if that is free; folders_revive sees to missing
 * ones.
 */
enum err check_salvage(struct check *check, struct error *error)
{
    static const char find[] =
        "SELECT object, CASE WHEN folder BETWEEN 1 AND 2147483647 THEN folder ELSE 1 END, uid, internal, "
        "size FROM temp.whole AS w WHERE object NOT IN "
        "(SELECT object FROM member UNION SELECT object FROM tombstone) GROUP BY object ORDER BY object";
    static const char insert[] =
        "INSERT INTO member (key, flags, more, changed, size, internal, saved, id, object, thread) SELECT "
        "CASE WHEN ?2 > 0 AND NOT EXISTS (SELECT 1 FROM member WHERE key = (?1 << 32) + ?2) AND "
        "NOT EXISTS (SELECT 1 FROM tombstone WHERE key = (?1 << 32) + ?2) THEN (?1 << 32) + ?2 ELSE "
        "max((SELECT coalesce(max(key), ?1 << 32) FROM member WHERE key BETWEEN ?1 << 32 AND (?1 << 32) + "
        "4294967295), "
        "(SELECT coalesce(max(key), ?1 << 32) FROM tombstone WHERE key BETWEEN ?1 << 32 AND (?1 << 32) + "
        "4294967295), "
        "(SELECT min(coalesce(max(uidnext), 1), 4294960000) - 1 + (?1 << 32) FROM folder WHERE id = ?1)) + 1 "
        "END, "
        "0, NULL, change + 1, ?4, ?3, ?3, next_member, ?5, "
        "coalesce((SELECT thread FROM object WHERE id = ?5), ?5) FROM meta";
    static const char count[] =
        "UPDATE meta SET next_member = max(next_member, (SELECT coalesce(max(id), 0) FROM member)) + 1";
    CLEANUP(check_finalize) sqlite3_stmt *records = NULL;
    CLEANUP(check_finalize) sqlite3_stmt *member = NULL;
    enum err code = check_exec(check, count, error);
    if (code == ERR_OK)
        code = check_prepare(check, find, &records, error);
    if (code == ERR_OK)
        code = check_prepare(check, insert, &member, error);
    bool row = false;
    while (code == ERR_OK && (code = check_step(check, records, &row, error)) == ERR_OK && row) {
        bool ignored = false;
        sqlite3_bind_int64(member, 1, sqlite3_column_int64(records, 1));
        sqlite3_bind_int64(member, 2, sqlite3_column_int64(records, 2));
        sqlite3_bind_int64(member, 3, sqlite3_column_int64(records, 3));
        sqlite3_bind_int64(member, 4, sqlite3_column_int64(records, 4));
        sqlite3_bind_int64(member, 5, sqlite3_column_int64(records, 0));
        code = check_step(check, member, &ignored, error);
        sqlite3_reset(member);
        if (code == ERR_OK)
            code = check_exec(check, count, error);
        char where[CHECK_TEXT_SIZE];
        snprintf(where, sizeof(where), "object %lld", (long long)sqlite3_column_int64(records, 0));
        check_found(check, "message", where, "its row was lost; its flags are not known", false);
    }
    return code;
}
