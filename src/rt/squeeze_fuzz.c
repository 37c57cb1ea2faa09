/* Any bytes as a compressed stream, in pieces and with rests between them: the same comes out as in one go.
 */
#include "base/must.h"
#include "rt/squeeze.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 20, PIECES = 16 };

static enum io take_all(struct squeeze *s, struct slice in, size_t step, struct buf *out)
{
    enum io io = IO_WANT_INPUT;
    while (out->n < OUT_MAX / 2) {
        char *to = buf_reserve(out, step);
        size_t used, n;
        must(to != NULL);
        io = squeeze_take(s, in, &used, to, step, &n);
        must(used <= in.n && n <= step);
        buf_grew(out, n);
        in = slice_from(in, used);
        if (io != IO_DONE)
            break;
    }
    return io;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_release) struct buf whole = BUF(OUT_MAX);
    CLEANUP(buf_release) struct buf parts = BUF(OUT_MAX);
    struct squeeze *once = squeeze_new();
    struct squeeze *often = squeeze_new();
    must(once != NULL && often != NULL);
    struct slice in = slice_of(data, size);
    enum io first = take_all(once, in, 4096, &whole);
    enum io second = IO_WANT_INPUT;
    size_t step = size / PIECES + 1;
    while (in.n > 0 && second == IO_WANT_INPUT) {
        second = take_all(often, slice_sub(in, 0, step), 333, &parts);
        in = slice_from(in, step);
        squeeze_rest(often);
    }
    if (first == IO_WANT_INPUT && second == IO_WANT_INPUT)
        must(slice_eq(buf_slice(&whole), buf_slice(&parts)));
    squeeze_free(once);
    squeeze_free(often);
    return 0;
}
