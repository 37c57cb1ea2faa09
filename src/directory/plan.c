#include "directory/inside.h"

enum err directory_plan(struct directory *directory, struct slice name, struct arena *arena,
                        struct plan *ret_plan, struct error *error)
{
    struct slice own = arena_dup(arena, name);
    if (own.p == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&directory->lock);
    sqlite3_stmt *row = NULL;
    bool found = false;
    enum err code = sql_start(directory, STATEMENT_PLAN_GET, PARAMETERS(TEXT(name)), &row, error);
    if (code == ERR_OK)
        code = sql_step(directory, row, &found, error);
    if (code == ERR_OK && found)
        *ret_plan = (struct plan){own, (unsigned)sql_number(row, 1), sql_number(row, 2)};
    sql_release(&row);
    pthread_mutex_unlock(&directory->lock);
    if (code == ERR_OK && !found)
        return fail_plain(error, ERR_NOT_FOUND, "there is no plan \"%.*s\"; there are: pop3, imap, exchange",
                          SLICE_ARGS(name));
    return code;
}
