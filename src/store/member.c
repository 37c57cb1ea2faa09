#include "store/member.h"

#include "base/wire.h"

enum { MORE_WORDS = FLAG_BITS / 64 - 1 };

void flags_bind(sqlite3_stmt *statement, int at, const struct flagset *flags)
{
    sqlite3_bind_int64(statement, at, (int64_t)flags->words[0]);
    uint64_t any = 0;
    for (size_t i = 1; i <= MORE_WORDS; i++)
        any |= flags->words[i];
    if (any == 0) {
        sqlite3_bind_null(statement, at + 1);
        return;
    }
    CLEANUP(buf_release) struct buf more = BUF(MORE_WORDS * 8);
    for (size_t i = 1; i <= MORE_WORDS; i++)
        wire_put_u64(&more, flags->words[i]);
    if (buf_failed(&more)) /* SQLite then says NOMEM when the statement runs */
        sqlite3_bind_zeroblob64(statement, at + 1, UINT64_MAX);
    else
        sqlite3_bind_blob64(statement, at + 1, more.p, more.n, SQLITE_TRANSIENT);
}

struct flagset flags_column(sqlite3_stmt *statement, int at)
{
    struct flagset flags = {{(uint64_t)sqlite3_column_int64(statement, at)}};
    if (sqlite3_column_type(statement, at + 1) == SQLITE_NULL)
        return flags;
    struct wire_reader more = wire_reader_of(db_column(statement, at + 1));
    for (size_t i = 1; i <= MORE_WORDS; i++)
        flags.words[i] = wire_get_u64(&more);
    return flags;
}

uint64_t flag_mask(const struct flagset *flags)
{
    uint64_t more = 0;
    for (size_t i = 1; i <= MORE_WORDS; i++)
        more |= flags->words[i];
    return flags->words[0] | (more != 0 ? FLAG_MASK_MORE : 0);
}

enum err members_read(struct account *account, int64_t first, int64_t last,
                      struct member_row rows[static MEMBER_BATCH], size_t *ret_count, struct error *error)
{
    CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
    enum err err = db_statement(account, STATEMENT_MEMBER_LIST, &statement, error);
    if (err != ERR_OK)
        return err;
    sqlite3_bind_int64(statement, 1, first);
    sqlite3_bind_int64(statement, 2, last);
    sqlite3_bind_int64(statement, 3, MEMBER_BATCH);
    size_t count = 0;
    for (;;) {
        bool row;
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK)
            return err;
        if (!row)
            break;
        rows[count++] = (struct member_row){
            .key = sqlite3_column_int64(statement, 0),
            .flags = flags_column(statement, 1),
            .changed = (uint64_t)sqlite3_column_int64(statement, 3),
            .size = sqlite3_column_int64(statement, 4),
        };
    }
    *ret_count = count;
    return ERR_OK;
}

enum err members_each(struct account *account, struct folder_id folder, const struct uid_set *uids,
                      members_batch_fn *each, void *context, struct error *error)
{
    struct member_row rows[MEMBER_BATCH];
    for (size_t i = 0; i < uids->count; i++) {
        int64_t first = member_key(folder, uids->ranges[i].first);
        int64_t last = member_key(folder, uids->ranges[i].last);
        size_t count = MEMBER_BATCH;
        while (count == MEMBER_BATCH && first <= last) {
            enum err err = members_read(account, first, last, rows, &count, error);
            if (err == ERR_OK && count > 0)
                err = each(context, rows, count, error);
            if (err != ERR_OK)
                return err;
            if (count > 0)
                first = rows[count - 1].key + 1;
        }
    }
    return ERR_OK;
}
