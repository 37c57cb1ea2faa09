/* A stranger's local part is decoded, and a stranger's sender is rewritten and found again. */
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/must.h"
#include "directory/directory.h"
#include "directory/srs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char key[SRS_KEY_SIZE] = {1};
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct slice input = slice_of(data, size);
    struct slice address, back;
    struct error error;
    if (srs_decode(key, input, 20000 * CLOCK_DAY, &arena, &address, &error) == ERR_OK)
        must(address.n <= ADDRESS_MAX && slice_find_char(address, '@') > 0);
    if (srs_encode(key, input, S("ours.example"), 20000 * CLOCK_DAY, &arena, &address, &error) != ERR_OK)
        return 0;
    must(address.n <= ADDRESS_MAX && slice_ends(address, S("@ours.example")));
    struct slice local = slice_sub(address, 0, address.n - 13);
    enum err code = srs_decode(key, local, 20000 * CLOCK_DAY, &arena, &back, &error);
    /* What stood in a stranger's own SRS form may be broken; everything else comes back. */
    if (slice_starts(address, S("SRS0=")) && code == ERR_OK)
        must(slice_eq(back, input));
    return 0;
}
