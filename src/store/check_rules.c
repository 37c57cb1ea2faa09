/*
 * What must hold between an account's rows, as queries; and the statements that make it hold again.
 */
#include "store/check_run.h"

/* A query gives one row of text per violation: where it is. The fix is run when there was one. */
struct rule {
    const char *what;
    const char *problem;
    bool lost;
    const char *find;
    const char *fix;
};

#define HERE                                                                                         \
    "EXISTS (SELECT 1 FROM temp.whole AS w WHERE w.object = object.id AND w.pack = object.pack AND " \
    "w.offset = object.offset AND w.length = object.length)"
#define ELSEWHERE "EXISTS (SELECT 1 FROM temp.whole AS w WHERE w.object = object.id)"
#define NO_BYTES "object NOT IN (SELECT object FROM temp.whole)"
#define MEMBER_WHERE "printf('folder %d UID %d', key >> 32, key & 4294967295)"
#define NAMED "(SELECT object FROM member UNION SELECT object FROM tombstone)"
#define KEYS_OF_FOLDER "key BETWEEN folder.id << 32 AND (folder.id << 32) + 4294967295"
#define COUNT_OF(expression) "(SELECT " expression " FROM member WHERE " KEYS_OF_FOLDER ")"
#define UNSEEN COUNT_OF("coalesce(sum(flags & 1 = 0), 0)")
#define DELETED COUNT_OF("coalesce(sum(flags & 8 <> 0), 0)")
#define BYTES COUNT_OF("coalesce(sum(size), 0)")
#define DELETED_BYTES COUNT_OF("coalesce(sum(size) FILTER (WHERE flags & 8 <> 0), 0)")
#define RECENT COUNT_OF("coalesce(sum(key & 4294967295 >= folder.recent_from), 0)")
#define COUNTERS COUNT_OF("count(*)") ", " UNSEEN ", " DELETED ", " BYTES ", " DELETED_BYTES ", " RECENT
#define LAST_UID                                                                             \
    "max(coalesce((SELECT max(key & 4294967295) FROM member WHERE " KEYS_OF_FOLDER "), 0), " \
    "coalesce((SELECT max(key & 4294967295) FROM tombstone WHERE " KEYS_OF_FOLDER "), 0))"
#define LAST_CHANGE                                                                                        \
    "max(coalesce((SELECT max(changed) FROM member), 0), coalesce((SELECT max(changed) FROM folder), 0), " \
    "coalesce((SELECT max(change) FROM tombstone), 0), coalesce((SELECT max(no) FROM change_log), 0))"
#define BAD_RIGHTS "rights = '' OR rights GLOB '*[^lrswipkxtea]*'"
#define NEXT_FOLDER "(SELECT coalesce(max(id), 0) + 1 FROM folder)"
#define NEXT_OBJECT \
    "max((SELECT coalesce(max(id), 0) FROM object), (SELECT coalesce(max(object), 0) FROM temp.whole)) + 1"
/* Not counting records that no row names: a transaction that was rolled back, on a full disk say, leaves
 * them, and their ids may be given again. */
#define NEXT_OBJECT_ROW "(SELECT coalesce(max(id), 0) + 1 FROM object)"
#define NEXT_MEMBER \
    "max((SELECT coalesce(max(id), 0) FROM member), (SELECT coalesce(max(id), 0) FROM tombstone)) + 1"

static const struct rule before_objects[] = {
    {"object", "its record lies at another place", false,
     "SELECT printf('object %d', id) FROM object WHERE NOT " HERE " AND " ELSEWHERE,
     "UPDATE object SET (pack, offset, length) = (SELECT pack, offset, length FROM temp.whole "
     "WHERE object = id ORDER BY pack DESC, offset DESC LIMIT 1) WHERE NOT " HERE " AND " ELSEWHERE},
    {"message", "its bytes are damaged or missing", true,
     "SELECT " MEMBER_WHERE " FROM member WHERE " NO_BYTES, "DELETE FROM member WHERE " NO_BYTES},
    {"tombstone", "the removed message's bytes are damaged or missing", false,
     "SELECT " MEMBER_WHERE " FROM tombstone WHERE " NO_BYTES, "DELETE FROM tombstone WHERE " NO_BYTES},
};

