/*
 * What waits in the relay, and whose turn it is: a lane for each destination.
 *
 *     item --> lane --> ready --> a thread serves it --> gone
 *                  \--> delayed (by a rate, a server that has connections enough) --> ready
 *
 * One lane takes nothing from the others: of threads and of room it has at most as much as is left for them;
 * what a slow one holds beyond that goes back to store (schedule_squeeze), for the time when its turn may be.
 *
 * Invariants, under the lock: 1. a lane is on the ready list only if it has an item for which one more
 * connection may be opened, and is not delayed; 2. one without items, threads and trouble is forgotten.
 * Ownership: a lane owns its items. Threads: all functions want the lock. Private to the send room.
 */
#ifndef POSTHORN_SEND_SCHEDULE_H
#define POSTHORN_SEND_SCHEDULE_H

#include <pthread.h>

#include "base/arena.h"
#include "base/map.h"
#include "send/terms.h"
#include "send/throttle.h"

enum {
    SCHEDULE_ANSWER_MAX = 500, /* bytes of a peer's words */
    SCHEDULE_TLS_MAX = 100,
    SCHEDULE_SLOW_SECONDS = 10, /* a lane that needs longer for what it holds gives way when room is short */
    SCHEDULE_SLOT_MAX_SECONDS = 3600,
};

/* What came at once; freed with its last item. */
struct load {
    struct arena arena;
    size_t left;
};
struct item {
    struct item *next;
    struct load *load;
    const struct outbound_parcel *parcel;
    int64_t back_until_us; /* wall; not 0: it goes back to store until then, untried */
};

struct lane {
    struct lane *next_ready, *next_delayed;
    bool ready, delayed;
    int64_t delayed_until_us; /* monotonic */
    char *key;                /* name, a line end, the addresses that it is sent from */
    struct slice name;        /* the domain, or the server that takes all */
    struct item *first, **last;
    size_t waiting;
    unsigned active;  /* threads */
    unsigned open;    /* of them with a session that has taken a message */
    unsigned keeping; /* of these without one to do */
    struct throttle throttle;
    uint32_t rate; /* of terms */
    pthread_cond_t arrived;
    int64_t each_us, event_us; /* how long a message takes, on average; when it last was known */
    int64_t slot_us;           /* wall: whose turn after what it holds comes then */
    uint64_t messages, connections;
    char answer[SCHEDULE_ANSWER_MAX + 1], tls[SCHEDULE_TLS_MAX + 1];
};

struct schedule {
    pthread_mutex_t lock;
    pthread_cond_t work;    /* a lane became ready, or the end */
    pthread_cond_t delayed; /* a lane became delayed, or the end */
    struct map lanes;       /* by key */
    struct map gates;       /* by pattern: how much goes to servers with a limit of their own */
    struct lane *first_ready, **last_ready;
    struct lane *first_delayed;
    struct lane *back; /* of what goes back to store */
    struct terms_table *terms;
    size_t parcels; /* held, and not yet told */
    unsigned serving, threads_max;
};

enum err schedule_init(struct schedule *schedule, unsigned threads_max, struct error *error) MUST_CHECK;
/* Nobody uses it; its items are their owners'. */
void schedule_release(struct schedule *schedule);
bool schedule_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t after_us);
void schedule_condition_init(pthread_cond_t *condition);
/* The lane of a parcel, made if need be; NULL: no memory. */
struct lane *schedule_lane(struct schedule *schedule, const struct outbound_parcel *parcel);
void schedule_put(struct schedule *schedule, struct lane *lane, struct item *item);
/* Back to where it was taken from. */
void schedule_put_first(struct schedule *schedule, struct lane *lane, struct item *item);
struct item *schedule_take(struct schedule *schedule, struct lane *lane);
void schedule_make_ready(struct schedule *schedule, struct lane *lane);
/* The first that is ready, no longer on the list; NULL: none is. */
struct lane *schedule_next(struct schedule *schedule);
void schedule_not_ready(struct schedule *schedule, struct lane *lane);
/* Nothing of it before that time. */
void schedule_delay(struct schedule *schedule, struct lane *lane, int64_t until_us);
/* Lanes whose time has come are ready; when the next one's comes, INT64_MAX: never. */
int64_t schedule_wake(struct schedule *schedule, int64_t now_us);
void schedule_forget_if_unused(struct schedule *schedule, struct lane *lane);
void schedule_each_lane(struct schedule *schedule, void (*fn)(void *context, struct lane *lane),
                        void *context);
/* One more item of the lane was done. */
void schedule_done(struct lane *lane, int64_t now_us);
/* Room is short: the lane that needs longest for what it holds gives half of it back, if it is slow. False:
 * none is. */
bool schedule_squeeze(struct schedule *schedule, int64_t now_us, int64_t wall_us);
/* The terms are others now. Takes the table. */
void schedule_set_terms(struct schedule *schedule, struct terms_table *terms);

/* One more connection to a server. False: it has as many as it may. */
bool schedule_enter(struct schedule *schedule, const struct terms *server) MUST_CHECK;
void schedule_leave(struct schedule *schedule, const struct terms *server);
/* One more message to it: when. */
int64_t schedule_turn(struct schedule *schedule, const struct terms *server, int64_t now_us);

#endif
