#include "send/schedule.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "send/sender.h"

enum { LANES_IN_TROUBLE_MAX = 10000, BACK_THREADS = 8, GATES_MAX = 10000 };

/* Servers with a limit of their own, whichever lanes they are of. */
struct gate {
    unsigned open;
    int64_t turn_us;
};

/* --- time --- */

bool schedule_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t after_us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + after_us % CLOCK_SECOND * 1000;
    until.tv_sec += after_us / CLOCK_SECOND + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    return pthread_cond_timedwait(condition, lock, &until) == 0;
}

void schedule_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

/* --- lanes --- */

static struct lane *make_lane(struct slice key)
{
    struct lane *lane = calloc(1, sizeof(*lane));
    char *text = slice_to_cstr(key);
    struct slice rest;
    if (lane == NULL || text == NULL) {
        free(lane);
        free(text);
        return NULL;
    }
    lane->key = text;
    slice_cut(slice_cstr(text), '\n', &lane->name, &rest);
    lane->last = &lane->first;
    lane->throttle = throttle_new(SENDER_CONNECTIONS_MAX);
    schedule_condition_init(&lane->arrived);
    return lane;
}

static void free_lane(struct lane *lane)
{
    pthread_cond_destroy(&lane->arrived);
    free(lane->key);
    free(lane);
}

enum err schedule_init(struct schedule *s, unsigned threads_max, struct error *error)
{
    *s = (struct schedule){.last_ready = &s->first_ready, .threads_max = threads_max};
    s->back = make_lane(S(""));
    if (s->back == NULL)
        return fail_nomem(error);
    s->back->throttle = (struct throttle){.max = BACK_THREADS, .limit = BACK_THREADS};
    pthread_mutex_init(&s->lock, NULL);
    schedule_condition_init(&s->work);
    schedule_condition_init(&s->delayed);
    return ERR_OK;
}

static void free_one_lane(void *context UNUSED, struct slice key UNUSED, void *value)
{
    free_lane(value);
}

static void free_gate(void *context UNUSED, struct slice key UNUSED, void *value)
{
    free(value);
}

void schedule_release(struct schedule *s)
{
    map_each(&s->lanes, free_one_lane, NULL);
    map_release(&s->lanes);
    map_each(&s->gates, free_gate, NULL);
    map_release(&s->gates);
    terms_table_unref(s->terms);
    free_lane(s->back);
    pthread_cond_destroy(&s->work);
    pthread_cond_destroy(&s->delayed);
    pthread_mutex_destroy(&s->lock);
}

static void take_terms(const struct schedule *s, struct lane *lane)
{
    const struct terms *terms = terms_of_domain(s->terms, lane->name);
    throttle_set_max(&lane->throttle, terms->connections > 0 ? terms->connections : SENDER_CONNECTIONS_MAX);
    lane->rate = terms->rate;
}

struct lane *schedule_lane(struct schedule *s, const struct outbound_parcel *parcel)
{
    CLEANUP(buf_release) struct buf key = BUF(4096);
    buf_put(&key, parcel->domain);
    buf_putc(&key, '\n');
    buf_put(&key, parcel->addresses);
    if (buf_failed(&key))
        return NULL;
    struct lane *lane = map_get(&s->lanes, buf_slice(&key));
    if (lane != NULL)
        return lane;
    lane = make_lane(buf_slice(&key));
    if (lane == NULL)
        return NULL;
    if (!map_set(&s->lanes, slice_cstr(lane->key), lane)) {
        free_lane(lane);
        return NULL;
    }
    take_terms(s, lane);
    return lane;
}

/* Trouble is remembered as long as it lasts, but not without end. */
void schedule_forget_if_unused(struct schedule *s, struct lane *lane)
{
    bool in_trouble =
        throttle_is_blocked(&lane->throttle, clock_mono_us()) && s->lanes.count <= LANES_IN_TROUBLE_MAX;
    if (lane == s->back || lane->waiting > 0 || lane->active > 0 || lane->delayed || in_trouble)
        return;
    must(!lane->ready);
    (void)map_remove(&s->lanes, slice_cstr(lane->key));
    free_lane(lane);
}

