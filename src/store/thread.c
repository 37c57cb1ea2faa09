#include "store/thread.h"

static enum err find(struct account *account, struct slice message_id, bool *ret_found, int64_t *ret_thread,
                     struct error *error)
{
    return DB_NUMBER(account, THREAD_FIND, ret_found, ret_thread, error, derived_id_hash(message_id));
}

/* The thread of the last id that is known. */
static enum err find_last(struct account *account, const struct slice *ids, size_t count, bool *ret_found,
                          int64_t *ret_thread, struct error *error)
{
    enum err err = ERR_OK;
    for (size_t i = count; err == ERR_OK && i > 0 && !*ret_found; i--)
        err = find(account, ids[i - 1], ret_found, ret_thread, error);
    return err;
}

static enum err remember(struct account *account, const struct slice *ids, size_t count, int64_t thread,
                         struct error *error)
{
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        err = DB_RUN(account, THREAD_INSERT, error, derived_id_hash(ids[i]), thread);
    return err;
}

enum err thread_assign(struct account *account, const struct mime_summary *summary, struct object_id object,
                       struct thread_id *ret_thread, struct error *error)
{
    bool found = false;
    int64_t thread = (int64_t)object.v;
    enum err err = find_last(account, summary->references, summary->references_count, &found, &thread, error);
    if (err == ERR_OK && !found)
        err = find_last(account, summary->in_reply_to, summary->in_reply_to_count, &found, &thread, error);
    bool has_id = summary->message_id.n > 0;
    if (err == ERR_OK && !found && has_id)
        err = find(account, summary->message_id, &found, &thread, error);
    if (err != ERR_OK)
        return err;
    if (!found)
        thread = (int64_t)object.v;
    if (has_id)
        err = remember(account, &summary->message_id, 1, thread, error);
    if (err == ERR_OK)
        err = remember(account, summary->references, summary->references_count, thread, error);
    if (err == ERR_OK)
        err = remember(account, summary->in_reply_to, summary->in_reply_to_count, thread, error);
    *ret_thread = (struct thread_id){(uint64_t)thread};
    return err;
}

enum err thread_forget(struct account *account, struct object_id object, struct error *error)
{
    int64_t thread = 0;
    int64_t hash = 0;
    bool row;
    {
        CLEANUP(db_reset) sqlite3_stmt *statement = NULL;
        enum err err = db_statement(account, STATEMENT_OBJECT_IDENTITY, &statement, error);
        if (err != ERR_OK)
            return err;
        sqlite3_bind_int64(statement, 1, (int64_t)object.v);
        err = db_step(account, statement, &row, error);
        if (err != ERR_OK)
            return err;
        if (row) {
            thread = sqlite3_column_int64(statement, 0);
            hash = derived_id_hash(db_column(statement, 1));
        }
    }
    return row ? DB_RUN(account, THREAD_DELETE, error, hash, thread) : ERR_OK;
}
