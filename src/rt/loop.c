/*
 * How a place's state word makes lost and doubled wakes impossible.
 *
 *   generation (32 bits) | told to stop (1) | pending wakes (6) | interest (2) | phase (2)
 *
 * Every change is one compare-and-swap of the whole word:
 * - A wake adds its bit to the pending ones. If the phase was PARKED it becomes READY, and whoever made that
 *   change (nobody else) has the duty to run the place or to put it into the ready queue.
 * - Running takes all pending bits: READY -> RUNNING.
 * - Parking first stores interest and deadline and arms epoll, then goes RUNNING -> PARKED, or straight to
 *   READY when a bit came meanwhile. After that swap the place is no longer touched.
 * - Removing raises the generation, so that what epoll or a notifier still holds matches nothing.
 * Slots live until the loop is destroyed, so looking at a stale one is always safe.
 */
#include "rt/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "rt/deadlines.h"

enum {
    SLOTS_PER_CHUNK = 1024,
    CHUNKS_MAX = (LOOP_PLACES_MAX + SLOTS_PER_CHUNK - 1) / SLOTS_PER_CHUNK,
    EXPIRE_BATCH = 64,
    STACK_BYTES = 512 * 1024,
};

enum phase { PHASE_FREE, PHASE_RUNNING, PHASE_PARKED, PHASE_READY };

#define PHASE_MASK UINT64_C(3)
#define INTEREST_SHIFT 2
#define INTEREST_MASK (UINT64_C(3) << INTEREST_SHIFT)
#define PENDING_SHIFT 4
#define PENDING_MASK (UINT64_C(63) << PENDING_SHIFT)
#define TOLD_STOP (UINT64_C(1) << 10)
#define GENERATION_SHIFT 32

/* epoll's data for the loop's own descriptors; those of places have a generation and are larger. */
enum { EVENT_SIGNAL = 1, EVENT_TIMER = 2 };

struct slot {
    _Atomic uint64_t state;
    struct timer timer;
    loop_wake_fn *wake;
    void *owner;
    bool *settled;     /* where its runner learns that it was parked or removed; NULL: nobody asks */
    struct slot *next; /* in the free list or in the ready queue */
    uint32_t index;
    int fd;
};

enum thread_state { THREAD_NONE, THREAD_RUNS, THREAD_ENDED };

struct worker_thread {
    struct loop *loop;
    pthread_t id;
    enum thread_state state;
};

struct loop {
    struct loop_options options;
    char name[10];
    int epoll_fd;
    int signal_fd;
    _Atomic bool signalled;
    _Atomic bool stopping;
    _Atomic bool ending;
    struct deadlines deadlines;

    pthread_mutex_t ready_lock;
    struct slot *ready_head;
    struct slot *ready_tail;
    _Atomic size_t ready_count;

    pthread_mutex_t lot_lock; /* free list, chunks, drained */
    pthread_cond_t drained;
    struct slot *free;
    _Atomic(struct slot *) chunks[CHUNKS_MAX];
    _Atomic size_t slots; /* in all chunks */
    _Atomic size_t places;

    pthread_mutex_t thread_lock;
    struct worker_thread *threads; /* table_size() of them */
    _Atomic unsigned thread_count;
    _Atomic unsigned busy;
    _Atomic unsigned waiting;
};

static uint64_t with_phase(uint64_t state, enum phase phase)
{
    return (state & ~PHASE_MASK) | phase;
}

static enum phase phase_of(uint64_t state)
{
    return (enum phase)(state & PHASE_MASK);
}

static unsigned pending_of(uint64_t state)
{
    return (unsigned)((state & PENDING_MASK) >> PENDING_SHIFT);
}

static unsigned interest_of(uint64_t state)
{
    return (unsigned)((state & INTEREST_MASK) >> INTEREST_SHIFT);
}

static struct slot *slot_at(struct loop *loop, size_t index)
{
    return &atomic_load(&loop->chunks[index / SLOTS_PER_CHUNK])[index % SLOTS_PER_CHUNK];
}

static struct slot *slot_of(struct loop *loop, struct place place)
{
    uint32_t index = (uint32_t)place.v;
    must(index < atomic_load(&loop->slots));
    return slot_at(loop, index);
}

