/* Any pattern over any text: the input is the pattern, a NUL, and the text. */
#include "base/must.h"
#include "sieve/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(256 << 20);
    struct wildcard_span spans[REGEX_GROUPS];
    struct regex_result result;
    struct regex *regex;
    struct slice pattern, text;
    slice_cut(slice_of(data, size), 0, &pattern, &text);
    if (regex_compile(&arena, pattern, size % 2 == 0, &regex) != NULL)
        return 0;
    if (!regex_match(&arena, regex, text, 10000000, spans, &result) || !result.matched)
        return 0;
    must(result.count >= 1 && result.count <= REGEX_GROUPS);
    for (size_t i = 0; i < result.count; i++)
        must(spans[i].at <= text.n && spans[i].n <= text.n - spans[i].at);
    return 0;
}
