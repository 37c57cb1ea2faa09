/* Any bytes as a path and its parameters: what is taken is inside the input, within the limits, and the same
 * when it is read again. */
#include "base/must.h"
#include "directory/directory.h"
#include "smtp/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_again(struct slice address)
{
    char text[ADDRESS_MAX + 3];
    struct smtp_path path;
    text[0] = '<';
    if (address.n > 0)
        memcpy(text + 1, address.p, address.n);
    text[address.n + 1] = '>';
    struct cursor c = cursor_of(slice_of(text, address.n + 2));
    must(smtp_path_parse(&c, true, &path) && cursor_done(&c) && slice_eq(path.address, address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(1 << 20);
    struct cursor c = cursor_of(slice_of(data, size));
    struct smtp_path path;
    struct smtp_parameter found[20];
    size_t count;
    struct slice text;
    if (smtp_path_parse(&c, true, &path)) {
        must(path.address.n <= ADDRESS_MAX);
        read_again(path.address);
        if (smtp_parameters_parse(&c, found, 20, &count))
            for (size_t i = 0; i < count; i++)
                if (smtp_xtext_decode(found[i].value, &arena, &text))
                    must(text.n <= found[i].value.n);
    }
    return 0;
}
