/* Any bytes as an address: what is taken is stable, within the limits, and its own spelling means the same.
 */
#include "base/must.h"
#include "directory/address.h"
#include "directory/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1024 * 1024);
    struct address_parts parts;
    struct address_parts again;
    struct error error;
    struct slice name;
    if (domain_normalise(slice_of(data, size), &arena, &name, &error) == ERR_OK) {
        struct slice second;
        must(name.n <= ADDRESS_DOMAIN_MAX);
        must(domain_normalise(name, &arena, &second, &error) == ERR_OK && slice_eq(name, second));
    }
    if (address_parse(slice_of(data, size), &arena, &parts, &error) != ERR_OK)
        return 0;
    must(parts.local.n > 0 && parts.local.n <= address_local_max(parts.local) && parts.key.n <= ADDRESS_MAX);
    if (parts.shown.n <= ADDRESS_MAX) { /* A-labels are longer than what they stand for */
        must(address_parse(parts.shown, &arena, &again, &error) == ERR_OK);
        must(slice_eq(parts.key, again.key));
    }
    return 0;
}
