#include "imap/partial.h"

static bool parse_end(struct imap_parser *p, bool *ret_from_end, uint32_t *ret)
{
    *ret_from_end = cursor_skip_char(&p->text, '-');
    return imap_parse_number(p, ret) && (*ret > 0 || imap_parse_fail(p, "a part is counted from 1"));
}

bool imap_parse_partial(struct imap_parser *p, struct imap_partial *ret)
{
    struct imap_partial partial;
    bool last_from_end;
    if (!parse_end(p, &partial.from_end, &partial.first) || !imap_parse_char(p, ':') ||
        !parse_end(p, &last_from_end, &partial.last))
        return false;
    if (last_from_end != partial.from_end)
        return imap_parse_fail(p, "both ends of a part are counted from the same side");
    *ret = partial;
    return true;
}

void imap_put_partial(struct buf *out, struct imap_partial partial)
{
    const char *sign = partial.from_end ? "-" : "";
    buf_printf(out, "%s%u:%s%u", sign, partial.first, sign, partial.last);
}

void imap_partial_places(struct imap_partial partial, uint64_t count, uint64_t *ret_from, uint64_t *ret_to)
{
    uint64_t from = MIN(MIN(partial.first, partial.last) - UINT64_C(1), count);
    uint64_t to = MIN((uint64_t)MAX(partial.first, partial.last), count);
    *ret_from = partial.from_end ? count - to : from;
    *ret_to = partial.from_end ? count - from : to;
}

void imap_set_places(const struct uid_set *set, uint64_t from, uint64_t to, struct uid_set *out)
{
    uint64_t at = 0;
    for (size_t i = 0; i < set->count && at < to; i++) {
        const struct uid_range *range = &set->ranges[i];
        uint64_t size = (uint64_t)range->last - range->first + 1;
        uint64_t first = MAX(at, from);
        uint64_t end = MIN(at + size, to);
        if (first < end)
            uid_set_add(out, (uint32_t)(range->first + (first - at)),
                        (uint32_t)(range->first + (end - at) - 1));
        at += size;
    }
}
