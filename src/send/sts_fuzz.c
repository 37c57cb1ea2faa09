/* MTA-STS: TXT records and the policy's text. What is taken is within the limits that the header gives. */
#include "base/must.h"
#include "send/sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char id[STS_ID_MAX + 1];
    struct sts_policy policy;
    struct slice text = slice_of(data, size);
    struct slice records[2] = {text, slice_from(text, size / 2)};
    CLEANUP(arena_release) struct arena arena = ARENA(4 * 1024 * 1024);
    if (sts_read_records(records, size % 3, id))
        must(strlen(id) > 0 && strlen(id) <= STS_ID_MAX);
    if (!sts_read_policy(text, &arena, &policy))
        return 0;
    must(policy.max_age <= STS_AGE_MAX);
    must(policy.mode == STS_NONE || policy.mx_count > 0);
    for (size_t i = 0; i < policy.mx_count; i++)
        must(policy.mx[i].n > 0 &&
             (slice_starts(policy.mx[i], S("*.")) || sts_names_host(&policy, policy.mx[i])));
    return 0;
}
