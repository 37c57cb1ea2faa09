#include "send/reply.h"

#include "base/must.h"

void reply_release(struct reply *reply)
{
    buf_release(&reply->text);
}

/* "5.1.1" at the start of the text, followed by a blank or nothing (RFC 2034 4); its class is the code's. */
static size_t status_length(struct slice text, unsigned code)
{
    size_t at = 0;
    for (int part = 0; part < 3; part++) {
        size_t digits = 0;
        while (at + digits < text.n && ascii_is_digit(text.p[at + digits]))
            digits++;
        if (digits < 1 || digits > 3 || (part == 0 && digits > 1))
            return 0;
        at += digits;
        if (part < 2 && (at >= text.n || text.p[at++] != '.'))
            return 0;
    }
    bool ends = at == text.n || text.p[at] == ' ';
    return ends && text.p[0] == (char)('0' + code / 100) ? at : 0;
}

static void put_clean(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        buf_putc(out, (unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f ? ' ' : text.p[i]);
}

/* One line without its end: "250-text", "250 text", "250". False: it is none of a reply. */
static bool take_line(struct slice line, struct reply *reply, bool first, bool *ret_last)
{
    if (line.n < 3 || line.n > REPLY_LINE_MAX)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (!ascii_is_digit(line.p[i]))
            return false;
    unsigned code =
        (unsigned)(line.p[0] - '0') * 100 + (unsigned)(line.p[1] - '0') * 10 + (unsigned)(line.p[2] - '0');
    if (code < 200 || code > 599 || (!first && code != reply->code))
        return false;
    if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
        return false;
    *ret_last = line.n == 3 || line.p[3] == ' ';
    struct slice text = slice_from(line, MIN(line.n, (size_t)4));
    reply->code = code;
    size_t status = status_length(text, code);
    if (first && status > 0) {
        must(status < REPLY_STATUS_MAX);
        memcpy(reply->status, text.p, status);
        reply->status[status] = 0;
    }
    if (!first)
        buf_putc(&reply->text, '\n');
    put_clean(&reply->text, slice_trim(slice_from(text, status)));
    return true;
}

enum reply_progress reply_parse(struct slice input, struct reply *reply, size_t *ret_used)
{
    size_t used = 0;
    buf_clear(&reply->text);
    reply->code = 0;
    reply->status[0] = 0;
    for (size_t lines = 0; lines < REPLY_LINES_MAX; lines++) {
        struct slice rest = slice_from(input, used);
        ssize_t end = slice_find_char(rest, '\n');
        bool last;
        if (end < 0)
            return rest.n > REPLY_LINE_MAX ? REPLY_BAD : REPLY_MORE;
        struct slice line = slice_sub(rest, 0, (size_t)end);
        if (slice_ends(line, S("\r")))
            line.n--;
        if (!take_line(line, reply, lines == 0, &last))
            return REPLY_BAD;
        used += (size_t)end + 1;
        if (last) {
            *ret_used = used;
            return buf_failed(&reply->text) ? REPLY_BAD : REPLY_DONE;
        }
    }
    return REPLY_BAD;
}

void reply_put(const struct reply *reply, struct buf *out)
{
    struct slice text = buf_slice(&reply->text);
    buf_printf(out, "%u", reply->code);
    if (reply->status[0] != 0)
        buf_printf(out, " %s", reply->status);
    if (text.n > 0)
        buf_putc(out, ' ');
    for (size_t i = 0; i < text.n; i++)
        buf_putc(out, text.p[i] == '\n' ? ' ' : text.p[i]);
}
