/*
 * Counts by key (an address, an account) with a cap, for concurrent use and for use per time.
 * Threads: any. Limits: LIMIT_KEYS_MAX keys; when full, counting fails open for those not counted yet, so
 * that an attacker who fills the table locks nobody out.
 */
#ifndef POSTHORN_RT_LIMIT_H
#define POSTHORN_RT_LIMIT_H

#include "base/slice.h"

enum { LIMIT_KEYS_MAX = 200000 };

struct limit;

struct limit *limit_create(unsigned max); /* NULL: no memory */
void limit_destroy(struct limit *limit);
/* One more of key; false when it has max already. */
bool limit_enter(struct limit *limit, struct slice key) MUST_CHECK;
void limit_leave(struct limit *limit, struct slice key);
unsigned limit_count(struct limit *limit, struct slice key);

/*
 * Failures per key that fade: penalty doubles with each failure and halves every `half_life_us`.
 * rate_penalty_us: how long the next answer should wait (0 to cap).
 */
struct rate;
struct rate *rate_create(int64_t step_us, int64_t cap_us, int64_t half_life_us);
void rate_destroy(struct rate *rate);
void rate_failed(struct rate *rate, struct slice key);
void rate_succeeded(struct rate *rate, struct slice key);
int64_t rate_penalty_us(struct rate *rate, struct slice key);

#endif
