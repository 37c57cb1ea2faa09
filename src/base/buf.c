#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

enum { BUF_FIRST = 256 };

void buf_release(struct buf *b)
{
    free(b->p);
    *b = BUF(b->max);
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->failed = b->full = false;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (n > b->max || b->n > b->max - n || n == SIZE_MAX) {
        b->failed = b->full = true;
        return NULL;
    }
    size_t need = b->n + n;
    if (need > b->cap || b->p == NULL) {
        size_t cap = MAX(b->cap * 2, (size_t)BUF_FIRST);
        cap = MIN(MAX(cap, need), b->max);
        char *p = realloc(b->p, cap + 1); /* one for a NUL that is not counted */
        if (p == NULL) {
            b->failed = true;
            return NULL;
        }
        b->p = p;
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_grew(struct buf *b, size_t n)
{
    must(n <= b->cap - b->n);
    b->n += n;
}

void buf_put(struct buf *b, struct slice s)
{
    if (s.n == 0)
        return;
    char *at = buf_reserve(b, s.n);
    if (at == NULL)
        return;
    memcpy(at, s.p, s.n);
    b->n += s.n;
}

void buf_putc(struct buf *b, char c)
{
    char *at = buf_reserve(b, 1);
    if (at == NULL)
        return;
    *at = c;
    b->n++;
}

void buf_put_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[sizeof(digits) - ++n] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_put(b, slice_of(digits + sizeof(digits) - n, n));
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    char text[512];
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(text, sizeof(text), format, args);
    must(n >= 0);
    if ((size_t)n < sizeof(text)) {
        buf_put(b, slice_of(text, (size_t)n));
    } else {
        char *at = buf_reserve(b, (size_t)n);
        if (at != NULL) {
            vsnprintf(at, (size_t)n + 1, format, again);
            b->n += (size_t)n;
        }
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_consume(struct buf *b, size_t n)
{
    must(n <= b->n);
    if (n == 0)
        return;
    b->n -= n;
    if (b->n > 0)
        memmove(b->p, b->p + n, b->n);
}

const char *buf_cstr(struct buf *b)
{
    char *at = buf_reserve(b, 0);
    if (at == NULL)
        return NULL;
    *at = 0;
    return b->p;
}
