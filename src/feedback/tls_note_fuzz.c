/* The record of _smtp._tls, and a row. */
#include "base/must.h"
#include "feedback/tls_note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf out = BUF(TLS_NOTE_ADDRESSES_MAX * (TLS_NOTE_ADDRESS_MAX + 1));
    const struct slice input = slice_of((const char *)data, size);
    struct tls_note note;
    if (tls_note_addresses(&input, 1, &out))
        must(out.n > 0);
    if (tls_note_get(input, &note))
        must(note.result < TLS_RESULTS);
    return 0;
}
