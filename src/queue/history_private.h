/*
 * The history's inside, private to the queue room.
 *
 * Locks, in this order: flush_lock, so that who has flushed finds all in the database; pending's, for the
 * records not yet written; database_lock. The last two are never held together.
 */
#ifndef POSTHORN_QUEUE_HISTORY_PRIVATE_H
#define POSTHORN_QUEUE_HISTORY_PRIVATE_H

#include <pthread.h>

#include "queue/entry.h"
#include "queue/history.h"
#include "store/volume.h"

#define HISTORY_PAUSE_US (200 * CLOCK_MS)
#define HISTORY_TRIM_US CLOCK_MINUTE

enum history_statement {
    HISTORY_PUT_MESSAGE,
    HISTORY_PUT_EVENT,
    HISTORY_MESSAGE,
    HISTORY_EVENTS,
    HISTORY_FIND,
    HISTORY_FIND_ID,
    HISTORY_FIND_ADDRESS,
    HISTORY_BOUND,
    HISTORY_TRIM_MESSAGES,
    HISTORY_TRIM_EVENTS,
    HISTORY_PAGES,
    HISTORY_BEGIN,
    HISTORY_COMMIT,
    HISTORY_STATEMENTS
};

struct history {
    struct {
        pthread_mutex_t lock;
        pthread_cond_t arrived;
        struct buf records;
        int64_t last_us; /* the last event's number: its time, or one more than the one before */
        uint64_t lost;   /* records for which there was no room */
        bool stopping;
    } pending;
    pthread_mutex_t flush_lock; /* who writes what is pending; before the others */
    pthread_mutex_t database_lock;
    struct database database;
    sqlite3_stmt *statements[HISTORY_STATEMENTS];
    pthread_t writer;
    bool writing; /* the thread runs */
};

/* history.c. A failure is logged: then there is no history (NULL). */
struct history *history_open(struct volume *volume);
void history_close(struct history *history);
/* The message is in the queue: its body may be in memory. history may be NULL. */
void history_accepted(struct history *history, const struct entry *entry, struct slice header,
                      const char *hostname);
/* at_us 0: now. */
void history_put(struct history *history, struct queue_id message, const struct history_event *event);
/* Writes what is pending. */
void history_flush(struct history *history);

/* history_database.c; all take database_lock. */
enum err history_database_open(struct volume *volume, struct history *history,
                               struct error *error) MUST_CHECK;
void history_database_close(struct history *history);
/* Records as history.c puts them. */
enum err history_database_write(struct history *history, struct slice records,
                                struct error *error) MUST_CHECK;
/* Removes at most HISTORY_TRIM messages from before that time, or of too many; *ret_more: there are more. */
enum err history_database_trim(struct history *history, int64_t before_us, uint64_t bytes_max, bool *ret_more,
                               struct error *error) MUST_CHECK;

#endif
