#include "base/ids.h"

#include <sodium.h>
#include <stdio.h>

void id_to_text(uint64_t v, char ret_text[static ID_TEXT_MAX])
{
    snprintf(ret_text, ID_TEXT_MAX, "%016llx", (unsigned long long)v);
}

bool id_from_text(struct slice text, uint64_t *ret)
{
    uint64_t v = 0;
    if (text.n != ID_TEXT_MAX - 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);
        if (ascii_is_digit(c))
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

uint64_t id_random(void)
{
    uint64_t v = 0;
    while (v == 0) {
        randombytes_buf(&v, sizeof(v));
        v &= INT64_MAX;
    }
    return v;
}
