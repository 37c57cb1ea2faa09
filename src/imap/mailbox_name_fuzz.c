/* Any bytes as a name: what is taken comes out the same again; any bytes as name and pattern. */
#include "base/must.h"
#include "base/utf8.h"
#include "imap/mailbox_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf decoded = BUF(1 << 20);
    CLEANUP(buf_release) struct buf encoded = BUF(1 << 20);
    struct slice in = slice_of(data, size);
    if (mailbox_name_decode(&decoded, in)) {
        must(utf8_valid(buf_slice(&decoded)));
        mailbox_name_encode(&encoded, buf_slice(&decoded));
        must(slice_eq(buf_slice(&encoded), in));
    }
    for (int utf8 = 0; utf8 < 2; utf8++) {
        CLEANUP(buf_release) struct buf name = BUF(1 << 20);
        if (mailbox_name_read(&name, in, utf8))
            must(utf8_valid(buf_slice(&name)));
    }
    size_t half = size / 2;
    (void)mailbox_name_matches(slice_sub(in, 0, half), slice_from(in, half));
    must(mailbox_name_matches(slice_sub(in, 0, half), S("*")));
    return 0;
}
