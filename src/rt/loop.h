/*
 * Worker threads and the parking lot.
 *
 * Every worker takes the next ready place from one epoll set (one-shot, no hand-over between threads).
 * A connection with nothing to say is *parked*: no thread, no stack, only a place in the lot. A place is
 * woken by its descriptor, by its deadline, by a notice from another thread, or by the loop's stop; then
 * exactly one worker runs its function, which ends by parking it again or by removing it.
 *
 *   RUNNING --loop_park--> PARKED --descriptor, deadline, notice, stop--> RUNNING --loop_remove--> gone
 *
 * Invariants: 1. A place is run by one worker at a time. 2. A notice given while RUNNING is delivered at the
 * next park, never lost. 3. A stale handle (its place is gone) is harmless everywhere. 4. A wake function
 * always leaves its place parked or removed.
 *
 * Ownership: the loop owns places, never descriptors or owners. Threads: every function here may be called
 * from any thread unless it says otherwise. Limits: LOOP_PLACES_MAX places; threads grow on demand from
 * threads_min to threads_max while all of them are busy, and shrink after a quiet minute. A thread that waits
 * for a peer (loop_wait_begin) has another one in its place meanwhile, for at most waiting_max of them.
 */
#ifndef POSTHORN_RT_LOOP_H
#define POSTHORN_RT_LOOP_H

#include "base/error.h"
#include "base/ids.h"

struct loop;

enum { LOOP_PLACES_MAX = 1000000 };

/* Why a place was woken; several may come at once. */
enum wake {
    WAKE_INPUT = 1,   /* readable, or the peer closed or failed */
    WAKE_OUTPUT = 2,  /* writable */
    WAKE_EXPIRED = 4, /* the deadline passed */
    WAKE_NOTICE = 8,  /* loop_notify */
    WAKE_STOP = 16,   /* loop_stop: say goodbye; comes once */
    WAKE_AGAIN = 32,  /* it parked with this interest: at once, after others had their turn */
};

/* A place in the lot: slot and generation. v 0: none. */
struct place {
    uint64_t v;
};

typedef void loop_wake_fn(struct loop *loop, struct place place, void *owner, unsigned wakes);

struct loop_options {
    const char *name; /* for thread names */
    unsigned threads_min;
    unsigned threads_max;
    unsigned waiting_max; /* 0: who waits for a peer counts as working */
    int64_t quiet_us;     /* a thread over the minimum ends after this long without work; 0: a minute */
};

enum err loop_create(const struct loop_options *options, struct loop **ret_loop,
                     struct error *error) MUST_CHECK;
/* Starts the threads; returns at once. */
enum err loop_start(struct loop *loop, struct error *error) MUST_CHECK;
/* Every place gets WAKE_STOP once (those that come later too). Returns at once. */
void loop_stop(struct loop *loop);
/* Waits until all places are gone or until the deadline (monotonic us). True: all gone. */
bool loop_drained(struct loop *loop, int64_t deadline_us);
/* Ends the threads (they finish the function they run) and frees the lot. */
void loop_destroy(struct loop *loop);

/* A place for fd (-1: a place that only deadlines and notices wake). It is RUNNING: park it next. */
enum err loop_add(struct loop *loop, int fd, loop_wake_fn *wake, void *owner, struct place *ret_place,
                  struct error *error) MUST_CHECK;
/*
 * Only by whoever runs the place. interest: WAKE_INPUT | WAKE_OUTPUT | WAKE_AGAIN or 0. deadline: monotonic
 * us, 0 for none. A wake for input or output may be stale (another wake came first and used it up): reads
 * and writes must not block. WAKE_EXPIRED never is.
 */
void loop_park(struct loop *loop, struct place place, unsigned interest, int64_t deadline_us);
/* Only by whoever runs the place: it is gone, its handle is stale. Close the descriptor after this, not
 * before. */
void loop_remove(struct loop *loop, struct place place);
/* The place exchanges its descriptor (only by whoever runs it). */
enum err loop_set_fd(struct loop *loop, struct place place, int fd, struct error *error) MUST_CHECK;
/* Wakes the place with WAKE_NOTICE soon. */
void loop_notify(struct loop *loop, struct place place);

/*
 * Around a wait inside a wake function for what only a peer can bring about: it is slow on purpose, perhaps,
 * and must not use up the threads. False: so many wait already that this one may not; no loop_wait_end then.
 */
bool loop_wait_begin(struct loop *loop) MUST_CHECK;
void loop_wait_end(struct loop *loop);

/* For tests: looks at the deadlines now, after clock_shift. */
void loop_clock_shifted(struct loop *loop);

/* Places in the lot, threads running, threads busy: for metrics. */
struct loop_figures {
    size_t places;
    unsigned threads;
    unsigned busy;
    unsigned waiting; /* of the busy ones */
};
struct loop_figures loop_figures(struct loop *loop);

#endif
