#include "queue/internal.h"

/* By the index of `next` alone; ids are the times of arrival (intake_next_id). */
static const char text[] =
    "SELECT CASE WHEN next = 9223372036854775807 THEN 2 WHEN next > 1 THEN 1 ELSE 0 END AS state,"
    " count(*), min(id) FROM entry GROUP BY state";

static enum err read_rows(sqlite3_stmt *statement, struct queue_figures *ret, struct error *error)
{
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        int state = sqlite3_column_int(statement, 0);
        ret->count[state] = (uint64_t)sqlite3_column_int64(statement, 1);
        ret->oldest_us[state] = sqlite3_column_int64(statement, 2);
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
