#include "rt/deadlines.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/must.h"

enum err deadlines_init(struct deadlines *d, struct error *error)
{
    *d = (struct deadlines){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
    if (d->fd < 0)
        return fail_errno(error, "timerfd_create");
    pthread_mutex_init(&d->lock, NULL);
    return ERR_OK;
}

void deadlines_release(struct deadlines *d)
{
    if (d->fd < 0)
        return;
    close(d->fd);
    d->fd = -1;
    pthread_mutex_destroy(&d->lock);
    free(d->heap);
}

enum err deadlines_reserve(struct deadlines *d, size_t timers, struct error *error)
{
    enum err result = ERR_OK;
    pthread_mutex_lock(&d->lock);
    if (timers > d->cap) {
        struct timer **heap = reallocarray(d->heap, timers, sizeof(struct timer *));
        if (heap != NULL) {
            d->heap = heap;
            d->cap = timers;
        } else {
            result = fail_nomem(error);
        }
    }
    pthread_mutex_unlock(&d->lock);
    return result;
}

static int64_t key(const struct deadlines *d, size_t i)
{
    return atomic_load_explicit(&d->heap[i]->heaped, memory_order_relaxed);
}

static void place_at(struct deadlines *d, size_t i, struct timer *t)
{
    d->heap[i] = t;
    t->index = i;
}

static void sift_up(struct deadlines *d, size_t i)
{
    struct timer *t = d->heap[i];
    int64_t mine = key(d, i);
    while (i > 0 && key(d, (i - 1) / 2) > mine) {
        place_at(d, i, d->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place_at(d, i, t);
}

static void sift_down(struct deadlines *d, size_t i)
{
    struct timer *t = d->heap[i];
    int64_t mine = key(d, i);
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= d->count)
            break;
        if (child + 1 < d->count && key(d, child + 1) < key(d, child))
            child++;
        if (key(d, child) >= mine)
            break;
        place_at(d, i, d->heap[child]);
        i = child;
    }
    place_at(d, i, t);
}

static void insert(struct deadlines *d, struct timer *t, int64_t when)
{
    must(d->count < d->cap);
    atomic_store(&t->heaped, when);
    d->heap[d->count] = t;
    sift_up(d, d->count++);
}

static struct timer *pop(struct deadlines *d)
{
    struct timer *t = d->heap[0];
    d->count--;
    if (d->count > 0) {
        d->heap[0] = d->heap[d->count];
        sift_down(d, 0);
    }
    return t;
}

/* Sets the timerfd when the earliest comes before what it is set to. Relative, since our clock may be
 * shifted. */
static void arm(struct deadlines *d)
{
    if (d->count == 0 || (d->armed != 0 && d->armed <= key(d, 0)))
        return;
    d->armed = key(d, 0);
    int64_t wait = d->armed - clock_mono_us();
    wait = MAX(wait, 1); /* 0 would disarm it */
    struct itimerspec spec = {
        .it_value = {.tv_sec = wait / CLOCK_SECOND, .tv_nsec = wait % CLOCK_SECOND * 1000}};
    must(timerfd_settime(d->fd, 0, &spec, NULL) == 0);
}

void deadlines_set(struct deadlines *d, struct timer *t, int64_t when)
{
    /* This store and the load below pair with the store and load in deadlines_collect: at least one side
     * sees the other, so that no deadline is lost between them. */
    atomic_store(&t->when, when);
    if (when == 0)
        return;
    int64_t heaped = atomic_load(&t->heaped);
    if (heaped != 0 && heaped <= when)
        return;
    pthread_mutex_lock(&d->lock);
    heaped = atomic_load(&t->heaped);
    if (heaped == 0) {
        insert(d, t, when);
    } else if (heaped > when) {
        atomic_store(&t->heaped, when);
        sift_up(d, t->index);
    }
    arm(d);
    pthread_mutex_unlock(&d->lock);
}

size_t deadlines_collect(struct deadlines *d, int64_t now, struct timer **ret_due, size_t max)
{
    size_t n = 0;
    pthread_mutex_lock(&d->lock);
    while (n < max && d->count > 0 && key(d, 0) <= now) {
        struct timer *t = pop(d);
        atomic_store(&t->heaped, 0);
        int64_t when = atomic_load(&t->when);
        if (when > now)
            insert(d, t, when);
        else if (when != 0)
            ret_due[n++] = t;
    }
    d->armed = 0;
    arm(d);
    pthread_mutex_unlock(&d->lock);
    return n;
}
