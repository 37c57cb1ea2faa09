#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_utf7[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct buf *out, struct slice in, const char *letters, bool pad)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n = in.n;
    char *at = buf_reserve(out, BASE64_LEN(n));
    if (at == NULL)
        return;
    char *to = at;
    for (; n >= 3; n -= 3, p += 3) {
        *to++ = letters[p[0] >> 2];
        *to++ = letters[(p[0] & 3) << 4 | p[1] >> 4];
        *to++ = letters[(p[1] & 15) << 2 | p[2] >> 6];
        *to++ = letters[p[2] & 63];
    }
    if (n > 0) {
        unsigned second = n == 2 ? p[1] : 0;
        *to++ = letters[p[0] >> 2];
        *to++ = letters[(p[0] & 3U) << 4 | second >> 4];
        if (n == 2)
            *to++ = letters[(second & 15) << 2];
        for (size_t i = n; pad && i < 3; i++)
            *to++ = '=';
    }
    buf_grew(out, (size_t)(to - at));
}

void base64_encode(struct buf *out, struct slice in)
{
    encode(out, in, alphabet, true);
}

void base64_encode_utf7(struct buf *out, struct slice in)
{
    encode(out, in, alphabet_utf7, false);
}

void base64_encode_url(struct buf *out, struct slice in)
{
    encode(out, in, alphabet_url, false);
}

/* plus, last: the letters of 62 and 63. */
static int value_of(char c, char plus, char last)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == plus)
        return 62;
    return c == last ? 63 : -1;
}

static bool decode(struct buf *out, struct slice in, char plus, char last)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < in.n; i++) {
        int v = value_of(in.p[i], plus, last);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        if (++have == 4) {
            char three[3] = {(char)(bits >> 16), (char)(bits >> 8), (char)bits};
            buf_put(out, slice_of(three, 3));
            bits = have = 0;
        }
    }
    if (have == 1)
        return false;
    if (have == 2) {
        buf_putc(out, (char)(bits >> 4));
        return (bits & 15) == 0;
    }
    if (have == 3) {
        buf_putc(out, (char)(bits >> 10));
        buf_putc(out, (char)(bits >> 2));
        return (bits & 3) == 0;
    }
    return true;
}

bool base64_decode(struct buf *out, struct slice in)
{
    if (in.n % 4 != 0)
        return false;
    size_t padding = 0;
    while (in.n > 0 && padding < 2 && in.p[in.n - 1] == '=') {
        in.n--;
        padding++;
    }
    return (padding == 0 || in.n % 4 == 4 - padding) && decode(out, in, '+', '/');
}

bool base64_decode_utf7(struct buf *out, struct slice in)
{
    return decode(out, in, '+', ',');
}

bool base64_decode_url(struct buf *out, struct slice in)
{
    return decode(out, in, '-', '_');
}

void base64_stream_decode(struct base64_stream *s, struct buf *out, struct slice in)
{
    char *at = buf_reserve(out, in.n / 4 * 3 + 3);
    if (at == NULL)
        return;
    char *to = at;
    for (size_t i = 0; i < in.n && !s->ended; i++) {
        int v = value_of(in.p[i], '+', '/');
        if (v >= 0) {
            s->bits = s->bits << 6 | (uint32_t)v;
            if (++s->have == 4) {
                *to++ = (char)(s->bits >> 16);
                *to++ = (char)(s->bits >> 8);
                *to++ = (char)s->bits;
                s->bits = s->have = 0;
            }
        } else if (in.p[i] == '=' && s->have >= 2) {
            *to++ = (char)(s->bits >> (s->have == 2 ? 4 : 10));
            if (s->have == 3)
                *to++ = (char)(s->bits >> 2);
            s->bits = s->have = 0;
            s->ended = true;
        }
    }
    buf_grew(out, (size_t)(to - at));
}
