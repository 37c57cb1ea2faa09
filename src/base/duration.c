#include "base/duration.h"

#include <stdio.h>

bool duration_parse(struct slice text, int64_t *ret_seconds)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'m', 60}, {'h', 3600}, {'d', 24 * 3600}, {'w', 7 * 24 * 3600}};
    uint64_t number = 0;
    if (text.n < 2 || !slice_to_u64(slice_sub(text, 0, text.n - 1), &number) || number == 0)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ascii_lower(text.p[text.n - 1]) != units[i].letter)
            continue;
        if (number > (uint64_t)(DURATION_MAX_SECONDS / units[i].seconds))
            return false;
        *ret_seconds = (int64_t)number * units[i].seconds;
        return true;
    }
    return false;
}

void duration_text(uint64_t seconds, char ret_text[static DURATION_TEXT_MAX])
{
    static const struct {
        char letter;
        uint64_t seconds;
    } units[] = {{'d', 24 * 3600}, {'h', 3600}, {'m', 60}, {'s', 1}};
    size_t i = 0;
    while (seconds % units[i].seconds != 0)
        i++;
    snprintf(ret_text, DURATION_TEXT_MAX, "%llu%c", (unsigned long long)(seconds / units[i].seconds),
             units[i].letter);
}
