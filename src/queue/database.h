/*
 * What the files that ask queue.db share. The caller holds database_lock. Private to the queue room.
 */
#ifndef POSTHORN_QUEUE_DATABASE_H
#define POSTHORN_QUEUE_DATABASE_H

#include "queue/internal.h"

/* SQLite's last error. */
enum err database_fail(struct queue *queue, const char *doing, struct error *error);
/* Runs a statement that gives no rows; its bindings are gone then. */
enum err database_run(struct queue *queue, enum statement which, struct error *error) MUST_CHECK;
void database_bind_blob(sqlite3_stmt *statement, int at, struct slice s);
/* As they lie in the row: until the next step. */
struct slice database_column_blob(sqlite3_stmt *statement, int at);
/* Of the column `relay`. */
int64_t database_column_time(sqlite3_stmt *statement, int at);

#endif
