#include "rt/limit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"

struct limit {
    pthread_mutex_t lock;
    struct map counts; /* the value is the count itself, never 0 */
    unsigned max;
};

struct limit *limit_create(unsigned max)
{
    struct limit *limit = calloc(1, sizeof(*limit));
    if (limit == NULL)
        return NULL;
    pthread_mutex_init(&limit->lock, NULL);
    limit->max = max;
    return limit;
}

void limit_destroy(struct limit *limit)
{
    if (limit == NULL)
        return;
    map_release(&limit->counts);
    pthread_mutex_destroy(&limit->lock);
    free(limit);
}

static uintptr_t count_of(struct limit *limit, struct slice key)
{
    return (uintptr_t)map_get(&limit->counts, key);
}

bool limit_enter(struct limit *limit, struct slice key)
{
    pthread_mutex_lock(&limit->lock);
    uintptr_t count = count_of(limit, key);
    bool enters = count < limit->max;
    if (enters && (count > 0 || limit->counts.count < LIMIT_KEYS_MAX)) {
        /* With no memory it is let in uncounted, as when the table is full. */
        (void)!map_set(&limit->counts, key, (void *)(count + 1));
    }
    pthread_mutex_unlock(&limit->lock);
    return enters;
}

void limit_leave(struct limit *limit, struct slice key)
{
    pthread_mutex_lock(&limit->lock);
    uintptr_t count = count_of(limit, key);
    if (count > 1)
        must(map_set(&limit->counts, key, (void *)(count - 1))); /* replacing needs no memory */
    else if (count == 1)
        map_remove(&limit->counts, key);
    pthread_mutex_unlock(&limit->lock);
}

unsigned limit_count(struct limit *limit, struct slice key)
{
    pthread_mutex_lock(&limit->lock);
    uintptr_t count = count_of(limit, key);
    pthread_mutex_unlock(&limit->lock);
    return (unsigned)count;
}

struct penalty {
    int64_t us; /* at the time `at` */
    int64_t at;
};

struct rate {
    pthread_mutex_t lock;
    struct map penalties; /* struct penalty, owned */
    int64_t step_us;
    int64_t cap_us;
    int64_t half_life_us;
    int64_t swept_at;
};

struct rate *rate_create(int64_t step_us, int64_t cap_us, int64_t half_life_us)
{
    must(step_us > 0 && cap_us >= step_us && half_life_us > 0);
    struct rate *rate = calloc(1, sizeof(*rate));
    if (rate == NULL)
        return NULL;
    pthread_mutex_init(&rate->lock, NULL);
    rate->step_us = step_us;
    rate->cap_us = cap_us;
    rate->half_life_us = half_life_us;
    return rate;
}

static void free_value(void *context UNUSED, struct slice key UNUSED, void *value)
{
    free(value);
}

void rate_destroy(struct rate *rate)
{
    if (rate == NULL)
        return;
    map_each(&rate->penalties, free_value, NULL);
    map_release(&rate->penalties);
    pthread_mutex_destroy(&rate->lock);
    free(rate);
}

/* What is left of a penalty now; 0 once it is under half a step. Within a half-life it falls on a line. */
static int64_t faded(const struct rate *rate, const struct penalty *penalty, int64_t now)
{
    int64_t age = now - penalty->at;
    int64_t halvings = age / rate->half_life_us;
    if (age < 0)
        return penalty->us;
    if (halvings >= 62)
        return 0;
    int64_t us = penalty->us >> halvings;
    double part = (double)(age % rate->half_life_us) / (double)rate->half_life_us;
    us -= (int64_t)((double)us / 2 * part);
    return us > rate->step_us / 2 ? us : 0;
}

struct sweep {
    const struct rate *rate;
    struct map kept;
    int64_t now;
    bool failed;
};

static void keep_living(void *context, struct slice key, void *value)
{
    struct sweep *sweep = context;
    if (faded(sweep->rate, value, sweep->now) > 0 && !map_set(&sweep->kept, key, value))
        sweep->failed = true;
}

static void free_faded(void *context, struct slice key UNUSED, void *value)
{
    const struct sweep *sweep = context;
    if (faded(sweep->rate, value, sweep->now) == 0)
        free(value);
}

/* Drops what has faded, when the table is full; at most once in a half-life, so that it costs little. */
static void sweep_if_full(struct rate *rate, int64_t now)
{
    if (rate->penalties.count < LIMIT_KEYS_MAX || now - rate->swept_at < rate->half_life_us)
        return;
    struct sweep sweep = {.rate = rate, .now = now};
    rate->swept_at = now;
    map_each(&rate->penalties, keep_living, &sweep);
    if (sweep.failed) {
        map_release(&sweep.kept);
        return;
    }
    map_each(&rate->penalties, free_faded, &sweep);
    map_release(&rate->penalties);
    rate->penalties = sweep.kept;
}

void rate_failed(struct rate *rate, struct slice key)
{
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&rate->lock);
    struct penalty *penalty = map_get(&rate->penalties, key);
    if (penalty == NULL) {
        sweep_if_full(rate, now);
        if (rate->penalties.count < LIMIT_KEYS_MAX)
            penalty = calloc(1, sizeof(*penalty));
        if (penalty != NULL && !map_set(&rate->penalties, key, penalty)) {
            free(penalty);
            penalty = NULL;
        }
    }
    if (penalty != NULL) {
        int64_t us = faded(rate, penalty, now);
        us = us > rate->cap_us / 2 ? rate->cap_us : us * 2;
        penalty->us = MAX(us, rate->step_us);
        penalty->at = now;
    }
    pthread_mutex_unlock(&rate->lock);
}

void rate_succeeded(struct rate *rate, struct slice key)
{
    pthread_mutex_lock(&rate->lock);
    free(map_remove(&rate->penalties, key));
    pthread_mutex_unlock(&rate->lock);
}

int64_t rate_penalty_us(struct rate *rate, struct slice key)
{
    int64_t now = clock_mono_us();
    pthread_mutex_lock(&rate->lock);
    const struct penalty *penalty = map_get(&rate->penalties, key);
    int64_t us = penalty != NULL ? faded(rate, penalty, now) : 0;
    pthread_mutex_unlock(&rate->lock);
    return us;
}
