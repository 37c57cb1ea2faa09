/* TLSA records: whatever is taken keeps within its bounds and is of a kind that can be used. */
#include "base/must.h"
#include "send/dane.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tlsa record;
    if (!dane_read(slice_of(data, size), &record))
        return 0;
    must(record.usage == 2 || record.usage == 3);
    must(record.data.n > 0 && record.data.n + 3 == size);
    return 0;
}
