/* Any bytes as a record: the first byte of each step chooses what is read next. What was read whole must
 * come back the same when written. */
#include "base/must.h"
#include "base/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void step(struct wire_reader *r, struct buf *again)
{
    uint8_t choice = wire_get_u8(r);
    wire_put_u8(again, choice);
    switch (choice % 4) {
    case 0:
        wire_put_u32(again, wire_get_u32(r));
        break;
    case 1:
        wire_put_u64(again, wire_get_u64(r));
        break;
    case 2:
        wire_put_varint(again, wire_get_varint(r));
        break;
    default:
        wire_put_slice(again, wire_get_slice(r));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    CLEANUP(buf_release) struct buf again = BUF(size + 16);
    struct wire_reader r = wire_reader_of(input);
    while (!cursor_done(&r.c) && wire_ok(&r))
        step(&r, &again);
    if (wire_ok(&r)) {
        must(!buf_failed(&again));
        must(again.n <= size); /* shorter where a number was written longer than it need be */
        struct wire_reader second = wire_reader_of(buf_slice(&again));
        CLEANUP(buf_release) struct buf third = BUF(size + 16);
        while (!cursor_done(&second.c) && wire_ok(&second))
            step(&second, &third);
        must(wire_end(&second) && slice_eq(buf_slice(&again), buf_slice(&third)));
    }
    return 0;
}
