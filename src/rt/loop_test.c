/* The loop with real descriptors and threads; run it under TSan too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/loop.h"

#include <cmocka.h> /* last: it defines fail() */

static struct loop *loop_new(unsigned min, unsigned max, int64_t quiet_us)
{
    struct loop_options options = {
        .name = "test", .threads_min = min, .threads_max = max, .quiet_us = quiet_us};
    struct loop *loop;
    struct error error;
    assert_int_equal(loop_create(&options, &loop, &error), ERR_OK);
    assert_int_equal(loop_start(loop, &error), ERR_OK);
    return loop;
}

/* Waits up to ten seconds for a counter. */
static void wait_for(_Atomic int *value, int wanted)
{
    for (int i = 0; i < 10000 && atomic_load(value) < wanted; i++)
        usleep(1000);
    assert_int_equal(atomic_load(value), wanted);
}

/* An owner that counts its wakes, and parks again with the same interest until it was told to stop. */
struct counter {
    int fd;
    _Atomic unsigned interest;
    int64_t deadline;
    struct place place;
    _Atomic int running;
    _Atomic int wakes[6];
    _Atomic int overlaps;
    _Atomic int gone;
};

static void count_wake(struct loop *loop, struct place place, void *owner, unsigned wakes)
{
    struct counter *c = owner;
    if (atomic_fetch_add(&c->running, 1) != 0)
        atomic_fetch_add(&c->overlaps, 1);
    for (int bit = 0; bit < 6; bit++)
        if ((wakes >> bit & 1) != 0)
            atomic_fetch_add(&c->wakes[bit], 1);
    char bytes[64];
    if ((wakes & WAKE_INPUT) != 0)
        (void)!recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    atomic_fetch_sub(&c->running, 1);
    if ((wakes & WAKE_STOP) != 0) {
        loop_remove(loop, place);
        if (c->fd >= 0)
            close(c->fd);
        atomic_store(&c->gone, 1);
        return;
    }
    loop_park(loop, place, c->interest, (wakes & WAKE_EXPIRED) != 0 ? 0 : c->deadline);
}

enum { INPUT, OUTPUT, EXPIRED, NOTICE, STOP, AGAIN };

static void counter_add(struct loop *loop, struct counter *c)
{
    struct error error;
    assert_int_equal(loop_add(loop, c->fd, count_wake, c, &c->place, &error), ERR_OK);
    loop_park(loop, c->place, c->interest, c->deadline);
}

