#include "mime/encoding.h"

enum {
    LINE_MAX_OUT = 76, /* RFC 2045 6.7 (5), 6.8 */
    HELD_MAX = 3000,   /* undecided bytes at a piece's end: more blanks than that are kept as text */
    HELD_STEP = 64,
};

static const char *const encoding_names[] = {
#define X(name, text) text,
    MIME_ENCODING_TABLE(X)
#undef X
};

enum mime_encoding mime_encoding_of(struct slice value)
{
    value = slice_trim(value);
    if (value.n == 0)
        return MIME_ENCODING_7BIT;
    size_t n = 0;
    while (n < value.n && (ascii_is_alnum(value.p[n]) || value.p[n] == '-'))
        n++;
    value.n = n; /* a comment or a stray semicolon may follow */
    for (size_t i = 0; i < MIME_ENCODING_UNKNOWN; i++)
        if (slice_eq_nocase(value, slice_cstr(encoding_names[i])))
            return (enum mime_encoding)i;
    return MIME_ENCODING_UNKNOWN;
}

const char *mime_encoding_name(enum mime_encoding encoding)
{
    return encoding_names[encoding];
}

void mime_decoder_release(struct mime_decoder *decoder)
{
    buf_release(&decoder->held);
}

static int hex_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Text within a line: "=41" to its byte, a '=' that starts none as it is. */
static void put_decoded(struct buf *out, struct slice text)
{
    while (text.n > 0) {
        ssize_t equals = slice_find_char(text, '=');
        buf_put(out, slice_sub(text, 0, equals < 0 ? text.n : (size_t)equals));
        if (equals < 0)
            return;
        text = slice_from(text, (size_t)equals);
        int high = text.n > 2 ? hex_value(text.p[1]) : -1;
        int low = text.n > 2 ? hex_value(text.p[2]) : -1;
        bool good = high >= 0 && low >= 0;
        int byte = good ? high << 4 | low : '=';
        buf_putc(out, (char)byte);
        text = slice_from(text, good ? 3 : 1);
    }
}

/* A whole line without its end. RFC 2045 6.7 (3): blanks at its end were added in transport; (5): a '=' there
 * joins the next line. */
static void put_line(struct buf *out, struct slice line, struct slice end)
{
    while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t'))
        line.n--;
    bool soft = line.n > 0 && line.p[line.n - 1] == '=';
    line.n -= soft;
    put_decoded(out, line);
    if (!soft)
        buf_put(out, end);
}

/* Decodes what it can of a piece; returns the bytes used. */
static size_t decode_lines(struct buf *out, struct slice in, bool last)
{
    size_t used = 0;
    for (;;) {
        struct slice rest = slice_from(in, used);
        ssize_t lf = slice_find_char(rest, '\n');
        if (lf < 0)
            break;
        size_t n = (size_t)lf;
        size_t end = n > 0 && rest.p[n - 1] == '\r' ? n - 1 : n;
        put_line(out, slice_sub(rest, 0, end), slice_sub(rest, end, n + 1 - end));
        used += n + 1;
    }
    struct slice rest = slice_from(in, used);
    if (last) {
        put_line(out, rest, slice_none());
        return in.n;
    }
    size_t n = rest.n;
    while (n > 0 && (rest.p[n - 1] == ' ' || rest.p[n - 1] == '\t' || rest.p[n - 1] == '\r'))
        n--;
    for (size_t back = 1; back <= 2 && back <= n; back++) {
        if (rest.p[n - back] == '=') {
            n -= back;
            break;
        }
    }
    put_decoded(out, slice_sub(rest, 0, n));
    return used + n;
}

static void decode_quoted_printable(struct mime_decoder *d, struct buf *out, struct slice in, bool last)
{
    while (d->held.n > 0 && in.n > 0) {
        struct slice step = slice_sub(in, 0, HELD_STEP);
        in = slice_from(in, step.n);
        buf_put(&d->held, step);
        buf_consume(&d->held, decode_lines(out, buf_slice(&d->held), last && in.n == 0));
        if (d->held.n > HELD_MAX) {
            put_decoded(out, buf_slice(&d->held));
            buf_clear(&d->held);
        }
    }
    if (d->held.n > 0 && last) {
        (void)decode_lines(out, buf_slice(&d->held), true);
        buf_clear(&d->held);
    }
    if (in.n == 0)
        return;
    struct slice rest = slice_from(in, decode_lines(out, in, last));
    if (rest.n > HELD_MAX)
        put_decoded(out, rest);
    else
        buf_put(&d->held, rest);
}

void mime_decode(struct mime_decoder *decoder, struct buf *out, struct slice in, bool last)
{
    switch (decoder->encoding) {
    case MIME_ENCODING_BASE64:
        base64_stream_decode(&decoder->base64, out, in);
        return;
    case MIME_ENCODING_QUOTED_PRINTABLE:
        decode_quoted_printable(decoder, out, in, last);
        return;
    case MIME_ENCODING_7BIT:
    case MIME_ENCODING_8BIT:
    case MIME_ENCODING_BINARY:
    case MIME_ENCODING_UNKNOWN:
        break;
    }
    buf_put(out, in);
}

void mime_decode_all(struct buf *out, enum mime_encoding encoding, struct slice in)
{
    CLEANUP(mime_decoder_release) struct mime_decoder decoder = MIME_DECODER(encoding);
    mime_decode(&decoder, out, in, true);
}

/* Where the input stands at a line end, its length; else 0. */
static size_t line_end_at(struct slice in, size_t i)
{
    if (in.p[i] == '\n')
        return 1;
    return in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] == '\n' ? 2 : 0;
}

/* A byte that may stand for itself. 'F' of "From " and '.' are encoded where a line starts, since mbox files
 * and broken SMTP servers change those. */
static bool is_literal(struct slice in, size_t i, size_t column, bool text)
{
    char c = in.p[i];
    if (c == ' ' || c == '\t') {
        bool at_end = i + 1 == in.n || (text && line_end_at(in, i + 1) > 0);
        return !at_end;
    }
    if (column == 0 && (c == '.' || (c == 'F' && slice_starts(slice_from(in, i), S("From ")))))
        return false;
    return c > ' ' && c < 0x7f && c != '=';
}

void mime_encode_quoted_printable(struct buf *out, struct slice in, bool text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t column = 0;
    for (size_t i = 0; i < in.n; i++) {
        size_t end = text ? line_end_at(in, i) : 0;
        if (end > 0) {
            buf_put(out, S("\r\n"));
            column = 0;
            i += end - 1;
            continue;
        }
        size_t width = is_literal(in, i, column, text) ? 1 : 3;
        if (column + width > LINE_MAX_OUT - 1) {
            buf_put(out, S("=\r\n"));
            column = 0;
            width = is_literal(in, i, column, text) ? 1 : 3;
        }
        if (width == 1) {
            buf_putc(out, in.p[i]);
        } else {
            unsigned char byte = (unsigned char)in.p[i];
            const char code[3] = {'=', hex[byte >> 4], hex[byte & 15]};
            buf_put(out, slice_of(code, 3));
        }
        column += width;
    }
}

void mime_encode_base64(struct buf *out, struct slice in)
{
    while (in.n > 0) {
        struct slice line = slice_sub(in, 0, LINE_MAX_OUT / 4 * 3);
        base64_encode(out, line);
        buf_put(out, S("\r\n"));
        in = slice_from(in, line.n);
    }
}
