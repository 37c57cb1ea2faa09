/*
 * The loop's deadlines: a heap of timers behind one timerfd, cheap to move later.
 *
 * A parked connection usually parks again with a later deadline, so a timer's place in the heap is only a
 * lower bound: `heaped` <= `when`. Moving a deadline later, or calling it off, is one store; the heap
 * notices when the old time comes.
 *
 * Ownership: timers are embedded in the caller's slots, which are never freed while the heap lives.
 * Threads: any; one timer's deadlines_set calls must not overlap. A timer that was collected may have been
 * moved meanwhile: whoever acts on it asks timer_due again.
 */
#ifndef POSTHORN_RT_DEADLINES_H
#define POSTHORN_RT_DEADLINES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/error.h"

struct timer {
    _Atomic int64_t when;   /* monotonic us; 0: none */
    _Atomic int64_t heaped; /* where it stands in the heap; 0: not there. Written under the lock only */
    size_t index;           /* in the heap, under the lock */
};

struct deadlines {
    pthread_mutex_t lock;
    struct timer **heap;
    size_t count;
    size_t cap;
    int fd;        /* readable when the earliest is due */
    int64_t armed; /* what fd is set to; 0: unset */
};

enum err deadlines_init(struct deadlines *d, struct error *error) MUST_CHECK;
void deadlines_release(struct deadlines *d);
/* Room for this many timers in all, so that deadlines_set cannot fail. */
enum err deadlines_reserve(struct deadlines *d, size_t timers, struct error *error) MUST_CHECK;
void deadlines_set(struct deadlines *d, struct timer *t, int64_t when);
/* Takes up to max due timers out of the heap; fewer than max: there are no more. */
size_t deadlines_collect(struct deadlines *d, int64_t now, struct timer **ret_due, size_t max);

static inline bool timer_due(struct timer *t, int64_t now)
{
    int64_t when = atomic_load(&t->when);
    return when != 0 && when <= now;
}

#endif