static void finish(struct loop *loop)
{
    loop_stop(loop);
    assert_true(loop_drained(loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(loop);
}

static void test_wakes_for_input_output_notice_and_stop(void **state)
{
    (void)state;
    struct loop *loop = loop_new(1, 4, 0);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct counter in = {.fd = fds[0], .interest = WAKE_INPUT};
    counter_add(loop, &in);
    assert_int_equal(write(fds[1], "x", 1), 1);
    wait_for(&in.wakes[INPUT], 1);
    loop_notify(loop, in.place);
    wait_for(&in.wakes[NOTICE], 1);
    struct counter out = {.fd = dup(fds[1]), .interest = 0};
    counter_add(loop, &out);
    struct counter bare = {.fd = -1};
    counter_add(loop, &bare);
    loop_notify(loop, bare.place);
    wait_for(&bare.wakes[NOTICE], 1);
    assert_int_equal(loop_figures(loop).places, 3);
    loop_stop(loop);
    wait_for(&in.gone, 1);
    wait_for(&out.gone, 1);
    wait_for(&bare.gone, 1);
    assert_int_equal(in.wakes[STOP], 1);
    /* Stale handles are harmless; places that come late are told too. */
    loop_notify(loop, in.place);
    struct counter late = {.fd = -1};
    counter_add(loop, &late);
    wait_for(&late.gone, 1);
    finish(loop);
    close(fds[1]);
}

static void test_notice_reaches_a_place_whose_output_is_full(void **state)
{
    (void)state;
    struct loop *loop = loop_new(1, 4, 0);
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    char block[4096] = {0};
    while (write(fds[0], block, sizeof(block)) > 0)
        ;
    struct counter c = {.fd = fds[0], .interest = WAKE_OUTPUT};
    counter_add(loop, &c);
    loop_notify(loop, c.place);
    wait_for(&c.wakes[NOTICE], 1);
    assert_int_equal(atomic_load(&c.wakes[OUTPUT]), 0);
    c.interest = 0;
    while (read(fds[1], block, sizeof(block)) > 0)
        ;
    wait_for(&c.wakes[OUTPUT], 1);
    finish(loop);
    close(fds[1]);
}

static void test_deadlines_follow_the_clock(void **state)
{
    (void)state;
    struct loop *loop = loop_new(2, 4, 0);
    int64_t now = clock_mono_us();
    struct counter soon = {.fd = -1, .deadline = now + 20 * CLOCK_MS};
    struct counter later = {.fd = -1, .deadline = now + CLOCK_HOUR};
    struct counter never = {.fd = -1};
    counter_add(loop, &later);
    counter_add(loop, &soon);
    counter_add(loop, &never);
    wait_for(&soon.wakes[EXPIRED], 1);
    assert_int_equal(atomic_load(&later.wakes[EXPIRED]), 0);
    clock_shift(CLOCK_HOUR);
    loop_clock_shifted(loop);
    wait_for(&later.wakes[EXPIRED], 1);
    assert_int_equal(atomic_load(&never.wakes[EXPIRED]), 0);
    finish(loop);
}

/* Moves its deadline away each time it is noticed. */
static void push_deadline(struct loop *loop, struct place place, void *owner, unsigned wakes)
{
    struct counter *c = owner;
    if ((wakes & WAKE_EXPIRED) != 0)
        atomic_fetch_add(&c->wakes[EXPIRED], 1);
    if ((wakes & WAKE_STOP) != 0)
        loop_remove(loop, place);
    else
        loop_park(loop, place, 0, clock_mono_us() + 60 * CLOCK_MS);
}

static void test_a_deadline_that_moves_on_does_not_expire(void **state)
{
    (void)state;
    struct loop *loop = loop_new(2, 4, 0);
    struct counter c = {.fd = -1};
    struct error error;
    assert_int_equal(loop_add(loop, -1, push_deadline, &c, &c.place, &error), ERR_OK);
    loop_park(loop, c.place, 0, clock_mono_us() + 60 * CLOCK_MS);
    int64_t until = clock_mono_us() + 300 * CLOCK_MS;
    int64_t last = clock_mono_us();
    int64_t longest = 0;
    while (clock_mono_us() < until) {
        loop_notify(loop, c.place);
        usleep(2000);
        longest = MAX(longest, clock_mono_us() - last);
        last = clock_mono_us();
    }
    if (longest < 50 * CLOCK_MS) /* a machine that slept so long may have let it expire */
        assert_int_equal(atomic_load(&c.wakes[EXPIRED]), 0);
    for (int i = 0; i < 5000 && atomic_load(&c.wakes[EXPIRED]) == 0; i++)
        usleep(1000);
    assert_true(atomic_load(&c.wakes[EXPIRED]) > 0);
    finish(loop);
}

struct sleeper {
    _Atomic int *asleep;
    _Atomic bool *wake_up;
};

static void block_thread(struct loop *loop, struct place place, void *owner, unsigned wakes)
{
    struct sleeper *s = owner;
    if ((wakes & WAKE_STOP) != 0) {
        loop_remove(loop, place);
        return;
    }
    atomic_fetch_add(s->asleep, 1);
    while (!atomic_load(s->wake_up))
        usleep(1000);
    loop_park(loop, place, 0, 0);
}

static void test_threads_grow_when_all_are_busy_and_shrink_after(void **state)
{
    (void)state;
    struct loop *loop = loop_new(1, 8, 50 * CLOCK_MS);
    _Atomic int asleep = 0;
    _Atomic bool wake_up = false;
    struct sleeper sleeper = {&asleep, &wake_up};
    struct error error;
    for (int i = 0; i < 8; i++) {
        struct place place;
        assert_int_equal(loop_add(loop, -1, block_thread, &sleeper, &place, &error), ERR_OK);
        loop_park(loop, place, WAKE_AGAIN, 0);
    }
    wait_for(&asleep, 8);
    assert_int_equal(loop_figures(loop).threads, 8);
    assert_int_equal(loop_figures(loop).busy, 8);
    atomic_store(&wake_up, true);
    for (int i = 0; i < 5000 && loop_figures(loop).threads > 1; i++)
        usleep(1000);
    assert_int_equal(loop_figures(loop).threads, 1);
    finish(loop);
}

static void test_ten_thousand_parked_places_all_wake(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    struct loop *loop = loop_new(2, 4, 0);
    struct counter *many = calloc(MANY, sizeof(*many));
    assert_non_null(many);
    int64_t far = clock_mono_us() + CLOCK_DAY;
    for (int i = 0; i < MANY; i++) {
        many[i].fd = -1;
        many[i].deadline = far - i;
        counter_add(loop, &many[i]);
    }
    for (int i = 0; i < MANY; i++)
        loop_notify(loop, many[i].place);
    for (int i = 0; i < MANY; i++)
        wait_for(&many[i].wakes[NOTICE], 1);
    clock_shift(CLOCK_DAY + CLOCK_SECOND);
    loop_clock_shifted(loop);
    for (int i = 0; i < MANY; i++)
        wait_for(&many[i].wakes[EXPIRED], 1);
    finish(loop);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(atomic_load(&many[i].wakes[STOP]), 1);
    free(many);
}

/*
 * The storm: places are written to, noticed, expired, stopped and replaced from several threads at once. Each
 * notice must be delivered, no place may run twice at a time, and an expiry must never be early.
 */
enum { STORM_PLACES = 64, STORM_ROUNDS = 3000, STORM_THREADS = 3 };

struct storm_place {
    struct storm *storm;
    pthread_mutex_t lock; /* guards what the throwing threads see */
    struct place place;
    int peer;
    int fd;
    int64_t deadline; /* the runner's */
    _Atomic int running;
    _Atomic int asked;
    _Atomic int answered; /* asked, as seen when a notice came */
};

struct storm {
    struct loop *loop;
    struct storm_place places[STORM_PLACES];
    _Atomic int faults;
    _Atomic int removed;
    _Atomic bool over;
};

static void storm_open(struct storm_place *p);

static void storm_wake(struct loop *loop, struct place place, void *owner, unsigned wakes)
{
    struct storm_place *p = owner;
    struct storm *storm = p->storm;
    if (atomic_fetch_add(&p->running, 1) != 0)
        atomic_fetch_add(&storm->faults, 1);
    if ((wakes & WAKE_EXPIRED) != 0 && (p->deadline == 0 || p->deadline > clock_mono_us()))
        atomic_fetch_add(&storm->faults, 1);
    if ((wakes & WAKE_NOTICE) != 0)
        atomic_store(&p->answered, atomic_load(&p->asked));
    char bytes[8];
    ssize_t n = (wakes & WAKE_INPUT) != 0 ? recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT) : -1;
    bool remove = (wakes & WAKE_STOP) != 0 || (n > 0 && bytes[0] == 'q' && !atomic_load(&storm->over));
    if (remove) {
        loop_remove(loop, place);
        pthread_mutex_lock(&p->lock);
        close(p->fd);
        close(p->peer);
        atomic_fetch_add(&storm->removed, 1);
        p->peer = -1;
        atomic_fetch_sub(&p->running, 1);
        if ((wakes & WAKE_STOP) == 0)
            storm_open(p);
        pthread_mutex_unlock(&p->lock);
        return;
    }
    unsigned interest = (unsigned)(clock_mono_us() % 4) != 0 ? WAKE_INPUT : WAKE_INPUT | WAKE_AGAIN;
    int64_t now = clock_mono_us();
    p->deadline = now % 3 == 0 ? 0 : now + now % 5 * CLOCK_MS;
    int64_t deadline = p->deadline;
    atomic_fetch_sub(&p->running, 1);
    loop_park(loop, place, interest, deadline);
}

static void storm_open(struct storm_place *p)
{
    int fds[2];
    struct error error;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0 ||
        loop_add(p->storm->loop, fds[0], storm_wake, p, &p->place, &error) != ERR_OK) {
        atomic_fetch_add(&p->storm->faults, 1);
        return;
    }
    p->fd = fds[0];
    p->peer = fds[1];
    p->deadline = 0;
    loop_park(p->storm->loop, p->place, WAKE_INPUT, 0);
}

