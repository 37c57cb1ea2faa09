/*
 * Many connections at work: one thread each, the same operation until a count or a time is reached.
 *
 * An operation's first uses (options->warm_up on each connection) don't count; then all workers wait for
 * each other, and the clock starts.
 * Errors: the first failure of any worker ends the run and is what workers_run returns.
 * Threads: the functions of a worker are called in its own thread.
 */
#ifndef POSTHORN_BENCH_WORKERS_H
#define POSTHORN_BENCH_WORKERS_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/report.h"

struct workers;

struct worker {
    struct workers *all;
    pthread_t thread;
    uint32_t number;
    void *state; /* of the operation: `state_size` zeroed bytes */
    struct samples times;
    struct error error;
    bool failed;
};

struct workers {
    const struct options *options;
    const void *context;
    size_t state_size;
    enum err (*open)(struct worker *worker, struct error *error); /* may be NULL */
    enum err (*operate)(struct worker *worker, uint64_t number, struct error *error);
    void (*close)(struct worker *worker); /* may be NULL */

    /* Results. */
    uint64_t done;
    struct samples times; /* microseconds of each operation; samples_release it */
    struct meter start;
    struct meter spent;

    /* Its own. */
    atomic_uint_fast64_t next;
    atomic_bool stop;
    pthread_barrier_t ready;
    int64_t deadline_us;
};

enum err workers_run(struct workers *workers, struct error *error) NONNULL MUST_CHECK;

#endif
