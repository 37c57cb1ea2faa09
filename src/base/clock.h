/*
 * The time, in one place, so that tests can move it.
 * Wall time for what people see (microseconds since 1970 UTC), monotonic time for deadlines.
 */
#ifndef POSTHORN_BASE_CLOCK_H
#define POSTHORN_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_MS INT64_C(1000)
#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_MINUTE (60 * CLOCK_SECOND)
#define CLOCK_HOUR (60 * CLOCK_MINUTE)
#define CLOCK_DAY (24 * CLOCK_HOUR)

int64_t clock_wall_us(void);
int64_t clock_mono_us(void);
/* Moves both clocks by this much from now on. For tests. */
void clock_shift(int64_t by_us);

#endif