/* After missing object rows were made, and what no row names was salvaged or is truly dead. */
static const struct rule after_objects[] = {
    {"object", "no message names it", false,
     "SELECT printf('object %d', id) FROM object WHERE id NOT IN " NAMED,
     "DELETE FROM object WHERE id NOT IN " NAMED},
    {"object text", "it belongs to no object", false,
     "SELECT printf('object %d', object) FROM object_text WHERE object NOT IN (SELECT id FROM object)",
     "DELETE FROM object_text WHERE object NOT IN (SELECT id FROM object)"},
    {"message", "its size differs from its object's", false,
     "SELECT " MEMBER_WHERE " FROM member JOIN object ON object.id = member.object "
     "WHERE member.size <> object.size",
     "UPDATE member SET size = object.size FROM object WHERE object.id = member.object AND "
     "member.size <> object.size"},
    {"tombstone", "its size differs from its object's", false,
     "SELECT " MEMBER_WHERE " FROM tombstone JOIN object ON object.id = tombstone.object "
     "WHERE tombstone.size <> object.size",
     "UPDATE tombstone SET size = object.size FROM object WHERE object.id = tombstone.object AND "
     "tombstone.size <> object.size"},
    {"folder", "its parent is missing", false,
     "SELECT printf('folder %d', id) FROM folder WHERE parent <> 0 AND parent NOT IN (SELECT id FROM folder)",
     "UPDATE folder SET name = name || ' ' || id, parent = 0 WHERE parent <> 0 AND "
     "parent NOT IN (SELECT id FROM folder)"},
    {"annotation", "its folder is missing", false,
     "SELECT printf('folder %d, %s', folder, entry) FROM annotation WHERE folder <> 0 AND "
     "folder NOT IN (SELECT id FROM folder)",
     "DELETE FROM annotation WHERE folder <> 0 AND folder NOT IN (SELECT id FROM folder)"},
    {"folder's time", "its folder is missing", false,
     "SELECT printf('folder %d', folder) FROM folder_placed WHERE folder NOT IN (SELECT id FROM folder)",
     "DELETE FROM folder_placed WHERE folder NOT IN (SELECT id FROM folder)"},
    {"access key", "its folder is missing", false,
     "SELECT printf('folder %d', folder) FROM access_key WHERE folder NOT IN (SELECT id FROM folder)",
     "DELETE FROM access_key WHERE folder NOT IN (SELECT id FROM folder)"},
    {"script", "more than one is active", false,
     "SELECT name FROM script WHERE active <> 0 AND changed < (SELECT max(changed) FROM script WHERE active "
     "<> 0)",
     "UPDATE script SET active = 0 WHERE changed < (SELECT max(changed) FROM script WHERE active <> 0)"},
    {"share", "its folder is missing", false,
     "SELECT printf('folder %d grantee %s', folder, grantee) FROM share WHERE folder NOT IN "
     "(SELECT id FROM folder)",
     "DELETE FROM share WHERE folder NOT IN (SELECT id FROM folder)"},
    {"share", "it gives no right that there is", false,
     "SELECT printf('folder %d grantee %s', folder, grantee) FROM share WHERE " BAD_RIGHTS,
     "DELETE FROM share WHERE " BAD_RIGHTS},
    {"seen", "its folder is missing, or does not keep it apart", false,
     "SELECT printf('folder %d person %016llx', folder, person) FROM seen WHERE folder NOT IN "
     "(SELECT id FROM folder WHERE seen_apart)",
     "DELETE FROM seen WHERE folder NOT IN (SELECT id FROM folder WHERE seen_apart)"},
    {"UIDNEXT", "a message has this UID or a higher one", false,
     "SELECT printf('folder %d', id) FROM folder WHERE uidnext <= " LAST_UID " OR uidnext > 4294967295",
     "UPDATE folder SET uidnext = " LAST_UID " + 1 WHERE uidnext <= " LAST_UID " OR uidnext > 4294967295"},
    {"counter", "it differs from the rows", false,
     "SELECT printf('folder %d', id) FROM folder WHERE (messages, unseen, deleted, bytes, deleted_bytes, "
     "recent) IS NOT (" COUNTERS ")",
     "UPDATE folder SET (messages, unseen, deleted, bytes, deleted_bytes, recent) = (SELECT " COUNTERS ")"},
    {"counter", "it differs from the rows", false,
     "SELECT 'account' FROM meta WHERE (messages, bytes) IS NOT (SELECT count(*), coalesce(sum(size), 0) "
     "FROM member)",
     "UPDATE meta SET (messages, bytes) = (SELECT count(*), coalesce(sum(size), 0) FROM member)"},
    {"counter", "it differs from the rows", false,
     "SELECT 'deleted messages' FROM meta WHERE (deleted_messages, deleted_bytes) IS NOT (SELECT count(*), "
     "coalesce(sum(size), 0) FROM tombstone)",
     "UPDATE meta SET (deleted_messages, deleted_bytes) = (SELECT count(*), coalesce(sum(size), 0) "
     "FROM tombstone)"},
    {"change number", "a row has a higher one", false,
     "SELECT 'account' FROM meta WHERE change < " LAST_CHANGE,
     "UPDATE meta SET change = " LAST_CHANGE " WHERE change < " LAST_CHANGE},
    {"next id", "it is in use", false,
     "SELECT 'account' FROM meta WHERE next_folder < " NEXT_FOLDER " OR next_object < " NEXT_OBJECT_ROW
     " OR next_member < " NEXT_MEMBER,
     "UPDATE meta SET next_folder = max(next_folder, " NEXT_FOLDER
     "), next_object = max(next_object, " NEXT_OBJECT "), next_member = max(next_member, " NEXT_MEMBER ")"},
};

