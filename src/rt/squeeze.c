#include "rt/squeeze.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/must.h"

enum {
    RAW_WINDOW_BITS = -15, /* negative: without a header (RFC 4978 4) */
    LEVEL = 3,             /* IMAP's words shrink to a third with the quickest levels already */
    MEMORY_LEVEL = 8,
    PUT_STEP = 16 * 1024,
    WINDOW_MAX = 32 * 1024,
    /* Of data_type after inflate: bits of the last byte not used yet, and "between two blocks". */
    UNUSED_BITS = 63,
    LAST_BLOCK = 64,
    BETWEEN_BLOCKS = 128,
};

struct squeeze {
    z_stream in;
    z_stream out;
    bool in_awake;
    bool out_awake;
    bool in_aligned;  /* between two blocks, on a whole byte */
    bool in_flushed;  /* between two blocks, the one before was empty */
    bool in_over;     /* the last block has ended */
    bool in_block;    /* the block has given something */
    struct buf heard; /* while `in` rests: what the peer may refer to */
    struct buf said;  /* the last of what we said */
};

struct squeeze *squeeze_new(void)
{
    struct squeeze *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->heard = BUF(WINDOW_MAX);
    s->said = BUF(2 * SQUEEZE_KEPT);
    return s;
}

void squeeze_free(struct squeeze *s)
{
    if (s == NULL)
        return;
    if (s->in_awake)
        inflateEnd(&s->in);
    if (s->out_awake)
        deflateEnd(&s->out);
    buf_release(&s->heard);
    buf_release(&s->said);
    free(s);
}

static Bytef *bytes_of(struct slice s)
{
    return (Bytef *)(uintptr_t)s.p; /* zlib does not write there */
}

