#include "send/throttle.h"

#include "base/clock.h"

struct throttle throttle_new(unsigned max)
{
    return (struct throttle){.max = max, .limit = 1, .threshold = max};
}

void throttle_set_max(struct throttle *t, unsigned max)
{
    if (t->threshold == t->max)
        t->threshold = max; /* it was never pushed back */
    t->max = max;
    t->limit = MIN(t->limit, max);
    t->threshold = MIN(t->threshold, max);
}

void throttle_unblock(struct throttle *t)
{
    t->failures = 0;
    t->pushes = 0;
    t->blocked_until_us = 0;
}

void throttle_success(struct throttle *t)
{
    throttle_unblock(t);
    t->successes++;
    if (t->limit < t->max && (t->limit < t->threshold || t->successes >= t->limit)) {
        t->limit++;
        t->successes = 0;
    }
}

static void halve(struct throttle *t)
{
    t->limit = t->threshold = MAX(t->limit / 2, 1U);
    t->successes = 0;
}

void throttle_unreachable(struct throttle *t, int64_t now_us)
{
    int64_t seconds = (int64_t)THROTTLE_BLOCK_SECONDS << MIN(t->failures, 5U);
    t->failures++;
    t->pushes = 0;
    t->blocked_until_us = now_us + MIN(seconds, (int64_t)THROTTLE_BLOCK_MAX_SECONDS) * CLOCK_SECOND;
    halve(t);
}

void throttle_pushed_back(struct throttle *t, int64_t now_us)
{
    if (++t->pushes >= THROTTLE_PATIENCE)
        throttle_unreachable(t, now_us);
    else
        halve(t);
}

void throttle_crowded(struct throttle *t, unsigned open)
{
    t->limit = t->threshold = MAX(MIN(t->limit, open), 1U);
    t->successes = 0;
}

bool throttle_is_blocked(const struct throttle *t, int64_t now_us)
{
    return t->blocked_until_us > now_us;
}

int64_t throttle_take_turn(int64_t *turn_us, uint32_t rate, int64_t now_us)
{
    int64_t turn = MAX(*turn_us, now_us);
    *turn_us = rate > 0 ? turn + CLOCK_MINUTE / rate : 0;
    return rate > 0 ? turn : now_us;
}

/* RFC 5321 3.8: 421, the service is not available; RFC 3463 3.4, 3.5: the system is full, takes nothing now,
 * or is congested. Other 4xx may be about this message, as greylisting's are. */
static bool is_too_much(const struct outbound_result *result)
{
    static const struct slice statuses[] = {
        {"4.3.1", 5},
        {"4.3.2", 5},
        {"4.4.5", 5},
    };
    if (result->outcome != OUTBOUND_DEFERRED || result->peer.n == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (slice_eq(result->status, statuses[i]))
            return true;
    return slice_starts(result->text, S("421"));
}

enum throttle_word throttle_word_of(const struct outbound_result *results, size_t count)
{
    enum throttle_word word = THROTTLE_NEITHER;
    for (size_t i = 0; i < count; i++) {
        if (is_too_much(&results[i]))
            return THROTTLE_TOO_MUCH;
        if (results[i].outcome == OUTBOUND_RELAYED || results[i].outcome == OUTBOUND_FAILED)
            word = THROTTLE_TAKEN;
    }
    return word;
}
