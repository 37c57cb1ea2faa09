#include "store/uid_set.h"

#include <stdlib.h>

#include "base/wire.h"

void uid_set_release(struct uid_set *set)
{
    free(set->ranges);
    *set = (struct uid_set){0};
}

static bool grow(struct uid_set *set)
{
    if (set->count < set->cap)
        return true;
    size_t cap = set->cap > 0 ? set->cap * 2 : 8;
    if (cap > UID_SET_RANGES_MAX)
        cap = UID_SET_RANGES_MAX;
    struct uid_range *ranges = set->count < cap ? realloc(set->ranges, cap * sizeof(*ranges)) : NULL;
    if (ranges == NULL) {
        set->failed = true;
        return false;
    }
    set->ranges = ranges;
    set->cap = cap;
    return true;
}

/* Index of the first range that ends at or behind uid; count when there is none. */
static size_t find(const struct uid_set *set, uint32_t uid)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert_at(struct uid_set *set, size_t at, uint32_t first, uint32_t last)
{
    if (!grow(set))
        return;
    memmove(&set->ranges[at + 1], &set->ranges[at], (set->count - at) * sizeof(*set->ranges));
    set->ranges[at] = (struct uid_range){first, last};
    set->count++;
}

static void drop(struct uid_set *set, size_t from, size_t to)
{
    memmove(&set->ranges[from], &set->ranges[to], (set->count - to) * sizeof(*set->ranges));
    set->count -= to - from;
}

void uid_set_add(struct uid_set *set, uint32_t first, uint32_t last)
{
    if (set->failed || first > last)
        return;
    /* Ascending adds touch only the end. */
    struct uid_range *end = set->count > 0 ? &set->ranges[set->count - 1] : NULL;
    if (end == NULL || (first > end->last && first - end->last > 1)) {
        insert_at(set, set->count, first, last);
        return;
    }
    size_t from = find(set, first > 0 ? first - 1 : 0); /* a range that ends right before joins too */
    size_t to = from;
    while (to < set->count && (last == UINT32_MAX || set->ranges[to].first <= last + 1))
        to++;
    if (from == to) {
        insert_at(set, from, first, last);
        return;
    }
    struct uid_range joined = {MIN(first, set->ranges[from].first), MAX(last, set->ranges[to - 1].last)};
    drop(set, from + 1, to);
    set->ranges[from] = joined;
}

void uid_set_remove(struct uid_set *set, uint32_t first, uint32_t last)
{
    if (set->failed || first > last)
        return;
    size_t from = find(set, first);
    if (from == set->count || set->ranges[from].first > last)
        return;
    struct uid_range *range = &set->ranges[from];
    if (range->first < first) {
        uint32_t old_last = range->last;
        if (old_last > last) { /* a hole within one range */
            range->last = first - 1;
            insert_at(set, from + 1, last + 1, old_last);
            return;
        }
        range->last = first - 1;
        from++;
    }
    size_t to = from;
    while (to < set->count && set->ranges[to].last <= last)
        to++;
    if (to < set->count && set->ranges[to].first <= last)
        set->ranges[to].first = last + 1;
    drop(set, from, to);
}

void uid_set_union(struct uid_set *set, const struct uid_set *other)
{
    if (other->failed)
        set->failed = true;
    for (size_t i = 0; i < other->count; i++)
        uid_set_add(set, other->ranges[i].first, other->ranges[i].last);
}

void uid_set_subtract(struct uid_set *set, const struct uid_set *other)
{
    for (size_t i = 0; i < other->count; i++)
        uid_set_remove(set, other->ranges[i].first, other->ranges[i].last);
}

void uid_set_intersect(struct uid_set *set, const struct uid_set *other)
{
    struct uid_set both = {.failed = set->failed || other->failed};
    size_t a = 0;
    size_t b = 0;
    while (a < set->count && b < other->count) {
        const struct uid_range *left = &set->ranges[a];
        const struct uid_range *right = &other->ranges[b];
        uid_set_add(&both, MAX(left->first, right->first), MIN(left->last, right->last));
        if (left->last < right->last)
            a++;
        else
            b++;
    }
    uid_set_release(set);
    *set = both;
}

bool uid_set_has(const struct uid_set *set, uint32_t uid)
{
    size_t at = find(set, uid);
    return at < set->count && set->ranges[at].first <= uid;
}

uint64_t uid_set_size(const struct uid_set *set)
{
    uint64_t size = 0;
    for (size_t i = 0; i < set->count; i++)
        size += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
    return size;
}

void uid_set_print(const struct uid_set *set, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++) {
        if (i > 0)
            buf_putc(out, ',');
        buf_put_u64(out, set->ranges[i].first);
        if (set->ranges[i].last != set->ranges[i].first) {
            buf_putc(out, ':');
            buf_put_u64(out, set->ranges[i].last);
        }
    }
}

/* For each range: how far it starts behind the last one's end (the first: behind 0), and its length - 1. */
void uid_set_encode(const struct uid_set *set, struct buf *out)
{
    uint64_t next = 0;
    for (size_t i = 0; i < set->count; i++) {
        wire_put_varint(out, set->ranges[i].first - next);
        wire_put_varint(out, set->ranges[i].last - set->ranges[i].first);
        next = (uint64_t)set->ranges[i].last + 1;
    }
}

bool uid_set_decode(struct slice in, struct uid_set *ret_set)
{
    struct wire_reader reader = wire_reader_of(in);
    CLEANUP(uid_set_release) struct uid_set set = {0};
    uint64_t next = 0;
    while (!cursor_done(&reader.c)) {
        uint64_t gap = wire_get_varint(&reader);
        uint64_t more = wire_get_varint(&reader);
        if (!wire_ok(&reader) || gap > UINT32_MAX || more > UINT32_MAX || next + gap + more > UINT32_MAX)
            return false;
        uid_set_add(&set, (uint32_t)(next + gap), (uint32_t)(next + gap + more));
        next += gap + more + 1;
    }
    if (set.failed)
        return false;
    *ret_set = set;
    set = (struct uid_set){0};
    return true;
}
