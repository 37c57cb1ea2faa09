#include "queue/internal.h"

/*
 * The numbers are enum queue_figure's. By the indexes of `next` and `relay` alone; ids are the times of
 * arrival (intake_next_id). Who has recipients here and with others is counted in both.
 */
static const char text[] =
    "SELECT CASE WHEN next > 0 THEN 1 WHEN next < 0 THEN 4 ELSE 0 END AS state, count(*), min(id) FROM entry"
    " WHERE next < 9223372036854775807 GROUP BY state"
    " UNION ALL "
    "SELECT CASE WHEN relay = 9223372036854775806 THEN 3 WHEN relay > 0 THEN 1 ELSE 2 END AS state, "
    "count(*), min(id) FROM entry"
    " WHERE relay IS NOT NULL GROUP BY state";

static enum err read_rows(sqlite3_stmt *statement, struct queue_figures *ret, struct error *error)
{
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        int state = sqlite3_column_int(statement, 0);
        int64_t oldest = sqlite3_column_int64(statement, 2);
        ret->count[state] += (uint64_t)sqlite3_column_int64(statement, 1);
        if (ret->oldest_us[state] == 0 || oldest < ret->oldest_us[state])
            ret->oldest_us[state] = oldest;
    }
    return code == SQLITE_DONE ? ERR_OK
                               : fail(error, ERR_IO, NULL, "queue.db: counting: %s", sqlite3_errstr(code));
}

enum err queue_figures(struct queue *queue, struct queue_figures *ret_figures, struct error *error)
{
    sqlite3_stmt *statement = NULL;
    struct queue_figures figures = {{0}, {0}};
    pthread_mutex_lock(&queue->database_lock);
    int code = sqlite3_prepare_v2(queue->database.sqlite, text, -1, &statement, NULL);
    enum err err = code == SQLITE_OK
                       ? read_rows(statement, &figures, error)
                       : fail(error, ERR_IO, NULL, "queue.db: counting: %s", sqlite3_errstr(code));
    sqlite3_finalize(statement);
    pthread_mutex_unlock(&queue->database_lock);
    if (err == ERR_OK)
        *ret_figures = figures;
    return err;
}
