#include "base/utf8.h"

#include "base/must.h"

int32_t utf8_next(struct cursor *c)
{
    must(c->p < c->end);
    unsigned char first = (unsigned char)*c->p++;
    if (first < 0x80)
        return first;
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || cursor_left(c) < more)
        return -1;
    int32_t v = first & (0x3f >> more);
    for (size_t i = 0; i < more; i++) {
        unsigned char next = (unsigned char)c->p[i];
        if ((next & 0xc0) != 0x80)
            return -1;
        v = v << 6 | (next & 0x3f);
    }
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (v < least[more] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return -1;
    c->p += more;
    return v;
}

bool utf8_valid(struct slice s)
{
    struct cursor c = cursor_of(s);
    while (!cursor_done(&c)) {
        uint64_t eight;
        if (cursor_left(&c) >= sizeof(eight)) {
            memcpy(&eight, c.p, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                c.p += sizeof(eight);
                continue;
            }
        }
        if (utf8_next(&c) < 0)
            return false;
    }
    return true;
}

void utf8_put(struct buf *b, uint32_t v)
{
    if (v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        v = 0xfffd;
    if (v < 0x80) {
        buf_putc(b, (char)v);
    } else if (v < 0x800) {
        buf_putc(b, (char)(0xc0 | v >> 6));
        buf_putc(b, (char)(0x80 | (v & 0x3f)));
    } else if (v < 0x10000) {
        buf_putc(b, (char)(0xe0 | v >> 12));
        buf_putc(b, (char)(0x80 | (v >> 6 & 0x3f)));
        buf_putc(b, (char)(0x80 | (v & 0x3f)));
    } else {
        buf_putc(b, (char)(0xf0 | v >> 18));
        buf_putc(b, (char)(0x80 | (v >> 12 & 0x3f)));
        buf_putc(b, (char)(0x80 | (v >> 6 & 0x3f)));
        buf_putc(b, (char)(0x80 | (v & 0x3f)));
    }
}

struct slice utf8_cut(struct slice s, size_t n)
{
    if (n >= s.n)
        return s;
    for (size_t back = 0; back <= 3 && back <= n; back++)
        if (((unsigned char)s.p[n - back] & 0xc0) != 0x80)
            return slice_of(s.p, n - back);
    return slice_of(s.p, n);
}

void utf8_put_repaired(struct buf *b, struct slice s)
{
    struct cursor c = cursor_of(s);
    while (!cursor_done(&c)) {
        const char *from = c.p;
        if (utf8_next(&c) < 0)
            utf8_put(b, 0xfffd);
        else
            buf_put(b, slice_of(from, (size_t)(c.p - from)));
    }
}
