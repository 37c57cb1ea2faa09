/* mailto URIs: what is taken has addresses that mail can be sent to, and fields that are fields. */
#include "base/must.h"
#include "sieve/mailto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_addresses(const struct mime_address *list, size_t *count)
{
    for (; list != NULL; list = list->next, ++*count)
        must(list->local.n > 0 && list->domain.n > 0 && slice_is_ascii(list->local));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(MAILTO_ARENA_MAX);
    struct mailto mailto;
    size_t count = 0;
    if (!mailto_parse(&arena, slice_of(data, size), &mailto))
        return 0;
    check_addresses(mailto.to, &count);
    check_addresses(mailto.cc, &count);
    must(count == mailto.recipient_count && count <= MAILTO_RECIPIENTS_MAX);
    must(mailto.field_count <= MAILTO_FIELDS_MAX);
    for (size_t i = 0; i < mailto.field_count; i++)
        must(mailto.fields[i].name.n > 0 && slice_find_char(mailto.fields[i].value, '\n') < 0);
    return 0;
}
