/* A header stripped of our name's fields has none left, and is what it was but for them. */
#include <stdlib.h>

#include "authres/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    CLEANUP(buf_release) struct buf once = BUF(1024 * 1024);
    CLEANUP(buf_release) struct buf twice = BUF(1024 * 1024);
    struct slice server = S("mail.example");
    results_strip(&once, slice_of(bytes, size), server);
    if (buf_failed(&once) || once.n > size)
        abort();
    results_strip(&twice, buf_slice(&once), server);
    /* What stood behind a field that is gone may be read as another one's continuation: never more than
     * before. */
    if (twice.n > once.n)
        abort();
    return 0;
}