struct visit {
    void (*fn)(void *context, struct lane *lane);
    void *context;
};

static void visit_lane(void *context, struct slice key UNUSED, void *value)
{
    const struct visit *visit = context;
    visit->fn(visit->context, value);
}

void schedule_each_lane(struct schedule *s, void (*fn)(void *context, struct lane *lane), void *context)
{
    struct visit visit = {fn, context};
    map_each(&s->lanes, visit_lane, &visit);
}

static void renew_terms(void *context, struct lane *lane)
{
    take_terms(context, lane);
}

void schedule_set_terms(struct schedule *s, struct terms_table *terms)
{
    terms_table_unref(s->terms);
    s->terms = terms;
    schedule_each_lane(s, renew_terms, s);
}

/* --- whose turn it is --- */

/* A lane that has a thread already has at most as many as are left for the others. */
static bool may_have_one_more(const struct schedule *s, const struct lane *lane)
{
    unsigned left = s->threads_max - MIN(s->serving, s->threads_max);
    return lane->active < lane->throttle.limit && (lane->active == 0 || lane->active < left);
}

void schedule_make_ready(struct schedule *s, struct lane *lane)
{
    if (lane->ready || lane->delayed || lane->waiting == 0 || !may_have_one_more(s, lane))
        return;
    lane->ready = true;
    lane->next_ready = NULL;
    *s->last_ready = lane;
    s->last_ready = &lane->next_ready;
    pthread_cond_signal(&s->work);
}

void schedule_not_ready(struct schedule *s, struct lane *lane)
{
    struct lane **at = &s->first_ready;
    if (!lane->ready)
        return;
    while (*at != lane)
        at = &(*at)->next_ready;
    *at = lane->next_ready;
    if (s->last_ready == &lane->next_ready)
        s->last_ready = at;
    lane->ready = false;
}

struct lane *schedule_next(struct schedule *s)
{
    struct lane *lane = s->first_ready;
    if (lane != NULL)
        schedule_not_ready(s, lane);
    return lane;
}

void schedule_delay(struct schedule *s, struct lane *lane, int64_t until_us)
{
    schedule_not_ready(s, lane);
    lane->delayed_until_us = lane->delayed ? MAX(lane->delayed_until_us, until_us) : until_us;
    if (!lane->delayed) {
        lane->delayed = true;
        lane->next_delayed = s->first_delayed;
        s->first_delayed = lane;
    }
    pthread_cond_signal(&s->delayed);
}

int64_t schedule_wake(struct schedule *s, int64_t now_us)
{
    int64_t next = INT64_MAX;
    struct lane **at = &s->first_delayed;
    while (*at != NULL) {
        struct lane *lane = *at;
        if (lane->delayed_until_us > now_us) {
            next = MIN(next, lane->delayed_until_us);
            at = &lane->next_delayed;
            continue;
        }
        *at = lane->next_delayed;
        lane->delayed = false;
        schedule_make_ready(s, lane);
        schedule_forget_if_unused(s, lane);
    }
    return next;
}

/* --- items --- */

void schedule_put(struct schedule *s, struct lane *lane, struct item *item)
{
    item->next = NULL;
    *lane->last = item;
    lane->last = &item->next;
    lane->waiting++;
    if (lane->keeping > 0)
        pthread_cond_signal(&lane->arrived);
    if (lane->waiting > lane->keeping)
        schedule_make_ready(s, lane);
}

void schedule_put_first(struct schedule *s, struct lane *lane, struct item *item)
{
    item->next = lane->first;
    lane->first = item;
    if (item->next == NULL)
        lane->last = &item->next;
    lane->waiting++;
    if (lane->keeping > 0)
        pthread_cond_signal(&lane->arrived);
    if (lane->waiting > lane->keeping)
        schedule_make_ready(s, lane);
}

