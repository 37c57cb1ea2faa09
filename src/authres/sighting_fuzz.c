/* Any bytes as a row or a policy: refused, or written again as the same. */
#include <stdlib.h>

#include "authres/sighting.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(buf_release) struct buf first = BUF(1024 * 1024);
    CLEANUP(buf_release) struct buf second = BUF(1024 * 1024);
    struct sighting_row row, again;
    struct dmarc_record record;
    if (sighting_get_policy(slice_of(bytes, size), &record) && record.policy >= DMARC_POLICIES)
        abort();
    if (!sighting_get_row(slice_of(bytes, size), &row))
        return 0;
    sighting_put_row(&first, &row);
    if (!sighting_get_row(buf_slice(&first), &again))
        abort();
    sighting_put_row(&second, &again);
    if (!slice_eq(buf_slice(&first), buf_slice(&second)))
        abort();
    return 0;
}