static struct place place_of(const struct slot *slot, uint64_t state)
{
    return (struct place){(state >> GENERATION_SHIFT << GENERATION_SHIFT) | slot->index};
}

static bool same_place(uint64_t state, struct place place)
{
    return state >> GENERATION_SHIFT == place.v >> GENERATION_SHIFT && phase_of(state) != PHASE_FREE;
}

/* Wakes a thread that waits. One signal is under way at a time; who gets it looks at queue and deadlines. */
static void signal_workers(struct loop *loop)
{
    if (!atomic_exchange(&loop->signalled, true))
        eventfd_write(loop->signal_fd, 1);
}

static void ready_push(struct loop *loop, struct slot *slot)
{
    pthread_mutex_lock(&loop->ready_lock);
    slot->next = NULL;
    if (loop->ready_tail != NULL)
        loop->ready_tail->next = slot;
    else
        loop->ready_head = slot;
    loop->ready_tail = slot;
    atomic_fetch_add(&loop->ready_count, 1);
    pthread_mutex_unlock(&loop->ready_lock);
    signal_workers(loop);
}

static struct slot *ready_pop(struct loop *loop)
{
    if (atomic_load(&loop->ready_count) == 0)
        return NULL;
    pthread_mutex_lock(&loop->ready_lock);
    struct slot *slot = loop->ready_head;
    bool more = false;
    if (slot != NULL) {
        loop->ready_head = slot->next;
        if (loop->ready_head == NULL)
            loop->ready_tail = NULL;
        more = atomic_fetch_sub(&loop->ready_count, 1) > 1;
    }
    pthread_mutex_unlock(&loop->ready_lock);
    if (more)
        signal_workers(loop);
    return slot;
}

/*
 * Adds wakes to a place. place.v 0: whatever lives in the slot. True: it was parked, and the caller must now
 * run it or queue it.
 */
static bool add_wakes(struct slot *slot, struct place place, unsigned wakes)
{
    uint64_t old = atomic_load(&slot->state);
    for (;;) {
        if (phase_of(old) == PHASE_FREE || (place.v != 0 && !same_place(old, place)))
            return false;
        unsigned add = wakes & ~(unsigned)(WAKE_INPUT | WAKE_OUTPUT);
        add |= wakes & interest_of(old);
        if ((old & TOLD_STOP) != 0)
            add &= ~(unsigned)WAKE_STOP;
        if (add == 0)
            return false;
        uint64_t new = old | (uint64_t)add << PENDING_SHIFT;
        if ((add & WAKE_STOP) != 0)
            new |= TOLD_STOP;
        if (phase_of(old) == PHASE_PARKED)
            new = with_phase(new, PHASE_READY);
        if (atomic_compare_exchange_weak(&slot->state, &old, new))
            return phase_of(old) == PHASE_PARKED;
    }
}

static void spawn_if_all_busy(struct loop *loop);

static void run(struct loop *loop, struct slot *slot)
{
    uint64_t old = atomic_load(&slot->state);
    while (!atomic_compare_exchange_weak(&slot->state, &old, with_phase(old & ~PENDING_MASK, PHASE_RUNNING)))
        ;
    must(phase_of(old) == PHASE_READY);
    unsigned wakes = pending_of(old);
    struct place place = place_of(slot, old);
    /* The deadline may have been moved after the heap gave it out. */
    if ((wakes & WAKE_EXPIRED) != 0 && !timer_due(&slot->timer, clock_mono_us()))
        wakes &= ~(unsigned)WAKE_EXPIRED;
    if (wakes == 0) {
        loop_park(loop, place, interest_of(old), atomic_load(&slot->timer.when));
        return;
    }
    atomic_fetch_add(&loop->busy, 1);
    spawn_if_all_busy(loop);
    bool done = false;
    slot->settled = &done;
    slot->wake(loop, place, slot->owner, wakes);
    must(done);
    atomic_fetch_sub(&loop->busy, 1);
}

static void expire(struct loop *loop)
{
    struct timer *due[EXPIRE_BATCH];
    size_t n;
    do {
        n = deadlines_collect(&loop->deadlines, clock_mono_us(), due, EXPIRE_BATCH);
        for (size_t i = 0; i < n; i++) {
            struct slot *slot = container_of(due[i], struct slot, timer);
            if (add_wakes(slot, (struct place){0}, WAKE_EXPIRED))
                ready_push(loop, slot);
        }
    } while (n == EXPIRE_BATCH);
}

