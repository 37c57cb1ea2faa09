/*
 * The text that Prometheus reads, exposition format 0.0.4: for each metric HELP, TYPE and its series.
 *
 * Times are seconds. Errors: the buf's sticky failure. Threads: any. Limits: below EXPOSITION_MAX bytes,
 * whatever the numbers are; a test holds that.
 */
#ifndef POSTHORN_HEALTH_EXPOSITION_H
#define POSTHORN_HEALTH_EXPOSITION_H

#include "base/buf.h"
#include "rt/metrics.h"

enum { EXPOSITION_MAX = 64 * 1024 };

void exposition_put(const struct metrics_sample *sample, struct buf *out) NONNULL;

#endif
