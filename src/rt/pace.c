/*
 * Of a key only one time is kept: when all that it has taken will have come back. Each take moves it by
 * period / count; who would move it more than a period ahead of now has to wait.
 */
#include "rt/pace.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"

enum { SWEEP_SECONDS = 10 };

struct pace {
    pthread_mutex_t lock;
    struct map free_at; /* the value is the time itself, monotonic us, never 0 */
    int64_t swept_at;
};

struct pace *pace_create(void)
{
    struct pace *pace = calloc(1, sizeof(*pace));
    if (pace != NULL)
        pthread_mutex_init(&pace->lock, NULL);
    return pace;
}

void pace_destroy(struct pace *pace)
{
    if (pace == NULL)
        return;
    map_release(&pace->free_at);
    pthread_mutex_destroy(&pace->lock);
    free(pace);
}

struct sweep {
    struct map kept;
    int64_t now;
    bool failed;
};

static void keep_busy(void *context, struct slice key, void *value)
{
    struct sweep *sweep = context;
    if ((int64_t)(intptr_t)value > sweep->now && !map_set(&sweep->kept, key, value))
        sweep->failed = true;
}

/* Forgets who owes nothing any more; not often, so that a full table costs little. */
static void sweep_if_full(struct pace *pace, int64_t now)
{
    struct sweep sweep = {.now = now};
    if (pace->free_at.count < PACE_KEYS_MAX || now - pace->swept_at < SWEEP_SECONDS * CLOCK_SECOND)
        return;
    pace->swept_at = now;
    map_each(&pace->free_at, keep_busy, &sweep);
    if (sweep.failed) {
        map_release(&sweep.kept);
        return;
    }
    map_release(&pace->free_at);
    pace->free_at = sweep.kept;
}

bool pace_take(struct pace *pace, struct slice key, struct pace_limit limit)
{
    int64_t now = clock_mono_us();
    if (limit.count == 0)
        return true;
    must(limit.period_us > 0);
    int64_t step = MAX(limit.period_us / (int64_t)limit.count, INT64_C(1));
    pthread_mutex_lock(&pace->lock);
    int64_t known = (int64_t)(intptr_t)map_get(&pace->free_at, key);
    int64_t from = MAX(known, now);
    bool fits = from - now + step <= limit.period_us;
    if (fits) {
        if (known == 0)
            sweep_if_full(pace, now);
        /* With no memory it passes uncounted, as when the table is full. */
        if (known != 0 || pace->free_at.count < PACE_KEYS_MAX)
            (void)!map_set(&pace->free_at, key, (void *)(intptr_t)(from + step));
    }
    pthread_mutex_unlock(&pace->lock);
    return fits;
}
