/*
 * What the supervisor counts: the processes' memory, ids, starts and deaths; and the pages of metrics of all.
 * Used by supervisor.c only.
 *
 * Ownership: struct measure owns its descriptors. Threads: the supervisor's one.
 */
#ifndef POSTHORN_RT_SUPERVISOR_MEASURE_H
#define POSTHORN_RT_SUPERVISOR_MEASURE_H

#include "rt/metrics.h"
#include "rt/supervisor_process.h"

enum { MEASURE_SECONDS = 10 };

struct measure {
    int pages[METRIC_PROCESSES]; /* memfds, as METRIC_PROCESS_TABLE has them */
    int64_t next_us;             /* monotonic */
};
#define MEASURE_NONE ((struct measure){.pages = {-1, -1, -1, -1}})

/* Makes the pages and takes the supervisor's own. */
enum err measure_open(struct measure *measure, struct error *error) MUST_CHECK;
void measure_close(struct measure *measure);
/* A worker's page, and to store those of all. */
enum err measure_send(const struct measure *measure, const struct process *process,
                      struct error *error) MUST_CHECK;
/* Its memory is looked at soon. */
void measure_started(struct measure *measure, const struct process *process);
void measure_ended(const struct process *process);
/* Looks at the memory of those that run, when it is time. */
void measure_memory(struct measure *measure, const struct process *processes, size_t count);

#endif