static enum err rule_run(struct check *check, const struct rule *rule, struct error *error)
{
    uint64_t before = check->result.findings;
    {
        CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
        enum err code = check_prepare(check, rule->find, &statement, error);
        bool row = false;
        while (code == ERR_OK && (code = check_step(check, statement, &row, error)) == ERR_OK && row)
            check_found(check, rule->what, (const char *)sqlite3_column_text(statement, 0), rule->problem,
                        rule->lost);
        if (code != ERR_OK)
            return code;
    }
    if (check->mode != CHECK_FIXES || check->result.findings == before)
        return ERR_OK;
    return check_exec(check, rule->fix, error);
}

/* --- folders that only their messages tell of --- */

/* The ids that an account's first opening gives: roles in the order of their table. */
static const char *const standard_names[] = {
#define X(name, word, attribute, text) text,
    FOLDER_ROLE_TABLE(X)
#undef X
};

/* The first number of a query with a number and a text as parameters; 0 when there is no row. */
static enum err number_get(struct check *check, const char *sql, int64_t number, const char *text,
                           int64_t *ret_number, struct error *error)
{
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err code = check_prepare(check, sql, &statement, error);
    if (code != ERR_OK)
        return code;
    if (sqlite3_bind_parameter_count(statement) > 0)
        sqlite3_bind_int64(statement, 1, number);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sqlite3_bind_text(statement, 2, text, -1, SQLITE_STATIC);
    code = check_step(check, statement, &row, error);
    if (code == ERR_OK)
        *ret_number = row ? sqlite3_column_int64(statement, 0) : 0;
    return code;
}

static enum err folder_insert(struct check *check, int64_t id, int64_t parent, const char *name, int64_t role,
                              struct error *error)
{
    static const char count[] = "UPDATE meta SET last_uidvalidity = max(last_uidvalidity + 1, unixepoch())";
    static const char insert[] =
        "INSERT INTO folder (id, parent, name, class, role, selectable, uidvalidity, uidnext, messages, "
        "unseen, "
        "deleted, bytes, deleted_bytes, recent, recent_from, changed) "
        "SELECT ?1, ?2, ?3, 0, ?4, 1, last_uidvalidity, 1, 0, 0, 0, 0, 0, 0, 1, change + 1 FROM meta";
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    bool row = false;
    enum err code = check_exec(check, count, error);
    if (code == ERR_OK)
        code = check_prepare(check, insert, &statement, error);
    if (code != ERR_OK)
        return code;
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, parent);
    sqlite3_bind_text(statement, 3, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 4, role);
    return check_step(check, statement, &row, error);
}

