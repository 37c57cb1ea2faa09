/* Spans of time as people write them: 30m, 12h, 90d, 4w. Errors: none but false. Threads: any. */
#ifndef POSTHORN_ADMIN_DURATION_H
#define POSTHORN_ADMIN_DURATION_H

#include "base/slice.h"

/* Seconds, more than 0 and at most a hundred years. */
#define DURATION_MAX_SECONDS (INT64_C(100) * 366 * 24 * 3600)

bool duration_parse(struct slice text, int64_t *ret_seconds) MUST_CHECK;

#endif
