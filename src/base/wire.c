#include "base/wire.h"

void wire_put_u8(struct buf *b, uint8_t v)
{
    buf_putc(b, (char)v);
}

static void put_le(struct buf *b, uint64_t v, size_t n)
{
    char bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(v >> (8 * i));
    buf_put(b, slice_of(bytes, n));
}

void wire_put_u32(struct buf *b, uint32_t v)
{
    put_le(b, v, 4);
}

void wire_put_u64(struct buf *b, uint64_t v)
{
    put_le(b, v, 8);
}

void wire_put_varint(struct buf *b, uint64_t v)
{
    while (v >= 0x80) {
        buf_putc(b, (char)(v | 0x80));
        v >>= 7;
    }
    buf_putc(b, (char)v);
}

void wire_put_slice(struct buf *b, struct slice s)
{
    wire_put_varint(b, s.n);
    buf_put(b, s);
}

static uint64_t get_le(struct wire_reader *r, size_t n)
{
    if (r->failed || cursor_left(&r->c) < n) {
        r->failed = true;
        return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)(unsigned char)r->c.p[i] << (8 * i);
    r->c.p += n;
    return v;
}

uint8_t wire_get_u8(struct wire_reader *r)
{
    return (uint8_t)get_le(r, 1);
}

uint32_t wire_get_u32(struct wire_reader *r)
{
    return (uint32_t)get_le(r, 4);
}

uint64_t wire_get_u64(struct wire_reader *r)
{
    return get_le(r, 8);
}

uint64_t wire_get_varint(struct wire_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = get_le(r, 1);
        if (r->failed || (shift == 63 && byte > 1)) /* would be a 65th bit */
            break;
        v |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return v;
    }
    r->failed = true;
    return 0;
}

struct slice wire_get_slice(struct wire_reader *r)
{
    uint64_t n = wire_get_varint(r);
    if (r->failed || n > cursor_left(&r->c)) {
        r->failed = true;
        return slice_none();
    }
    return cursor_take(&r->c, (size_t)n);
}
