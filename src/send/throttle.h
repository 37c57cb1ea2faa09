/*
 * How many connections a destination bears at once, found out by trying: one at first, one more with each
 * message that it takes; half as many when it says that it is too much; when nobody is there, none for a
 * while.
 *
 * Invariants: 1. 1 <= limit <= max. 2. A destination that was pushed back grows slowly: below `threshold`
 * each success adds a connection, from there on `limit` of them do. Times are monotonic microseconds.
 * Threads: the caller's lock.
 */
#ifndef POSTHORN_SEND_THROTTLE_H
#define POSTHORN_SEND_THROTTLE_H

#include "queue/outbound.h"

enum {
    THROTTLE_BLOCK_SECONDS = 60, /* a destination in trouble is left alone; doubles */
    THROTTLE_BLOCK_MAX_SECONDS = 1800,
    THROTTLE_PATIENCE = 5, /* times in a row that it is too much, until that is trouble, too */
};

struct throttle {
    unsigned max; /* connections */
    unsigned limit, threshold;
    unsigned successes;       /* since limit last grew */
    unsigned pushes;          /* in a row */
    unsigned failures;        /* since the last success */
    int64_t blocked_until_us; /* 0: it is not in trouble */
    int64_t turn_us;          /* when one more message may begin, by its rate; 0: any time */
};
struct throttle throttle_new(unsigned max);
/* Another maximum. */
void throttle_set_max(struct throttle *throttle, unsigned max);
void throttle_success(struct throttle *throttle);
/* It is there, and says that it is too much for now. */
void throttle_pushed_back(struct throttle *throttle, int64_t now_us);
/* It takes no further connection beside `open` ones. */
void throttle_crowded(struct throttle *throttle, unsigned open);
/* Nobody was there. */
void throttle_unreachable(struct throttle *throttle, int64_t now_us);
/* Somebody wants it to be tried now. */
void throttle_unblock(struct throttle *throttle);
bool throttle_is_blocked(const struct throttle *throttle, int64_t now_us);
/* One message more, of so many a minute (0: any number): when it may begin, now or later. */
int64_t throttle_take_turn(int64_t *turn_us, uint32_t rate, int64_t now_us);

/* What a server's results say about the server rather than about the message. */
enum throttle_word { THROTTLE_TAKEN, THROTTLE_NEITHER, THROTTLE_TOO_MUCH };
enum throttle_word throttle_word_of(const struct outbound_result *results, size_t count);

#endif
