#include <stdlib.h>

#include "base/must.h"
#include "rt/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted is written down and read back: the same again. The host name keeps it off the resolver.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error;
    struct settings *s = NULL;
    struct buf text = BUF(2 * SETTINGS_FILE_MAX);
    struct buf again = BUF(2 * SETTINGS_FILE_MAX);
    buf_put(&text, S("hostname = a.example\n"));
    buf_put(&text, slice_of(data, size));
    if (settings_parse(buf_slice(&text), "fuzz", &s, &error) == ERR_OK) {
        buf_clear(&text);
        settings_text(s, &text);
        settings_free(s);
        must(settings_parse(buf_slice(&text), "fuzz", &s, &error) == ERR_OK);
        settings_text(s, &again);
        must(slice_eq(buf_slice(&text), buf_slice(&again)));
        settings_free(s);
    }
    buf_release(&text);
    buf_release(&again);
    return 0;
}
