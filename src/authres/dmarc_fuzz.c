#include <stdlib.h>

#include "authres/dmarc_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct dmarc_record record;
    char address[256];
    if (!dmarc_record_parse(slice_of(bytes, size), &record))
        return 0;
    if (record.policy >= DMARC_POLICIES || record.percent > 100)
        abort();
    while (dmarc_record_address(&record.reports, address, sizeof(address)))
        if (strchr(address, '@') == NULL)
            abort();
    return 0;
}
