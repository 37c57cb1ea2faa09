/* Spans of time as people write them: 30m, 12h, 90d, 4w. Errors: none but false. Threads: any. */
#ifndef POSTHORN_BASE_DURATION_H
#define POSTHORN_BASE_DURATION_H

#include "base/slice.h"

enum { DURATION_TEXT_MAX = 24 };

/* Seconds, more than 0 and at most a hundred years. */
#define DURATION_MAX_SECONDS (INT64_C(100) * 366 * 24 * 3600)

bool duration_parse(struct slice text, int64_t *ret_seconds) MUST_CHECK;
/* In the largest of days, hours and minutes that says it exactly; else "90s", which is only said. */
void duration_text(uint64_t seconds, char ret_text[static DURATION_TEXT_MAX]);

#endif
