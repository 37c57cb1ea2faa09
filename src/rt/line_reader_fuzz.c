/* Lines from arbitrary bytes in arbitrary pieces; the first byte chooses maximum and piece. */
#include "base/must.h"
#include "rt/line_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    CLEANUP(line_reader_release) struct line_reader r;
    line_reader_init(&r, data[0] & 15);
    size_t piece = (size_t)(data[0] >> 4) + 1;
    struct slice in = slice_of(data + 1, size - 1);
    struct buf out = BUF(1);
    while (in.n > 0) {
        struct slice part = slice_sub(in, 0, piece);
        size_t used = 0;
        enum reader_status status = r.reader.feed(&r.reader, part, &used, &out);
        must(used > 0 && used <= part.n && (status != READER_MORE || used == part.n));
        if (status == READER_DONE)
            must(r.line.n <= r.max && slice_find_char(line_reader_line(&r), '\n') < 0);
        must(r.line.n <= r.max + 1 && out.n == 0);
        if ((data[0] & 1) != 0)
            r.reader.idle(&r.reader);
        in = slice_from(in, used);
    }
    return 0;
}
