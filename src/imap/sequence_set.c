#include "imap/sequence_set.h"

#include <stdlib.h>

static bool parse_number(struct cursor *c, uint32_t *ret)
{
    if (cursor_skip_char(c, '*')) {
        *ret = 0;
        return true;
    }
    return cursor_u32(c, ret) && *ret != 0;
}

static size_t ranges_ahead(const struct cursor *c)
{
    size_t count = 1;
    for (const char *p = c->p; p < c->end; p++) {
        if (*p == ',')
            count++;
        else if (!ascii_is_digit(*p) && *p != ':' && *p != '*')
            break;
    }
    return count;
}

bool imap_sequence_set_parse(struct cursor *c, struct arena *arena, struct imap_sequence_set *ret_set)
{
    if (cursor_skip_char(c, '$')) {
        *ret_set = (struct imap_sequence_set){.saved = true};
        return true;
    }
    struct cursor probe = *c;
    size_t max = ranges_ahead(c);
    if (max > IMAP_SEQUENCE_RANGES_MAX)
        return false;
    struct imap_sequence_set set = {.ranges = arena_array(arena, max, sizeof(*set.ranges))};
    if (set.ranges == NULL)
        return false;
    do {
        struct imap_sequence_range *range = &set.ranges[set.count++];
        if (!parse_number(&probe, &range->first))
            return false;
        range->last = range->first;
        if (cursor_skip_char(&probe, ':') && !parse_number(&probe, &range->last))
            return false;
    } while (cursor_skip_char(&probe, ','));
    *c = probe;
    *ret_set = set;
    return true;
}

static int range_order(const void *a, const void *b)
{
    const struct uid_range *left = a;
    const struct uid_range *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

void imap_sequence_set_numbers(const struct imap_sequence_set *set, uint32_t star, struct uid_set *out)
{
    /* Sorted first: adding in ascending order is cheap, and a client may write them in any order. */
    struct uid_range *sorted = calloc(set->count + 1, sizeof(*sorted));
    if (sorted == NULL) {
        out->failed = true;
        return;
    }
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        uint32_t first = set->ranges[i].first == 0 ? star : set->ranges[i].first;
        uint32_t last = set->ranges[i].last == 0 ? star : set->ranges[i].last;
        struct uid_range range = {MIN(first, last), MAX(first, last)};
        if (range.first == 0)
            range.first = 1;
        if (range.last >= range.first)
            sorted[count++] = range;
    }
    qsort(sorted, count, sizeof(*sorted), range_order);
    for (size_t i = 0; i < count; i++)
        uid_set_add(out, sorted[i].first, sorted[i].last);
    free(sorted);
}
