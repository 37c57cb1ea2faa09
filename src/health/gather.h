/*
 * The house's numbers, all processes together, in the store process: now, and at times of the last five
 * minutes.
 *
 * A thread samples every GATHER_SECONDS; so "what came in during the last minute" needs no history of others.
 * Ownership: what the options point to outlives the gatherer. Errors: figures that can't be had (of disk or
 * queue) stay as they were; the log says so. Threads: any.
 */
#ifndef POSTHORN_HEALTH_GATHER_H
#define POSTHORN_HEALTH_GATHER_H

#include "base/clock.h"
#include "queue/queue.h"
#include "rt/metrics.h"
#include "store/store.h"

struct gatherer;

enum { GATHER_SECONDS = 10, GATHER_HISTORY_SECONDS = 300 };

struct gather_options {
    const struct metrics_page *pages[METRIC_PROCESSES]; /* NULL where there is none */
    struct store *store;                                /* NULL in tests */
    struct queue *queue;                                /* the same */
};

enum err gatherer_create(const struct gather_options *options, struct gatherer **ret_gatherer,
                         struct error *error) MUST_CHECK;
void gatherer_destroy(struct gatherer *gatherer);
/* Fresh figures. */
void gather_now(struct gatherer *gatherer, struct metrics_sample *ret_sample);
/* The sample nearest to so long ago, and its true age; with a young server its first one. */
void gather_before(struct gatherer *gatherer, int64_t seconds, struct metrics_sample *ret_sample,
                   int64_t *ret_age_us);
/* Takes a sample as the thread does. For tests, after clock_shift. */
void gather_tick(struct gatherer *gatherer);

#endif
