/*
 * Measuring and telling: a meter over wall and CPU time, and named figures as a text table or as JSON.
 *
 * Ownership: a zeroed report is empty; names and units are string literals. Threads: one at a time.
 */
#ifndef POSTHORN_BENCH_REPORT_H
#define POSTHORN_BENCH_REPORT_H

#include "bench/options.h"
#include "bench/stats.h"

enum { REPORT_FIGURES_MAX = 32 };

struct figure {
    const char *name;
    double value;
    const char *unit;
};

struct report {
    struct figure figures[REPORT_FIGURES_MAX];
    size_t count;
};

struct meter {
    int64_t wall_us;
    int64_t cpu_us; /* of the server; 0 where no process is given */
};

struct meter meter_start(const struct options *options) NONNULL;
/* Both times since the start. */
struct meter meter_stop(const struct options *options, struct meter start) NONNULL;

void report_add(struct report *report, const char *name, double value, const char *unit) NONNULL;
/* `name` p50, p99 and most, in milliseconds, of samples in microseconds. */
void report_times(struct report *report, struct samples *samples) NONNULL;
/* Wall time, operations per second, and the server's CPU time for each of them. */
void report_rate(struct report *report, const struct options *options, struct meter spent,
                 uint64_t operations) NONNULL;
void report_print(const struct report *report, const char *command, const struct options *options) NONNULL;

#endif
