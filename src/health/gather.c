#include "health/gather.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"

enum { HISTORY = GATHER_HISTORY_SECONDS / GATHER_SECONDS + 1 };

struct moment {
    int64_t at_us; /* monotonic */
    struct metrics_sample sample;
};

struct gatherer {
    struct gather_options options;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* on the monotonic clock */
    bool stopping;
    size_t count;                   /* of moments, up to HISTORY */
    size_t next;                    /* where the next one goes */
    struct moment moments[HISTORY]; /* a ring */
};

static void measure_store(struct store *store)
{
    struct store_figures figures;
    struct error error;
    if (store_figures(store, &figures, &error) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "health.store", F_ERR(&error));
        return;
    }
    metric_set(ACCOUNTS_OPEN, METRIC_ONE, figures.open_accounts);
    metric_set(DISK_SIZE, METRIC_ONE, figures.disk_bytes);
    metric_set(DISK_FREE, METRIC_ONE, figures.disk_free);
    metric_set(DISK_INODES, METRIC_ONE, figures.inodes);
    metric_set(DISK_INODES_FREE, METRIC_ONE, figures.inodes_free);
}

static void measure_queue(struct queue *queue)
{
    static const enum metric_queue labels[QUEUE_FIGURES] = {[QUEUE_FILING] = METRIC_QUEUE_FILING,
                                                            [QUEUE_DEFERRED] = METRIC_QUEUE_DEFERRED,
                                                            [QUEUE_WAITING] = METRIC_QUEUE_WAITING,
                                                            [QUEUE_HELD] = METRIC_QUEUE_HELD,
                                                            [QUEUE_SCHEDULED] = METRIC_QUEUE_SCHEDULED};
    struct queue_figures figures;
    struct error error;
    int64_t now = clock_wall_us();
    if (queue_figures(queue, &figures, &error) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "health.queue", F_ERR(&error));
        return;
    }
    for (size_t i = 0; i < QUEUE_FIGURES; i++) {
        int64_t oldest = figures.oldest_us[i];
        metric_set(QUEUE, labels[i], figures.count[i]);
        metric_set(QUEUE_OLDEST, labels[i], oldest > 0 && oldest < now ? (now - oldest) / CLOCK_SECOND : 0);
    }
}

void gather_now(struct gatherer *gatherer, struct metrics_sample *ret_sample)
{
    if (gatherer->options.store != NULL)
        measure_store(gatherer->options.store);
    if (gatherer->options.queue != NULL)
        measure_queue(gatherer->options.queue);
    *ret_sample = (struct metrics_sample){0};
    for (size_t i = 0; i < METRIC_PROCESSES; i++)
        if (gatherer->options.pages[i] != NULL)
            metrics_read(gatherer->options.pages[i], ret_sample);
}

void gather_tick(struct gatherer *gatherer)
{
    struct moment moment;
    gather_now(gatherer, &moment.sample);
    moment.at_us = clock_mono_us();
    pthread_mutex_lock(&gatherer->lock);
    gatherer->moments[gatherer->next] = moment;
    gatherer->next = (gatherer->next + 1) % HISTORY;
    gatherer->count = MIN(gatherer->count + 1, (size_t)HISTORY);
    pthread_mutex_unlock(&gatherer->lock);
}

void gather_before(struct gatherer *gatherer, int64_t seconds, struct metrics_sample *ret_sample,
                   int64_t *ret_age_us)
{
    int64_t now = clock_mono_us();
    int64_t wanted = now - seconds * CLOCK_SECOND;
    const struct moment *nearest = NULL;
    pthread_mutex_lock(&gatherer->lock);
    for (size_t i = 0; i < gatherer->count; i++) {
        const struct moment *m = &gatherer->moments[i];
        if (nearest == NULL || llabs(m->at_us - wanted) < llabs(nearest->at_us - wanted))
            nearest = m;
    }
    *ret_sample = nearest->sample; /* gatherer_create has taken the first */
    *ret_age_us = now - nearest->at_us;
    pthread_mutex_unlock(&gatherer->lock);
}

static void *run(void *context)
{
    struct gatherer *gatherer = context;
    pthread_mutex_lock(&gatherer->lock);
    while (!gatherer->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += GATHER_SECONDS;
        int waited = 0;
        while (!gatherer->stopping && waited == 0)
            waited = pthread_cond_timedwait(&gatherer->wake, &gatherer->lock, &until);
        pthread_mutex_unlock(&gatherer->lock);
        gather_tick(gatherer);
        pthread_mutex_lock(&gatherer->lock);
    }
    pthread_mutex_unlock(&gatherer->lock);
    return NULL;
}

enum err gatherer_create(const struct gather_options *options, struct gatherer **ret_gatherer,
                         struct error *error)
{
    struct gatherer *gatherer = calloc(1, sizeof(*gatherer));
    if (gatherer == NULL)
        return fail_nomem(error);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&gatherer->lock, NULL);
    pthread_cond_init(&gatherer->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    gatherer->options = *options;
    gather_tick(gatherer);
    int result = pthread_create(&gatherer->thread, NULL, run, gatherer);
    if (result != 0) {
        free(gatherer);
        return fail(error, ERR_UNAVAILABLE, NULL, "the gathering thread: %s", strerror(result));
    }
    *ret_gatherer = gatherer;
    return ERR_OK;
}

void gatherer_destroy(struct gatherer *gatherer)
{
    if (gatherer == NULL)
        return;
    pthread_mutex_lock(&gatherer->lock);
    gatherer->stopping = true;
    pthread_cond_broadcast(&gatherer->wake);
    pthread_mutex_unlock(&gatherer->lock);
    pthread_join(gatherer->thread, NULL);
    pthread_cond_destroy(&gatherer->wake);
    pthread_mutex_destroy(&gatherer->lock);
    free(gatherer);
}
