#include "admin/size.h"

#include <inttypes.h>

static const char units[] = "KMGT";

enum { UNIT_SHIFT = 10 };

bool size_parse(struct slice text, uint64_t *ret_bytes)
{
    unsigned shift = 0;
    if (text.n > 0 && !ascii_is_digit(text.p[text.n - 1])) {
        const char *unit = strchr(units, ascii_upper(text.p[text.n - 1]));
        if (unit == NULL || *unit == 0)
            return false;
        shift = UNIT_SHIFT * (unsigned)(unit - units + 1);
        text.n--;
    }
    uint64_t n;
    if (!slice_to_u64(text, &n) || n > (uint64_t)INT64_MAX >> shift)
        return false;
    *ret_bytes = n << shift;
    return true;
}

void size_text(uint64_t bytes, char ret_text[static SIZE_TEXT_MAX])
{
    unsigned unit = 0;
    while (unit < sizeof(units) - 1 && bytes >> (UNIT_SHIFT * (unit + 1)) > 0)
        unit++;
    if (unit == 0) {
        snprintf(ret_text, SIZE_TEXT_MAX, "%" PRIu64, bytes);
        return;
    }
    unsigned shift = UNIT_SHIFT * unit;
    uint64_t whole = bytes >> shift;
    uint64_t tenth = ((bytes & ((UINT64_C(1) << shift) - 1)) * 10) >> shift;
    if (tenth == 0 || whole >= 100)
        snprintf(ret_text, SIZE_TEXT_MAX, "%" PRIu64 "%c", whole, units[unit - 1]);
    else
        snprintf(ret_text, SIZE_TEXT_MAX, "%" PRIu64 ".%" PRIu64 "%c", whole, tenth, units[unit - 1]);
}