struct item *schedule_take(struct schedule *s, struct lane *lane)
{
    struct item *item = lane->first;
    if (item != NULL) {
        lane->first = item->next;
        if (lane->first == NULL)
            lane->last = &lane->first;
        lane->waiting--;
    }
    if (lane->waiting == 0)
        schedule_not_ready(s, lane);
    return item;
}

/* --- room --- */

void schedule_done(struct lane *lane, int64_t now_us)
{
    int64_t took = now_us - lane->event_us;
    lane->each_us = lane->event_us == 0 ? 0 : lane->each_us == 0 ? took : (7 * lane->each_us + took) / 8;
    lane->event_us = lane->waiting > 0 || lane->active > 1 ? now_us : 0;
}

/* What its next item will take: as the last ones did, or longer, if it has been waited for longer already. */
static int64_t time_of_one(const struct lane *lane, int64_t now_us)
{
    return MAX(lane->each_us, lane->event_us != 0 ? now_us - lane->event_us : 0);
}

struct slowest {
    struct lane *lane;
    int64_t needs_us, now_us;
};

static void find_slowest(void *context, struct lane *lane)
{
    struct slowest *slowest = context;
    int64_t needs = (int64_t)lane->waiting * time_of_one(lane, slowest->now_us);
    if (lane->waiting > 1 && needs > slowest->needs_us)
        *slowest = (struct slowest){lane, needs, slowest->now_us};
}

bool schedule_squeeze(struct schedule *s, int64_t now_us, int64_t wall_us)
{
    struct slowest slowest = {.needs_us = SCHEDULE_SLOW_SECONDS * CLOCK_SECOND, .now_us = now_us};
    schedule_each_lane(s, find_slowest, &slowest);
    struct lane *lane = slowest.lane;
    if (lane == NULL)
        return false;
    size_t stays = lane->waiting - lane->waiting / 2;
    int64_t each = MAX(time_of_one(lane, now_us), INT64_C(1));
    struct item **at = &lane->first;
    for (size_t i = 0; i < stays; i++)
        at = &(*at)->next;
    struct item *item = *at;
    *at = NULL;
    lane->last = at;
    lane->waiting = stays;
    lane->slot_us = MAX(lane->slot_us, wall_us + slowest.needs_us / 2);
    while (item != NULL) {
        struct item *next = item->next;
        lane->slot_us = MIN(lane->slot_us + each, wall_us + SCHEDULE_SLOT_MAX_SECONDS * CLOCK_SECOND);
        item->back_until_us = lane->slot_us;
        schedule_put(s, s->back, item);
        item = next;
    }
    return true;
}

/* --- servers --- */

static struct gate *gate_of(struct schedule *s, const struct terms *server)
{
    struct gate *gate = map_get(&s->gates, server->pattern);
    if (gate != NULL || s->gates.count >= GATES_MAX)
        return gate;
    gate = calloc(1, sizeof(*gate));
    if (gate != NULL && !map_set(&s->gates, server->pattern, gate)) {
        free(gate);
        return NULL;
    }
    return gate;
}

bool schedule_enter(struct schedule *s, const struct terms *server)
{
    if (server->connections == 0)
        return true;
    struct gate *gate = gate_of(s, server);
    if (gate == NULL || gate->open >= server->connections)
        return false;
    gate->open++;
    return true;
}

void schedule_leave(struct schedule *s, const struct terms *server)
{
    struct gate *gate = server->connections > 0 ? map_get(&s->gates, server->pattern) : NULL;
    if (gate == NULL)
        return;
    must(gate->open > 0);
    gate->open--;
}

int64_t schedule_turn(struct schedule *s, const struct terms *server, int64_t now_us)
{
    struct gate *gate = server->rate > 0 ? gate_of(s, server) : NULL;
    return gate != NULL ? throttle_take_turn(&gate->turn_us, server->rate, now_us) : now_us;
}