static void take_event(struct loop *loop, const struct epoll_event *event)
{
    if (event->data.u64 == EVENT_SIGNAL) {
        atomic_store(&loop->signalled, false);
        expire(loop);
        return;
    }
    if (event->data.u64 == EVENT_TIMER) {
        uint64_t ticks;
        ssize_t n = read(loop->deadlines.fd, &ticks, sizeof(ticks));
        must(n > 0 || errno == EAGAIN);
        expire(loop);
        return;
    }
    unsigned wakes = 0;
    if ((event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        wakes |= WAKE_INPUT;
    if ((event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
        wakes |= WAKE_OUTPUT;
    struct place place = {event->data.u64};
    struct slot *slot = slot_of(loop, place);
    if (add_wakes(slot, place, wakes))
        run(loop, slot);
}

/* A thread over the minimum ends after a quiet time. */
static bool retire(struct worker_thread *thread)
{
    struct loop *loop = thread->loop;
    pthread_mutex_lock(&loop->thread_lock);
    bool ends = atomic_load(&loop->thread_count) > loop->options.threads_min;
    if (ends) {
        atomic_fetch_sub(&loop->thread_count, 1);
        thread->state = THREAD_ENDED;
    }
    pthread_mutex_unlock(&loop->thread_lock);
    return ends;
}

/* By the thread itself: to name another one glibc writes to /proc, which ends a sandboxed process. */
static void name_thread(const struct worker_thread *thread)
{
    char name[16];
    const struct loop *loop = thread->loop;
    snprintf(name, sizeof(name), "%s-%u", loop->name, (unsigned)(thread - loop->threads) % 10000);
    pthread_setname_np(pthread_self(), name);
}

static void *worker_main(void *argument)
{
    struct worker_thread *thread = argument;
    struct loop *loop = thread->loop;
    name_thread(thread);
    while (!atomic_load(&loop->ending)) {
        bool more = atomic_load(&loop->ready_count) > 0;
        bool spare = atomic_load(&loop->thread_count) > loop->options.threads_min;
        int timeout = more ? 0 : spare ? (int)(loop->options.quiet_us / CLOCK_MS) : -1;
        struct epoll_event event;
        int n = epoll_wait(loop->epoll_fd, &event, 1, timeout);
        must(n >= 0 || errno == EINTR);
        if (atomic_load(&loop->ending))
            break;
        if (n == 1)
            take_event(loop, &event);
        else if (n == 0 && !more && retire(thread))
            return NULL;
        struct slot *slot = ready_pop(loop);
        if (slot != NULL)
            run(loop, slot);
    }
    /* Pass it on to the next one that waits. */
    eventfd_write(loop->signal_fd, 1);
    return NULL;
}

static unsigned table_size(const struct loop *loop)
{
    return loop->options.threads_max + loop->options.waiting_max;
}

/* With thread_lock held. */
static enum err spawn(struct loop *loop, struct error *error)
{
    struct worker_thread *thread = loop->threads;
    while (thread->state == THREAD_RUNS)
        thread++;
    must(thread < loop->threads + table_size(loop));
    if (thread->state == THREAD_ENDED)
        pthread_join(thread->id, NULL);
    thread->state = THREAD_NONE;
    thread->loop = loop;

    pthread_attr_t attributes;
    sigset_t signals;
    sigfillset(&signals);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setsigmask_np(&attributes, &signals);
    int result = pthread_create(&thread->id, &attributes, worker_main, thread);
    pthread_attr_destroy(&attributes);
    if (result != 0) {
        errno = result;
        return fail_errno(error, "pthread_create");
    }
    thread->state = THREAD_RUNS;
    atomic_fetch_add(&loop->thread_count, 1);
    return ERR_OK;
}

static unsigned threads_allowed(struct loop *loop)
{
    return loop->options.threads_max + atomic_load(&loop->waiting);
}

/* One thread always waits for events, up to the maximum, so that a blocking session holds up nobody. */
static void spawn_if_all_busy(struct loop *loop)
{
    if (atomic_load(&loop->busy) < atomic_load(&loop->thread_count) ||
        atomic_load(&loop->thread_count) >= threads_allowed(loop))
        return;
    pthread_mutex_lock(&loop->thread_lock);
    unsigned count = atomic_load(&loop->thread_count);
    struct error error;
    /* With no memory for one more thread, those that run go on. */
    if (atomic_load(&loop->busy) >= count && count < threads_allowed(loop) && !atomic_load(&loop->ending))
        (void)!spawn(loop, &error);
    pthread_mutex_unlock(&loop->thread_lock);
}

static enum err watch_own(struct loop *loop, int fd, uint64_t data, struct error *error)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = data};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return fail_errno(error, "epoll_ctl");
    return ERR_OK;
}

static void init_locks(struct loop *loop)
{
    pthread_mutex_init(&loop->ready_lock, NULL);
    pthread_mutex_init(&loop->lot_lock, NULL);
    pthread_mutex_init(&loop->thread_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&loop->drained, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum err loop_create(const struct loop_options *options, struct loop **ret_loop, struct error *error)
{
    must(options->threads_min >= 1 && options->threads_max >= options->threads_min);
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return fail_nomem(error);
    loop->options = *options;
    /* A peer that goes away while something is written must not end the process. */
    signal(SIGPIPE, SIG_IGN);
    if (loop->options.quiet_us == 0)
        loop->options.quiet_us = CLOCK_MINUTE;
    snprintf(loop->name, sizeof(loop->name), "%s", options->name);
    init_locks(loop);
    loop->deadlines.fd = -1;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->signal_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->threads = calloc(table_size(loop), sizeof(*loop->threads));
    enum err result;
    if (loop->epoll_fd < 0 || loop->signal_fd < 0)
        result = fail_errno(error, "epoll_create or eventfd");
    else if (loop->threads == NULL)
        result = fail_nomem(error);
    else
        result = deadlines_init(&loop->deadlines, error);
    if (result == ERR_OK)
        result = watch_own(loop, loop->signal_fd, EVENT_SIGNAL, error);
    if (result == ERR_OK)
        result = watch_own(loop, loop->deadlines.fd, EVENT_TIMER, error);
    if (result != ERR_OK) {
        loop_destroy(loop);
        return result;
    }
    *ret_loop = loop;
    return ERR_OK;
}

enum err loop_start(struct loop *loop, struct error *error)
{
    enum err result = ERR_OK;
    pthread_mutex_lock(&loop->thread_lock);
    for (unsigned i = 0; i < loop->options.threads_min && result == ERR_OK; i++)
        result = spawn(loop, error);
    pthread_mutex_unlock(&loop->thread_lock);
    return result;
}

void loop_destroy(struct loop *loop)
{
    if (loop == NULL)
        return;
    pthread_mutex_lock(&loop->thread_lock);
    atomic_store(&loop->ending, true);
    pthread_mutex_unlock(&loop->thread_lock);
    if (loop->signal_fd >= 0)
        eventfd_write(loop->signal_fd, 1);
    /* No thread is made any more, so the table stands still but for threads that retire. */
    for (unsigned i = 0; loop->threads != NULL && i < table_size(loop); i++) {
        pthread_mutex_lock(&loop->thread_lock);
        bool made = loop->threads[i].state != THREAD_NONE;
        pthread_mutex_unlock(&loop->thread_lock);
        if (made)
            pthread_join(loop->threads[i].id, NULL);
    }
    deadlines_release(&loop->deadlines);
    for (size_t i = 0; i < CHUNKS_MAX; i++)
        free(atomic_load(&loop->chunks[i]));
    fd_close(&loop->epoll_fd);
    fd_close(&loop->signal_fd);
    pthread_mutex_destroy(&loop->ready_lock);
    pthread_mutex_destroy(&loop->lot_lock);
    pthread_mutex_destroy(&loop->thread_lock);
    pthread_cond_destroy(&loop->drained);
    free(loop->threads);
    free(loop);
}

void loop_stop(struct loop *loop)
{
    /* loop_add publishes its place and then looks at this; we set it and then look at the places. */
    atomic_store(&loop->stopping, true);
    size_t slots = atomic_load(&loop->slots);
    for (size_t i = 0; i < slots; i++) {
        struct slot *slot = slot_at(loop, i);
        if (add_wakes(slot, (struct place){0}, WAKE_STOP))
            ready_push(loop, slot);
    }
}

bool loop_drained(struct loop *loop, int64_t deadline_us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t wait = deadline_us - clock_mono_us();
    wait = MAX(wait, 0) + until.tv_nsec / 1000;
    until.tv_sec += wait / CLOCK_SECOND;
    until.tv_nsec = wait % CLOCK_SECOND * 1000;
    pthread_mutex_lock(&loop->lot_lock);
    while (atomic_load(&loop->places) > 0)
        if (pthread_cond_timedwait(&loop->drained, &loop->lot_lock, &until) == ETIMEDOUT)
            break;
    bool all_gone = atomic_load(&loop->places) == 0;
    pthread_mutex_unlock(&loop->lot_lock);
    return all_gone;
}

/* With lot_lock held: one more chunk of free slots. */
static enum err add_chunk(struct loop *loop, struct error *error)
{
    size_t slots = atomic_load(&loop->slots);
    if (slots / SLOTS_PER_CHUNK == CHUNKS_MAX)
        return fail(error, ERR_LIMIT, NULL, "%d places in the loop", LOOP_PLACES_MAX);
    enum err result = deadlines_reserve(&loop->deadlines, slots + SLOTS_PER_CHUNK, error);
    if (result != ERR_OK)
        return result;
    struct slot *chunk = calloc(SLOTS_PER_CHUNK, sizeof(*chunk));
    if (chunk == NULL)
        return fail_nomem(error);
    for (size_t i = SLOTS_PER_CHUNK; i-- > 0;) {
        atomic_init(&chunk[i].state, UINT64_C(1) << GENERATION_SHIFT);
        chunk[i].index = (uint32_t)(slots + i);
        chunk[i].next = loop->free;
        loop->free = &chunk[i];
    }
    atomic_store(&loop->chunks[slots / SLOTS_PER_CHUNK], chunk);
    atomic_store(&loop->slots, slots + SLOTS_PER_CHUNK);
    return ERR_OK;
}

static enum err slot_take(struct loop *loop, struct slot **ret_slot, struct error *error)
{
    pthread_mutex_lock(&loop->lot_lock);
    enum err result = loop->free != NULL ? ERR_OK : add_chunk(loop, error);
    if (result == ERR_OK) {
        *ret_slot = loop->free;
        loop->free = loop->free->next;
        atomic_fetch_add(&loop->places, 1);
    }
    pthread_mutex_unlock(&loop->lot_lock);
    return result;
}

static void slot_give_back(struct loop *loop, struct slot *slot)
{
    uint64_t old = atomic_load(&slot->state);
    uint64_t generation = (old >> GENERATION_SHIFT) + 1;
    if (generation >> 32 != 0)
        generation = 1;
    deadlines_set(&loop->deadlines, &slot->timer, 0);
    /* Bits that come in between belong to the place that goes, and go with it. */
    atomic_store(&slot->state, generation << GENERATION_SHIFT | PHASE_FREE);
    pthread_mutex_lock(&loop->lot_lock);
    slot->next = loop->free;
    loop->free = slot;
    if (atomic_fetch_sub(&loop->places, 1) == 1)
        pthread_cond_broadcast(&loop->drained);
    pthread_mutex_unlock(&loop->lot_lock);
}

static enum err watch(struct loop *loop, int operation, int fd, struct place place, struct error *error)
{
    struct epoll_event event = {.events = EPOLLONESHOT, .data.u64 = place.v};
    if (fd >= 0 && epoll_ctl(loop->epoll_fd, operation, fd, &event) != 0)
        return fail_errno(error, "epoll_ctl");
    return ERR_OK;
}

enum err loop_add(struct loop *loop, int fd, loop_wake_fn *wake, void *owner, struct place *ret_place,
                  struct error *error)
{
    struct slot *slot;
    enum err result = slot_take(loop, &slot, error);
    if (result != ERR_OK)
        return result;
    slot->fd = fd;
    slot->wake = wake;
    slot->owner = owner;
    uint64_t state = with_phase(atomic_load(&slot->state), PHASE_RUNNING);
    struct place place = place_of(slot, state);
    atomic_store(&slot->state, state);
    result = watch(loop, EPOLL_CTL_ADD, fd, place, error);
    if (result != ERR_OK) {
        slot_give_back(loop, slot);
        return result;
    }
    if (atomic_load(&loop->stopping))
        (void)add_wakes(slot, place, WAKE_STOP);
    *ret_place = place;
    return ERR_OK;
}

static struct slot *running_slot(struct loop *loop, struct place place)
{
    struct slot *slot = slot_of(loop, place);
    uint64_t state = atomic_load(&slot->state);
    must(same_place(state, place) && phase_of(state) == PHASE_RUNNING);
    return slot;
}

/* Its runner has done its duty (invariant 4). */
static void settle(struct slot *slot)
{
    if (slot->settled != NULL)
        *slot->settled = true;
    slot->settled = NULL;
}

void loop_park(struct loop *loop, struct place place, unsigned interest, int64_t deadline_us)
{
    struct slot *slot = running_slot(loop, place);
    settle(slot);
    uint64_t watched = interest & (WAKE_INPUT | WAKE_OUTPUT);
    uint64_t gone = INTEREST_MASK | (uint64_t)(WAKE_INPUT | WAKE_OUTPUT | WAKE_EXPIRED) << PENDING_SHIFT;
    uint64_t added = watched << INTEREST_SHIFT | (uint64_t)(interest & WAKE_AGAIN) << PENDING_SHIFT;
    uint64_t old = atomic_load(&slot->state);
    while (!atomic_compare_exchange_weak(&slot->state, &old, (old & ~gone) | added))
        ;
    old = (old & ~gone) | added;
    /* After an old WAKE_EXPIRED was taken back, so that a new one stays. */
    deadlines_set(&loop->deadlines, &slot->timer, deadline_us);
    if (pending_of(old) == 0 && slot->fd >= 0) {
        struct epoll_event event = {.events = EPOLLONESHOT, .data.u64 = place.v};
        event.events |= (watched & WAKE_INPUT) != 0 ? EPOLLIN | EPOLLRDHUP : 0;
        event.events |= (watched & WAKE_OUTPUT) != 0 ? EPOLLOUT : 0;
        must(epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, slot->fd, &event) == 0);
    }
    enum phase phase;
    do {
        phase = pending_of(old) != 0 ? PHASE_READY : PHASE_PARKED;
    } while (!atomic_compare_exchange_weak(&slot->state, &old, with_phase(old, phase)));
    if (phase == PHASE_READY)
        ready_push(loop, slot);
}

void loop_remove(struct loop *loop, struct place place)
{
    struct slot *slot = running_slot(loop, place);
    settle(slot);
    struct error error;
    if (slot->fd >= 0)
        must(watch(loop, EPOLL_CTL_DEL, slot->fd, place, &error) == ERR_OK);
    slot_give_back(loop, slot);
}

enum err loop_set_fd(struct loop *loop, struct place place, int fd, struct error *error)
{
    struct slot *slot = running_slot(loop, place);
    enum err result = watch(loop, EPOLL_CTL_ADD, fd, place, error);
    if (result != ERR_OK)
        return result;
    struct error ignored;
    must(watch(loop, EPOLL_CTL_DEL, slot->fd, place, &ignored) == ERR_OK);
    slot->fd = fd;
    return ERR_OK;
}

void loop_notify(struct loop *loop, struct place place)
{
    if (place.v == 0)
        return;
    struct slot *slot = slot_of(loop, place);
    if (add_wakes(slot, place, WAKE_NOTICE))
        ready_push(loop, slot);
}

bool loop_wait_begin(struct loop *loop)
{
    unsigned max = loop->options.waiting_max;
    if (max == 0)
        return true;
    if (atomic_fetch_add(&loop->waiting, 1) >= max) {
        atomic_fetch_sub(&loop->waiting, 1);
        return false;
    }
    spawn_if_all_busy(loop);
    return true;
}

void loop_wait_end(struct loop *loop)
{
    if (loop->options.waiting_max > 0)
        atomic_fetch_sub(&loop->waiting, 1);
}

void loop_clock_shifted(struct loop *loop)
{
    signal_workers(loop);
}

struct loop_figures loop_figures(struct loop *loop)
{
    return (struct loop_figures){
        .places = atomic_load(&loop->places),
        .threads = atomic_load(&loop->thread_count),
        .busy = atomic_load(&loop->busy),
        .waiting = atomic_load(&loop->waiting),
    };
}
