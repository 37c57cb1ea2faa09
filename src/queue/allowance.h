/*
 * How much an account may submit: messages and recipients, in an hour and in a day (the options
 * messages-per-hour ... recipients-per-day). What a stolen password can do is thereby bounded.
 *
 * Each of the four is a level that rises with what is submitted and sinks evenly, so that as much is free
 * again after the hour or the day; nothing is taken that would pass the limit. An account may thus submit its
 * limit at once, and goes on as the level sinks. Levels are in memory and in queue.db, written with the
 * message that raised them: they outlive a restart. Who passes a limit first in a day is told of: in the log,
 * and to the postmaster of his domain. Raising a limit, or 0 for none, holds at once.
 *
 * Errors: ERR_BUSY: a limit is reached; the client's text says it. Threads: any. Private to the queue room.
 */
#ifndef POSTHORN_QUEUE_ALLOWANCE_H
#define POSTHORN_QUEUE_ALLOWANCE_H

#include <pthread.h>

#include "base/map.h"
#include "queue/queue.h"

/* option, span, of recipients (or of messages) */
#define ALLOWANCE_TABLE(X)                   \
    X(MESSAGES_PER_HOUR, CLOCK_HOUR, false)  \
    X(MESSAGES_PER_DAY, CLOCK_DAY, false)    \
    X(RECIPIENTS_PER_HOUR, CLOCK_HOUR, true) \
    X(RECIPIENTS_PER_DAY, CLOCK_DAY, true)
enum allowance {
#define X(option, span, recipients) ALLOWANCE_##option,
    ALLOWANCE_TABLE(X)
#undef X
        ALLOWANCES
};

/* As a row of queue.db. */
struct submitted {
    struct account_id account;
    int64_t at_us; /* when the levels were so */
    double levels[ALLOWANCES];
    int64_t told_us; /* when it was last told that a limit is reached */
};
struct allowances {
    pthread_mutex_t lock;
    struct map all; /* account id -> struct submitted */
};

void allowance_init(struct queue *queue);
void allowance_teardown(struct queue *queue);
/* A row, at the start. */
enum err allowance_load(struct queue *queue, const struct submitted *row, struct error *error) MUST_CHECK;
/* May the account submit one more message with so many recipients? ret_row: counted, and to be written with
 * the message; NULL: only asked. */
enum err allowance_take(struct queue *queue, struct account_id account, size_t recipients,
                        struct submitted *ret_row, struct error *error) MUST_CHECK;

#endif
