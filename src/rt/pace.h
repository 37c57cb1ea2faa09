/*
 * So many per time and key: `count` at once, then as they come back evenly over the period.
 * Threads: any. Limits: PACE_KEYS_MAX keys; when full of keys in use, others pass uncounted, so that an
 * attacker who fills the table locks nobody out.
 */
#ifndef POSTHORN_RT_PACE_H
#define POSTHORN_RT_PACE_H

#include "base/slice.h"

enum { PACE_KEYS_MAX = 200000 };

struct pace_limit {
    uint32_t count; /* 0: any number */
    int64_t period_us;
};

struct pace;

struct pace *pace_create(void); /* NULL: no memory */
void pace_destroy(struct pace *pace);
/* One more of key; false when there have been too many. The limit may be another each time. */
bool pace_take(struct pace *pace, struct slice key, struct pace_limit limit) MUST_CHECK;

#endif
