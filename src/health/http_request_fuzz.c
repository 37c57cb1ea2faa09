/* A request from arbitrary bytes in arbitrary pieces; the first byte chooses the piece. */
#include "base/must.h"
#include "health/http_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_reader r;
    if (size == 0)
        return 0;
    size_t piece = (size_t)(data[0] & 63) + 1;
    struct slice in = slice_of(data + 1, size - 1);
    enum reader_status status = READER_MORE;
    http_reader_init(&r);
    while (in.n > 0 && status == READER_MORE) {
        struct slice part = slice_sub(in, 0, piece);
        size_t used = 0;
        status = r.reader.feed(&r.reader, part, &used, NULL);
        must(used <= part.n && (status != READER_MORE || used == part.n));
        in = slice_from(in, used);
    }
    struct slice path = slice_none();
    if (status == READER_DONE && http_request_parse(buf_slice(&r.head), &path) == HTTP_OK) {
        must(path.n > 0 && path.p[0] == '/');
        must(path.p > r.head.p && path.p + path.n <= r.head.p + r.head.n);
    }
    http_reader_release(&r);
    return 0;
}
