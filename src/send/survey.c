#include "send/survey.h"

#include "base/clock.h"

/* The first rows behind `after`. */
struct page {
    struct slice after;
    const struct lane *lanes[LANES_PAGE_MAX];
    size_t count;
};

static void add_lane(void *context, struct lane *lane)
{
    struct page *page = context;
    struct slice key = slice_cstr(lane->key);
    if (page->after.n > 0 && slice_cmp(key, page->after) <= 0)
        return;
    size_t at = page->count;
    while (at > 0 && slice_cmp(slice_cstr(page->lanes[at - 1]->key), key) > 0)
        at--;
    if (at == LANES_PAGE_MAX)
        return;
    page->count = MIN(page->count + 1, (size_t)LANES_PAGE_MAX);
    for (size_t i = page->count - 1; i > at; i--)
        page->lanes[i] = page->lanes[i - 1];
    page->lanes[at] = lane;
}

static struct lane_state describe(const struct lane *lane, int64_t now_us, struct arena *arena)
{
    struct slice name, addresses;
    slice_cut(slice_cstr(lane->key), '\n', &name, &addresses);
    return (struct lane_state){
        .name = arena_dup(arena, name),
        .addresses = arena_dup(arena, addresses),
        .taken = (uint32_t)lane->waiting,
        .sending = lane->active - lane->keeping,
        .limit = lane->throttle.limit,
        .messages = lane->messages,
        .connections = lane->connections,
        .blocked_us = (uint64_t)MAX(lane->throttle.blocked_until_us - now_us, INT64_C(0)),
        .answer = arena_dup(arena, slice_cstr(lane->answer)),
        .tls = arena_dup(arena, slice_cstr(lane->tls)),
    };
}

void schedule_survey(struct schedule *schedule, struct slice after, struct arena *arena,
                     struct lane_state ret_rows[static LANES_PAGE_MAX], size_t *ret_count)
{
    struct page page = {.after = after};
    pthread_mutex_lock(&schedule->lock);
    schedule_each_lane(schedule, add_lane, &page);
    for (size_t i = 0; i < page.count; i++)
        ret_rows[i] = describe(page.lanes[i], clock_mono_us(), arena);
    pthread_mutex_unlock(&schedule->lock);
    *ret_count = arena_failed(arena) ? 0 : page.count;
}
