#include "smtp/dot_reader.h"

#include "base/must.h"

static void put(struct dot_reader *r, struct slice s)
{
    if (s.n > 0)
        r->sink(r->context, s);
}

/* From the middle of a line: through its CRLF, or as far as there is. */
static void feed_text(struct dot_reader *r, struct cursor *c)
{
    struct slice rest = cursor_rest(c);
    ssize_t cr = slice_find_char(rest, '\r');
    size_t until = cr >= 0 ? (size_t)cr : rest.n;
    r->bare = r->bare || slice_find_char(slice_sub(rest, 0, until), '\n') >= 0;
    if (cr < 0) {
        put(r, cursor_take(c, until));
    } else if (cursor_peek_at(c, until + 1) == '\n') {
        put(r, cursor_take(c, until + 2));
        r->state = DOT_LINE_START;
    } else {
        put(r, cursor_take(c, until));
        cursor_next(c);
        r->state = DOT_CR;
    }
}

/* The byte after a CR whose LF had not come yet. */
static void feed_after_cr(struct dot_reader *r, struct cursor *c)
{
    if (cursor_skip_char(c, '\n')) {
        put(r, S("\r\n"));
        r->state = DOT_LINE_START;
    } else {
        put(r, S("\r"));
        r->bare = true;
        r->state = DOT_TEXT;
    }
}

static enum reader_status feed(struct reader *reader, struct slice in, size_t *ret_used, struct buf *out)
{
    struct dot_reader *r = container_of(reader, struct dot_reader, reader);
    struct cursor c = cursor_of(in);
    (void)out;
    while (!cursor_done(&c)) {
        switch (r->state) {
        case DOT_LINE_START:
            r->state = cursor_skip_char(&c, '.') ? DOT_DOT : DOT_TEXT;
            break;
        case DOT_DOT: /* the dot goes away, whatever follows */
            r->state = cursor_skip_char(&c, '\r') ? DOT_DOT_CR : DOT_TEXT;
            break;
        case DOT_DOT_CR:
            if (cursor_skip_char(&c, '\n')) {
                *ret_used = (size_t)(c.p - in.p);
                return READER_DONE;
            }
            feed_after_cr(r, &c);
            break;
        case DOT_TEXT:
            feed_text(r, &c);
            break;
        case DOT_CR:
            feed_after_cr(r, &c);
            break;
        }
    }
    *ret_used = in.n;
    return READER_MORE;
}

void dot_reader_init(struct dot_reader *r, dot_sink_fn *sink, void *context)
{
    *r = (struct dot_reader){
        .reader = {.feed = feed}, .state = DOT_LINE_START, .sink = sink, .context = context};
}
