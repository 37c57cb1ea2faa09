#include "managesieve/reader.h"

#include "managesieve/managesieve.h"

enum { TAIL_MAX = 32 /* bytes of a skipped line that are kept: a literal may stand at its end */ };

static void start(struct managesieve_reader *r)
{
    buf_clear(&r->text);
    r->line_start = r->line_bytes = r->literal_bytes = 0;
    r->left = r->skipped = 0;
    r->in_literal = r->skipping = r->flooded = r->finished = false;
}

/* "{5+}" at the end of a line. */
static bool literal_at_end(struct slice line, uint64_t *ret_size)
{
    ssize_t open = slice_rfind_char(line, '{');
    if (open < 0 || !slice_ends(line, S("+}")))
        return false;
    struct slice digits = slice_sub(line, (size_t)open + 1, line.n - (size_t)open - 3);
    for (size_t i = 0; i < digits.n; i++)
        if (!ascii_is_digit(digits.p[i]))
            return false;
    if (digits.n == 0)
        return false;
    if (!slice_to_u64(digits, ret_size))
        *ret_size = UINT64_MAX;
    return true;
}

static void skip(struct managesieve_reader *r)
{
    r->skipping = true;
    buf_consume(&r->text, r->text.n - MIN(r->text.n - r->line_start, (size_t)TAIL_MAX));
    r->line_start = 0;
}

static enum reader_status end_line(struct managesieve_reader *r)
{
    if (r->text.n > r->line_start && r->text.p[r->text.n - 1] == '\r')
        r->text.n--;
    if (!literal_at_end(slice_from(buf_slice(&r->text), r->line_start), &r->left)) {
        r->finished = true;
        return r->skipping ? READER_FAILED : READER_DONE;
    }
    if (!r->skipping && r->left > r->literal_max - r->literal_bytes)
        skip(r);
    if (r->skipping && r->left > MANAGESIEVE_SKIP_MAX - r->skipped) {
        r->flooded = r->finished = true;
        return READER_FAILED;
    }
    r->in_literal = true;
    if (r->skipping)
        r->skipped += r->left;
    else
        r->literal_bytes += (size_t)r->left;
    if (!r->skipping)
        buf_put(&r->text, S("\r\n"));
    return READER_MORE;
}

static enum reader_status feed_line(struct managesieve_reader *r, struct slice in, size_t *used)
{
    ssize_t end = slice_find_char(in, '\n');
    struct slice part = end < 0 ? in : slice_sub(in, 0, (size_t)end);
    r->line_bytes += part.n;
    *used += part.n + (end >= 0);
    if (!r->skipping && r->line_bytes > r->line_max)
        skip(r);
    if (r->skipping) {
        r->skipped += part.n;
        buf_put(&r->text, slice_from(part, part.n - MIN(part.n, (size_t)TAIL_MAX)));
        skip(r);
    } else {
        buf_put(&r->text, part);
    }
    if (r->skipped > MANAGESIEVE_SKIP_MAX) {
        r->flooded = r->finished = true;
        return READER_FAILED;
    }
    return end < 0 ? READER_MORE : end_line(r);
}

static void feed_literal(struct managesieve_reader *r, struct slice in, size_t *used)
{
    size_t n = (size_t)MIN((uint64_t)in.n, r->left);
    if (!r->skipping)
        buf_put(&r->text, slice_sub(in, 0, n));
    *used += n;
    r->left -= n;
    if (r->left > 0)
        return;
    r->in_literal = false;
    if (r->skipping)
        buf_clear(&r->text);
    r->line_start = r->text.n;
}

static enum reader_status feed(struct reader *reader, struct slice in, size_t *ret_used,
                               struct buf *out UNUSED)
{
    struct managesieve_reader *r = container_of(reader, struct managesieve_reader, reader);
    enum reader_status status = READER_MORE;
    size_t used = 0;
    if (r->finished)
        start(r);
    /* A literal of no bytes is over before more input comes. */
    while (status == READER_MORE && (used < in.n || (r->in_literal && r->left == 0))) {
        if (r->in_literal)
            feed_literal(r, slice_from(in, used), &used);
        else
            status = feed_line(r, slice_from(in, used), &used);
    }
    *ret_used = used;
    /* Without its text nobody knows whether a literal follows. */
    return buf_failed(&r->text) ? READER_NOMEM : status;
}

/* Between commands a parked connection holds no memory. */
static void idle(struct reader *reader)
{
    struct managesieve_reader *r = container_of(reader, struct managesieve_reader, reader);
    if (r->finished || (r->text.n == 0 && !r->in_literal && !r->skipping)) {
        start(r);
        buf_release(&r->text);
    }
}

void managesieve_reader_init(struct managesieve_reader *r, size_t line_max, size_t literal_max)
{
    *r = (struct managesieve_reader){
        .reader = {.feed = feed, .idle = idle},
        .line_max = line_max,
        .literal_max = literal_max,
        /* Each literal adds two bytes, and the line that announces it at least four. */
        .text = BUF(2 * line_max + literal_max),
    };
}

void managesieve_reader_release(struct managesieve_reader *r)
{
    buf_release(&r->text);
}
