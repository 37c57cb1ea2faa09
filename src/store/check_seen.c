/*
 * What people have seen (seen_row.h), which only this program can read: it is a set in a blob.
 */
#include "store/check_run.h"
#include "store/seen_row.h"

bool seen_count_members(sqlite3 *sqlite, int64_t folder, const struct uid_set *uids, int64_t *ret_count)
{
    sqlite3_stmt *statement = NULL;
    int64_t count = 0;
    bool fine = sqlite3_prepare_v2(sqlite, "SELECT count(*) FROM member WHERE key BETWEEN ?1 AND ?2", -1,
                                   &statement, NULL) == SQLITE_OK;
    for (size_t i = 0; fine && i < uids->count; i++) {
        sqlite3_bind_int64(statement, 1, folder << 32 | uids->ranges[i].first);
        sqlite3_bind_int64(statement, 2, folder << 32 | uids->ranges[i].last);
        fine = sqlite3_step(statement) == SQLITE_ROW;
        count += fine ? sqlite3_column_int64(statement, 0) : 0;
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    *ret_count = count;
    return fine;
}

/* What is wrong with a row, and what its set and count should be; NULL: nothing is. */
static enum err row_judge(struct check *check, sqlite3_stmt *row, struct uid_set *uids, int64_t *ret_count,
                          const char **ret_problem, struct error *error)
{
    const struct slice blob = {sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2)};
    uint32_t uidnext = (uint32_t)sqlite3_column_int64(row, 4);
    *ret_problem = NULL;
    if (!uid_set_decode(blob, uids))
        *ret_problem = "its set is damaged: the person sees what somebody new does";
    else if (uid_set_has(uids, 0) || (uids->count > 0 && uids->ranges[uids->count - 1].last >= uidnext))
        *ret_problem = "it tells of messages that are still to come";
    uid_set_remove(uids, uidnext, UINT32_MAX);
    uid_set_remove(uids, 0, 0);
    if (!seen_count_members(check->database.sqlite, sqlite3_column_int64(row, 0), uids, ret_count))
        return volume_database_fail(&check->database, "counting what is seen", error);
    if (*ret_problem == NULL && *ret_count != sqlite3_column_int64(row, 3))
        *ret_problem = "its count differs from the rows";
    return uids->failed ? fail_nomem(error) : ERR_OK;
}

/* A set that can't be read goes. */
static enum err row_fix(struct check *check, sqlite3_stmt *row, const struct uid_set *uids, int64_t count,
                        bool readable, struct error *error)
{
    static const char keep[] = "UPDATE seen SET uids = ?3, count = ?4 WHERE folder = ?1 AND person = ?2";
    static const char drop[] = "DELETE FROM seen WHERE folder = ?1 AND person = ?2";
    CLEANUP(check_finalize) sqlite3_stmt *statement = NULL;
    CLEANUP(buf_release) struct buf encoded = BUF(SIZE_MAX / 2);
    bool more;
    enum err code = check_prepare(check, readable ? keep : drop, &statement, error);
    if (code != ERR_OK)
        return code;
    uid_set_encode(uids, &encoded);
    if (buf_failed(&encoded))
        return fail_nomem(error);
    sqlite3_bind_int64(statement, 1, sqlite3_column_int64(row, 0));
    sqlite3_bind_int64(statement, 2, sqlite3_column_int64(row, 1));
    if (readable) {
        sqlite3_bind_blob64(statement, 3, encoded.n > 0 ? encoded.p : "", encoded.n, SQLITE_TRANSIENT);
        sqlite3_bind_int64(statement, 4, count);
    }
    return check_step(check, statement, &more, error);
}

static enum err row_check(struct check *check, sqlite3_stmt *row, struct error *error)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    char where[CHECK_TEXT_SIZE];
    const char *problem;
    int64_t count = 0;
    enum err code = row_judge(check, row, &uids, &count, &problem, error);
    if (code != ERR_OK || problem == NULL)
        return code;
    const struct slice blob = {sqlite3_column_blob(row, 2), (size_t)sqlite3_column_bytes(row, 2)};
    CLEANUP(uid_set_release) struct uid_set again = {0};
    bool readable = uid_set_decode(blob, &again);
    snprintf(where, sizeof(where), "folder %lld person %016llx", (long long)sqlite3_column_int64(row, 0),
             (unsigned long long)sqlite3_column_int64(row, 1));
    check_found(check, "seen", where, problem, false);
    return check->mode == CHECK_FIXES ? row_fix(check, row, &uids, count, readable, error) : ERR_OK;
}

enum err check_seen(struct check *check, struct error *error)
{
    static const char next[] =
        "SELECT folder, person, uids, count, uidnext FROM seen JOIN folder ON folder.id = folder "
        "WHERE (folder, person) > (?1, ?2) ORDER BY folder, person LIMIT 1";
    int64_t folder = 0;
    int64_t person = INT64_MAX;
    for (;;) {
        CLEANUP(check_finalize) sqlite3_stmt *row = NULL;
        bool found = false;
        enum err code = check_prepare(check, next, &row, error);
        if (code != ERR_OK)
            return code;
        sqlite3_bind_int64(row, 1, folder);
        sqlite3_bind_int64(row, 2, person);
        code = check_step(check, row, &found, error);
        if (code != ERR_OK || !found)
            return code;
        folder = sqlite3_column_int64(row, 0);
        person = sqlite3_column_int64(row, 1);
        code = row_check(check, row, error);
        if (code != ERR_OK)
            return code;
    }
}
