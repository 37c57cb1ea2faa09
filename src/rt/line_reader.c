#include "rt/line_reader.h"

static enum reader_status line_feed(struct reader *reader, struct slice in, size_t *ret_used,
                                    struct buf *out UNUSED)
{
    struct line_reader *r = container_of(reader, struct line_reader, reader);
    if (r->complete) {
        buf_clear(&r->line);
        r->complete = false;
        r->bare_lf = false;
    }
    size_t at = 0;
    if (r->skipping) {
        ssize_t end = slice_find_char(in, '\n');
        *ret_used = in.n;
        if (end < 0)
            return READER_MORE;
        r->skipping = false;
        at = (size_t)end + 1;
    }
    struct slice rest = slice_from(in, at);
    ssize_t end = slice_find_char(rest, '\n');
    struct slice part = end < 0 ? rest : slice_sub(rest, 0, (size_t)end);
    *ret_used = at + part.n + (end < 0 ? 0 : 1);
    /* One more than max may be the CR of the end. */
    if (part.n > r->max + 1 - MIN(r->line.n, r->max + 1)) {
        r->skipping = end < 0;
        r->complete = true;
        return READER_FAILED;
    }
    buf_put(&r->line, part);
    if (buf_no_memory(&r->line))
        return READER_NOMEM;
    bool failed = buf_failed(&r->line);
    if (end < 0 && !failed)
        return READER_MORE;
    r->complete = true;
    r->skipping = end < 0;
    r->bare_lf = r->line.n == 0 || r->line.p[r->line.n - 1] != '\r';
    if (!r->bare_lf)
        r->line.n--;
    return failed || r->line.n > r->max ? READER_FAILED : READER_DONE;
}

/* Between lines, while the connection is parked, it holds no memory. */
static void line_idle(struct reader *reader)
{
    struct line_reader *r = container_of(reader, struct line_reader, reader);
    if (r->complete || r->line.n == 0)
        buf_release(&r->line);
}

void line_reader_init(struct line_reader *r, size_t max)
{
    *r = (struct line_reader){
        .reader = {.feed = line_feed, .idle = line_idle},
        .line = BUF(max + 1),
        .max = max,
    };
}

void line_reader_release(struct line_reader *r)
{
    buf_release(&r->line);
}
