#include "store/away.h"

#include "base/utf8.h"
#include "store/work.h"

/* --- reading --- */

/* The account is locked. */
static enum err read_row(struct account *account, struct arena *arena, struct away *ret, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    bool row;
    enum err err = db_statement(account, STATEMENT_AWAY_READ, &statement, error);
    if (err == ERR_OK)
        err = db_step(account, statement, &row, error);
    if (err != ERR_OK)
        return err;
    *ret = (struct away){.subject = S(""), .text = S(""), .days = AWAY_DAYS};
    if (!row)
        return ERR_OK;
    *ret = (struct away){
        .on = sqlite3_column_int64(statement, 0) != 0,
        .from_us = sqlite3_column_int64(statement, 1),
        .until_us = sqlite3_column_int64(statement, 2),
        .subject = arena_dup(arena, db_column(statement, 3)),
        .text = arena_dup(arena, db_column(statement, 4)),
        .days = (uint32_t)sqlite3_column_int64(statement, 5),
        .since_us = sqlite3_column_int64(statement, 6),
    };
    return ret->subject.p == NULL || ret->text.p == NULL ? fail_nomem(error) : ERR_OK;
}

enum err away_get(struct account *account, struct arena *arena, struct away *ret, struct error *error)
{
    struct away away;
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    err = read_row(account, arena, &away, error);
    account_unlock(account);
    if (err == ERR_OK)
        *ret = away;
    return err;
}

/* --- writing --- */

static bool is_one_line(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < ' ' || text.p[i] == 127)
            return false;
    return true;
}

static enum err check(const struct away *away, struct error *error)
{
    if (away->on && slice_trim(away->text).n == 0)
        return fail_plain(error, ERR_INVALID, "A reply needs a text");
    if (away->text.n > AWAY_TEXT_MAX)
        return fail_plain(error, ERR_INVALID, "The text may have %d bytes", AWAY_TEXT_MAX);
    if (away->subject.n > AWAY_SUBJECT_MAX)
        return fail_plain(error, ERR_INVALID, "The subject may have %d bytes", AWAY_SUBJECT_MAX);
    if (!utf8_valid(away->text) || slice_find_char(away->text, 0) >= 0)
        return fail_plain(error, ERR_INVALID, "The text is not UTF-8");
    if (!utf8_valid(away->subject) || !is_one_line(away->subject))
        return fail_plain(error, ERR_INVALID, "The subject is not one line of UTF-8");
    if (away->days < 1 || away->days > AWAY_DAYS_MAX)
        return fail_plain(error, ERR_INVALID, "The days are 1 to %d", AWAY_DAYS_MAX);
    if (away->until_us != 0 && away->until_us <= away->from_us)
        return fail_plain(error, ERR_INVALID, "The absence ends before it begins");
    return ERR_OK;
}

static bool is_same(const struct away *a, const struct away *b)
{
    return a->on == b->on && a->from_us == b->from_us && a->until_us == b->until_us &&
           slice_eq(a->subject, b->subject) && slice_eq(a->text, b->text);
}

static enum err write_row(struct work *work, const struct away *away, int64_t since_us, struct error *error)
{
    sqlite3_stmt *statement;
    enum err err = db_statement(work->account, STATEMENT_AWAY_WRITE, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, away->on);
    sqlite3_bind_int64(statement, 2, away->from_us);
    sqlite3_bind_int64(statement, 3, away->until_us);
    db_bind_text(statement, 4, away->subject);
    db_bind_text(statement, 5, away->text);
    sqlite3_bind_int64(statement, 6, away->days);
    sqlite3_bind_int64(statement, 7, since_us);
    return db_finish(work->account, statement, error);
}

static enum err replace(struct account *account, const struct away *away, struct error *error)
{
    CLEANUP(work_end) struct work work = {0};
    CLEANUP(arena_release) struct arena arena = ARENA(2 * (AWAY_TEXT_MAX + AWAY_SUBJECT_MAX));
    struct away before;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = read_row(account, &arena, &before, error);
    if (err == ERR_OK)
        err = write_row(&work, away, is_same(&before, away) ? before.since_us : work.now_us, error);
    return err == ERR_OK ? work_commit(&work, error) : err;
}

enum err away_set(struct account *account, const struct away *away, struct error *error)
{
    enum err err = check(away, error);
    if (err == ERR_OK)
        err = replace(account, away, error);
    return err == ERR_OK ? account_sync(account, error) : err;
}
