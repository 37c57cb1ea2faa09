/*
 * Samples of a time or a size, and what is said of them: percentiles, median, least and most.
 *
 * Ownership: a zeroed samples is empty; samples_release frees. Errors: no memory loses a sample and is
 * remembered in `failed`. Threads: one at a time; each worker has its own and they are joined at the end.
 */
#ifndef POSTHORN_BENCH_STATS_H
#define POSTHORN_BENCH_STATS_H

#include <stdbool.h>

#include "base/attr.h"

struct samples {
    double *values;
    size_t count;
    size_t room;
    bool failed;
};

void samples_release(struct samples *samples) NONNULL;
void samples_add(struct samples *samples, double value) NONNULL;
void samples_join(struct samples *samples, const struct samples *more) NONNULL;
/* The least sample that `percent` of all don't pass (nearest rank); sorts. 0 when there is none. */
double samples_percentile(struct samples *samples, double percent) NONNULL;

#endif
