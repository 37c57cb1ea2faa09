#include "bench/workers.h"

#include "base/clock.h"

/* Warm-up operations have numbers of their own, past all that count. */
static const uint64_t WARM_UP_FIRST = UINT64_C(1) << 32;

static bool next_number(struct workers *all, uint64_t *ret)
{
    if (atomic_load(&all->stop))
        return false;
    if (all->options->count == 0 && clock_mono_us() >= all->deadline_us)
        return false;
    *ret = atomic_fetch_add(&all->next, 1);
    return all->options->count == 0 || *ret < all->options->count;
}

static enum err prepare(struct worker *worker)
{
    struct workers *all = worker->all;
    enum err err = all->open == NULL ? ERR_OK : all->open(worker, &worker->error);
    for (uint64_t i = 0; err == ERR_OK && i < all->options->warm_up; i++)
        err =
            all->operate(worker, WARM_UP_FIRST + worker->number * all->options->warm_up + i, &worker->error);
    return err;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    struct workers *all = worker->all;
    enum err err = prepare(worker);
    if (err != ERR_OK)
        atomic_store(&all->stop, true);
    pthread_barrier_wait(&all->ready); /* all are ready */
    pthread_barrier_wait(&all->ready); /* the clock runs */
    uint64_t number;
    while (err == ERR_OK && next_number(all, &number)) {
        int64_t start = clock_mono_us();
        err = all->operate(worker, number, &worker->error);
        if (err == ERR_OK)
            samples_add(&worker->times, (double)(clock_mono_us() - start));
    }
    worker->failed = err != ERR_OK;
    if (worker->failed)
        atomic_store(&all->stop, true);
    pthread_barrier_wait(&all->ready); /* all are done, the connections still open */
    if (all->close != NULL)
        all->close(worker);
    return NULL;
}

static void start_all(struct workers *all, struct worker *workers)
{
    for (uint32_t i = 0; i < all->options->connections; i++) {
        workers[i] = (struct worker){.all = all, .number = i};
        workers[i].state = calloc(1, MAX(all->state_size, 1));
        /* Nobody passes the barrier without the rest, so there is no way back from here but out. */
        if (workers[i].state == NULL || pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fprintf(stderr, "posthorn-load: no thread for connection %u\n", i + 1);
            exit(EXIT_FAILURE);
        }
    }
}

static void let_work(struct workers *all)
{
    pthread_barrier_wait(&all->ready);
    all->start = meter_start(all->options);
    all->deadline_us = clock_mono_us() + all->options->seconds * CLOCK_SECOND;
    pthread_barrier_wait(&all->ready);
    pthread_barrier_wait(&all->ready);
    all->spent = meter_stop(all->options, all->start);
}

static enum err collect(struct workers *all, struct worker *workers, struct error *error)
{
    enum err err = ERR_OK;
    for (uint32_t i = 0; i < all->options->connections; i++) {
        struct worker *worker = &workers[i];
        pthread_join(worker->thread, NULL);
        samples_join(&all->times, &worker->times);
        samples_release(&worker->times);
        free(worker->state);
        if (worker->failed && err == ERR_OK) {
            *error = worker->error;
            err = worker->error.code;
        }
    }
    all->done = all->times.count;
    return err;
}

enum err workers_run(struct workers *all, struct error *error)
{
    uint32_t count = all->options->connections;
    if (count > OPTION_WORKERS_MAX)
        return fail_plain(error, ERR_LIMIT, "at most %d connections here", OPTION_WORKERS_MAX);
    struct worker *workers = calloc(count, sizeof(*workers));
    if (workers == NULL)
        return fail_nomem(error);
    pthread_barrier_init(&all->ready, NULL, count + 1);
    start_all(all, workers);
    let_work(all);
    enum err err = collect(all, workers, error);
    pthread_barrier_destroy(&all->ready);
    free(workers);
    return err;
}
