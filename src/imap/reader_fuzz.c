/* Any bytes in any pieces: the reader uses what it says, and gives the same units whatever the pieces. */
#include "base/must.h"
#include "imap/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct slice in, size_t step, struct buf *units)
{
    struct imap_reader r;
    CLEANUP(buf_release) struct buf out = BUF(1 << 20);
    imap_reader_init(&r, &(struct imap_reader_limits){
                             .line_max = 200, .plus_max = 5000, .literal_max = 300, .message_max = 100000});
    size_t at = 0;
    while (at < in.n) {
        struct slice part = slice_sub(in, at, step);
        size_t used = 0;
        enum reader_status status = r.reader.feed(&r.reader, part, &used, &out);
        must(used <= part.n && (status != READER_MORE || used == part.n));
        at += used;
        if (status == READER_DONE) {
            buf_put(units, imap_reader_text(&r));
            buf_putc(units, '\n');
        } else if (status == READER_FAILED) {
            buf_printf(units, "failed %d %s\n", (int)r.failure, r.tag);
        }
        if (status == READER_FAILED && r.failure == IMAP_READER_FLOOD)
            break;
    }
    imap_reader_clear(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf whole = BUF(1 << 24);
    CLEANUP(buf_release) struct buf pieces = BUF(1 << 24);
    run(slice_of(data, size), SIZE_MAX, &whole);
    run(slice_of(data, size), size > 0 ? 1 + data[0] % 13 : 1, &pieces);
    must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    return 0;
}