/* The folder "Recovered", made if need be with an id that nothing used. */
static enum err recovered_find(struct check *check, int64_t *ret_id, struct error *error)
{
    static const char unused[] =
        "SELECT max((SELECT coalesce(max(id), 0) FROM folder), (SELECT coalesce(max(key >> "
        "32), 0) FROM member), (SELECT next_folder - 1 FROM meta)) + 1";
    enum err code = number_get(check, "SELECT id FROM folder WHERE parent = ?1 AND name = ?2", 0, "Recovered",
                               ret_id, error);
    if (code != ERR_OK || *ret_id != 0)
        return code;
    code = number_get(check, unused, 0, NULL, ret_id, error);
    return code == ERR_OK ? folder_insert(check, *ret_id, 0, "Recovered", 0, error) : code;
}

/*
 * The name is lost, the id and the messages' UIDs are not. A standard folder is known by its id; any other
 * comes back below "Recovered".
 */
static enum err folder_revive(struct check *check, int64_t id, struct error *error)
{
    bool standard = id > ROLE_FOLDER_NONE && id < (int64_t)ARRAY_LEN(standard_names);
    int64_t taken = 0;
    if (standard) {
        enum err code = number_get(
            check, "SELECT count(*) FROM folder WHERE role = ?1 OR (parent = 0 AND name = ?2 COLLATE NOCASE)",
            id, standard_names[id], &taken, error);
        if (code != ERR_OK)
            return code;
    }
    if (standard && taken == 0)
        return folder_insert(check, id, 0, standard_names[id], id, error);
    int64_t parent = 0;
    char name[CHECK_TEXT_SIZE];
    snprintf(name, sizeof(name), "Folder %lld", (long long)id);
    enum err code = recovered_find(check, &parent, error);
    return code == ERR_OK ? folder_insert(check, id, parent, name, 0, error) : code;
}

/* An account that lost its database gets its standard folders back, empty or not. */
static enum err standard_revive(struct check *check, struct error *error)
{
    enum err code = ERR_OK;
    for (int64_t id = ROLE_FOLDER_INBOX; code == ERR_OK && id < (int64_t)ARRAY_LEN(standard_names); id++) {
        int64_t there = 0;
        code = number_get(check, "SELECT count(*) FROM folder WHERE id = ?1", id, NULL, &there, error);
        if (code == ERR_OK && there == 0)
            code = folder_revive(check, id, error);
    }
    static const char subscribe[] =
        "INSERT OR IGNORE INTO subscription (path) SELECT name FROM folder WHERE role <> 0 AND parent = 0";
    return code == ERR_OK ? check_exec(check, subscribe, error) : code;
}

static enum err folders_revive(struct check *check, struct error *error)
{
    static const char lost[] =
        "SELECT key >> 32 FROM member WHERE key >> 32 NOT IN (SELECT id FROM folder) AND "
        "key >> 32 > ?1 ORDER BY key LIMIT 1";
    int64_t id = 0;
    for (;;) {
        enum err code = number_get(check, lost, id, NULL, &id, error);
        if (code != ERR_OK || id == 0)
            return code;
        char where[CHECK_TEXT_SIZE];
        snprintf(where, sizeof(where), "folder %lld", (long long)id);
        check_found(check, "folder", where, "its name is lost, its messages are not", false);
        if (check->mode == CHECK_FIXES)
            code = folder_revive(check, id, error);
        if (code != ERR_OK)
            return code;
    }
}

/* --- all --- */

enum err check_rules(struct check *check, struct error *error)
{
    enum err code = ERR_OK;
    for (size_t i = 0; code == ERR_OK && i < ARRAY_LEN(before_objects); i++)
        code = rule_run(check, &before_objects[i], error);
    if (code == ERR_OK && check->mode == CHECK_FIXES && check->incomplete)
        code = check_salvage(check, error);
    if (code == ERR_OK)
        code = check_objects(check, error);
    if (code == ERR_OK)
        code = folders_revive(check, error);
    if (code == ERR_OK && check->mode == CHECK_FIXES && check->anew)
        code = standard_revive(check, error);
    for (size_t i = 0; code == ERR_OK && i < ARRAY_LEN(after_objects); i++)
        code = rule_run(check, &after_objects[i], error);
    return code == ERR_OK ? check_seen(check, error) : code;
}