static void *storm_throw(void *argument)
{
    struct storm *storm = argument;
    unsigned dice = (unsigned)(uintptr_t)&dice | 1;
    for (int round = 0; round < STORM_ROUNDS; round++) {
        dice = dice * 1103515245 + 12345;
        struct storm_place *p = &storm->places[dice >> 16 & (STORM_PLACES - 1)];
        pthread_mutex_lock(&p->lock);
        struct place place = p->place;
        if (p->peer >= 0)
            (void)!send(p->peer, (dice >> 24 & 15) == 0 ? "q" : "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        pthread_mutex_unlock(&p->lock);
        loop_notify(storm->loop, place); /* maybe stale by now */
    }
    return NULL;
}

static void test_storm_loses_no_wake_and_runs_no_place_twice(void **state)
{
    (void)state;
    struct storm *storm = calloc(1, sizeof(*storm));
    assert_non_null(storm);
    storm->loop = loop_new(3, 6, 0);
    for (int i = 0; i < STORM_PLACES; i++) {
        storm->places[i].storm = storm;
        pthread_mutex_init(&storm->places[i].lock, NULL);
        pthread_mutex_lock(&storm->places[i].lock);
        storm_open(&storm->places[i]);
        pthread_mutex_unlock(&storm->places[i].lock);
    }
    pthread_t threads[STORM_THREADS];
    for (int i = 0; i < STORM_THREADS; i++)
        pthread_create(&threads[i], NULL, storm_throw, storm);
    for (int i = 0; i < STORM_THREADS; i++)
        pthread_join(threads[i], NULL);
    /* The places stay now: each question gets its answer. */
    atomic_store(&storm->over, true);
    usleep(200000);
    for (int i = 0; i < STORM_PLACES; i++) {
        struct storm_place *p = &storm->places[i];
        pthread_mutex_lock(&p->lock);
        struct place place = p->place;
        pthread_mutex_unlock(&p->lock);
        atomic_store(&p->asked, 1000 + i);
        loop_notify(storm->loop, place);
    }
    for (int i = 0; i < STORM_PLACES; i++)
        wait_for(&storm->places[i].answered, 1000 + i);
    loop_stop(storm->loop);
    assert_true(loop_drained(storm->loop, clock_mono_us() + 60 * CLOCK_SECOND));
    loop_destroy(storm->loop);
    assert_int_equal(atomic_load(&storm->faults), 0);
    assert_true(atomic_load(&storm->removed) > STORM_PLACES);
    for (int i = 0; i < STORM_PLACES; i++)
        pthread_mutex_destroy(&storm->places[i].lock);
    free(storm);
}

struct waiter {
    struct place place;
    _Atomic int *until; /* waits for this to be 1 */
    _Atomic int begun;
    _Atomic int refused;
};

static void wait_wake(struct loop *loop, struct place place, void *owner, unsigned wakes)
{
    struct waiter *w = owner;
    if ((wakes & WAKE_STOP) != 0) {
        loop_remove(loop, place);
        return;
    }
    if (loop_wait_begin(loop)) {
        atomic_store(&w->begun, 1);
        wait_for(w->until, 1);
        loop_wait_end(loop);
    } else {
        atomic_store(&w->refused, 1);
    }
    loop_park(loop, place, 0, 0);
}

static void waiter_add(struct loop *loop, struct waiter *w)
{
    struct error error;
    assert_int_equal(loop_add(loop, -1, wait_wake, w, &w->place, &error), ERR_OK);
    loop_park(loop, w->place, 0, 0);
    loop_notify(loop, w->place);
}

static void test_who_waits_for_a_peer_has_another_thread_in_his_place(void **state)
{
    (void)state;
    struct loop_options options = {.name = "test", .threads_min = 1, .threads_max = 1, .waiting_max = 2};
    struct loop *loop;
    struct error error;
    _Atomic int go = 0;
    struct waiter waiters[3] = {{.until = &go}, {.until = &go}, {.until = &go}};
    assert_int_equal(loop_create(&options, &loop, &error), ERR_OK);
    assert_int_equal(loop_start(loop, &error), ERR_OK);
    for (int i = 0; i < 2; i++) {
        waiter_add(loop, &waiters[i]);
        wait_for(&waiters[i].begun, 1);
    }
    assert_int_equal(loop_figures(loop).waiting, 2);
    assert_int_equal(loop_figures(loop).threads, 3);
    waiter_add(loop, &waiters[2]); /* one too many */
    wait_for(&waiters[2].refused, 1);
    atomic_store(&go, 1);
    finish(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakes_for_input_output_notice_and_stop),
        cmocka_unit_test(test_notice_reaches_a_place_whose_output_is_full),
        cmocka_unit_test(test_deadlines_follow_the_clock),
        cmocka_unit_test(test_a_deadline_that_moves_on_does_not_expire),
        cmocka_unit_test(test_threads_grow_when_all_are_busy_and_shrink_after),
        cmocka_unit_test(test_ten_thousand_parked_places_all_wake),
        cmocka_unit_test(test_storm_loses_no_wake_and_runs_no_place_twice),
        cmocka_unit_test(test_who_waits_for_a_peer_has_another_thread_in_his_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
