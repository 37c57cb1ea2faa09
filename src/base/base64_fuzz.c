/* Any bytes as base64: strict, modified UTF-7 and stream agree with the encoder and with each other. */
#include "base/base64.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What strict decoding takes, encoding gives back, and a stream reads the same in pieces of any size. */
static void check_strict(struct slice input, size_t piece)
{
    CLEANUP(buf_release) struct buf plain = BUF(input.n + 4);
    CLEANUP(buf_release) struct buf again = BUF(input.n + 4);
    CLEANUP(buf_release) struct buf streamed = BUF(2 * input.n + 8);
    if (!base64_decode(&plain, input))
        return;
    base64_encode(&again, buf_slice(&plain));
    must(!buf_failed(&plain) && slice_eq(buf_slice(&again), input));
    struct base64_stream stream = {0};
    for (size_t at = 0; at < input.n; at += piece)
        base64_stream_decode(&stream, &streamed, slice_sub(input, at, piece));
    must(slice_eq(buf_slice(&streamed), buf_slice(&plain)));
}

static void check_utf7(struct slice input)
{
    CLEANUP(buf_release) struct buf plain = BUF(input.n + 4);
    CLEANUP(buf_release) struct buf again = BUF(input.n + 4);
    if (!base64_decode_utf7(&plain, input))
        return;
    base64_encode_utf7(&again, buf_slice(&plain));
    must(!buf_failed(&plain) && slice_eq(buf_slice(&again), input));
}

/* Pieces don't matter to a stream, whatever the bytes. */
static void check_stream(struct slice input, size_t piece)
{
    CLEANUP(buf_release) struct buf whole = BUF(2 * input.n + 8);
    CLEANUP(buf_release) struct buf pieces = BUF(2 * input.n + 8);
    struct base64_stream one = {0};
    struct base64_stream many = {0};
    base64_stream_decode(&one, &whole, input);
    for (size_t at = 0; at < input.n; at += piece)
        base64_stream_decode(&many, &pieces, slice_sub(input, at, piece));
    must(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice input = slice_of(data + 1, size - 1);
    size_t piece = (size_t)data[0] % 7 + 1;
    check_strict(input, piece);
    check_utf7(input);
    check_stream(input, piece);
    return 0;
}