static bool wake_out(struct squeeze *s)
{
    if (s->out_awake)
        return true;
    s->out = (z_stream){0};
    if (deflateInit2(&s->out, LEVEL, Z_DEFLATED, RAW_WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    s->out_awake = true;
    return s->said.n == 0 ||
           deflateSetDictionary(&s->out, bytes_of(buf_slice(&s->said)), (uInt)s->said.n) == Z_OK;
}

static void remember_said(struct squeeze *s, struct slice text)
{
    struct slice tail = slice_from(text, text.n - MIN(text.n, (size_t)SQUEEZE_KEPT));
    if (s->said.n + tail.n > SQUEEZE_KEPT)
        buf_consume(&s->said, s->said.n + tail.n - SQUEEZE_KEPT);
    buf_put(&s->said, tail);
    if (buf_failed(&s->said)) /* it is only that less is shared with what comes next */
        buf_release(&s->said);
}

bool squeeze_put(struct squeeze *s, struct buf *out, struct slice text)
{
    if (!wake_out(s))
        return false;
    remember_said(s, text);
    while (text.n > 0) {
        struct slice part = slice_sub(text, 0, UINT32_MAX / 2);
        text = slice_from(text, part.n);
        s->out.next_in = bytes_of(part);
        s->out.avail_in = (uInt)part.n;
        /* Room left over means that zlib had no more to give. */
        do {
            char *to = buf_reserve(out, PUT_STEP);
            if (to == NULL)
                return false;
            s->out.next_out = (Bytef *)to;
            s->out.avail_out = PUT_STEP;
            if (deflate(&s->out, text.n == 0 ? Z_SYNC_FLUSH : Z_NO_FLUSH) == Z_STREAM_ERROR)
                return false;
            buf_grew(out, PUT_STEP - s->out.avail_out);
        } while (s->out.avail_out == 0);
    }
    return !buf_failed(out);
}

static bool wake_in(struct squeeze *s)
{
    if (s->in_awake)
        return true;
    s->in = (z_stream){0};
    if (inflateInit2(&s->in, RAW_WINDOW_BITS) != Z_OK)
        return false;
    s->in_awake = true;
    bool whole = s->heard.n == 0 ||
                 inflateSetDictionary(&s->in, bytes_of(buf_slice(&s->heard)), (uInt)s->heard.n) == Z_OK;
    buf_release(&s->heard);
    return whole;
}

/* One step of zlib's, at most to the end of a block: what follows may be no part of the stream (squeeze_end).
 */
static int step_in(struct squeeze *s)
{
    uInt in = s->in.avail_in;
    uInt room = s->in.avail_out;
    int status = inflate(&s->in, Z_BLOCK);
    s->in_over = status == Z_STREAM_END;
    if (s->in.avail_in == in && s->in.avail_out == room) /* else zlib does not say */
        return status;
    bool between = (s->in.data_type & BETWEEN_BLOCKS) != 0;
    s->in_block = s->in_block || s->in.avail_out < room;
    s->in_flushed = between && !s->in_block;
    s->in_over = s->in_over || (between && (s->in.data_type & LAST_BLOCK) != 0);
    s->in_aligned = between && (s->in.data_type & (LAST_BLOCK | UNUSED_BITS)) == 0;
    if (between)
        s->in_block = false;
    return status;
}

enum io squeeze_take(struct squeeze *s, struct slice in, size_t *ret_used, char *to, size_t n, size_t *ret_n)
{
    must(n > 0);
    *ret_used = 0;
    *ret_n = 0;
    if (!wake_in(s))
        return IO_FAILED;
    struct slice part = slice_sub(in, 0, UINT32_MAX / 2);
    s->in.next_in = bytes_of(part);
    s->in.avail_in = (uInt)part.n;
    s->in.next_out = (Bytef *)to;
    s->in.avail_out = (uInt)MIN(n, (size_t)(UINT32_MAX / 2));
    uInt room = s->in.avail_out;
    int status = step_in(s);
    while (status == Z_OK && s->in.avail_in > 0 && s->in.avail_out == room)
        status = step_in(s);
    *ret_used = part.n - s->in.avail_in;
    *ret_n = room - s->in.avail_out;
    if (*ret_n > 0)
        return IO_DONE; /* an end is found again next time */
    if (status == Z_STREAM_END)
        return IO_END;
    if (status != Z_OK && status != Z_BUF_ERROR)
        return IO_FAILED;
    must(s->in.avail_in == 0);
    return IO_WANT_INPUT;
}

/* No command begins with a control character, but an empty last block does. */
static bool may_be_plain(struct slice s)
{
    return s.n == 0 || s.p[0] == '\r' || s.p[0] == '\n' || (unsigned char)s.p[0] >= ' ';
}

enum io squeeze_end(struct squeeze *s, struct slice in, size_t *ret_used)
{
    char nothing;
    *ret_used = 0;
    if (!s->in_awake)
        return IO_DONE;
    while (!s->in_over && !(s->in_flushed && s->in_aligned && may_be_plain(slice_from(in, *ret_used)))) {
        if (*ret_used == in.n)
            return IO_WANT_INPUT;
        s->in.next_in = bytes_of(slice_from(in, *ret_used));
        s->in.avail_in = 1;
        s->in.next_out = (Bytef *)&nothing;
        s->in.avail_out = 1;
        int status = step_in(s);
        *ret_used += 1 - s->in.avail_in;
        if (s->in.avail_out == 0 || (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR))
            return IO_FAILED;
    }
    return IO_DONE;
}

static void rest_in(struct squeeze *s)
{
    uInt n = WINDOW_MAX;
    if (!s->in_awake || !s->in_aligned || inflateGetDictionary(&s->in, NULL, &n) != Z_OK)
        return;
    char *to = buf_reserve(&s->heard, n);
    if (to == NULL || inflateGetDictionary(&s->in, (Bytef *)to, &n) != Z_OK) {
        buf_release(&s->heard);
        return; /* it stays as it is */
    }
    buf_grew(&s->heard, n);
    inflateEnd(&s->in);
    s->in_awake = false;
}

void squeeze_rest(struct squeeze *s)
{
    if (s->out_awake)
        deflateEnd(&s->out);
    s->out_awake = false;
    rest_in(s);
}

size_t squeeze_held(const struct squeeze *s, unsigned *ret_awake)
{
    *ret_awake = (unsigned)s->in_awake + (unsigned)s->out_awake;
    return s->heard.cap + s->said.cap + sizeof(*s);
}
