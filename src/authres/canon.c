#include "authres/canon.h"

/* --- fields --- */

static struct slice without_line_end(struct slice text)
{
    if (slice_ends(text, S("\n")))
        text.n--;
    if (slice_ends(text, S("\r")))
        text.n--;
    return text;
}

/* 3.4.2: unfolded, each run of blanks a space, none at the ends. */
static void put_relaxed_value(struct buf *out, struct slice value)
{
    bool blank = false;
    value = slice_trim(value);
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\n' || (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n'))
            continue;
        if (c == ' ' || c == '\t') {
            blank = true;
            continue;
        }
        if (blank)
            buf_putc(out, ' ');
        blank = false;
        buf_putc(out, c);
    }
}

void canon_field(struct buf *out, enum canon canon, struct slice whole)
{
    struct slice name;
    struct slice value;
    whole = without_line_end(whole);
    if (canon == CANON_SIMPLE) {
        buf_put(out, whole);
    } else {
        slice_cut(whole, ':', &name, &value);
        name = slice_trim(name);
        for (size_t i = 0; i < name.n; i++)
            buf_putc(out, ascii_lower(name.p[i]));
        buf_putc(out, ':');
        put_relaxed_value(out, value);
    }
    buf_put(out, S("\r\n"));
}

/* --- bodies --- */

static void hash(struct canon_body *body, struct slice text)
{
    uint64_t left = UINT64_MAX;
    if (body->limited)
        left = body->limit > body->length ? body->limit - body->length : 0;
    body->length += text.n;
    text = slice_sub(text, 0, MIN((uint64_t)text.n, left));
    if (text.n > 0 && EVP_DigestUpdate(body->digest, text.p, text.n) != 1)
        body->failed = true;
}

static void hash_held_lines(struct canon_body *body)
{
    static const char ends[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
    while (body->lines > 0) {
        uint64_t lines = MIN(body->lines, (uint64_t)(sizeof(ends) - 1) / 2);
        hash(body, slice_of(ends, lines * 2));
        body->lines -= lines;
    }
}

static void put_text(struct canon_body *body, struct slice text)
{
    hash_held_lines(body);
    if (body->blank)
        hash(body, S(" "));
    body->blank = false;
    hash(body, text);
}

static bool is_special(const struct canon_body *body, char c)
{
    return c == '\r' || (body->canon == CANON_RELAXED && (c == ' ' || c == '\t'));
}

void canon_body_feed(struct canon_body *body, struct slice piece)
{
    for (size_t i = 0; i < piece.n;) {
        char c = piece.p[i];
        if (body->cr) {
            body->cr = false;
            if (c == '\n') {
                body->lines++;
                body->blank = false;
                i++;
                continue;
            }
            put_text(body, S("\r"));
        }
        if (!is_special(body, c)) {
            size_t start = i;
            while (i < piece.n && !is_special(body, piece.p[i]))
                i++;
            put_text(body, slice_sub(piece, start, i - start));
            continue;
        }
        if (c == '\r')
            body->cr = true;
        else
            body->blank = true;
        i++;
    }
}

bool canon_body_end(struct canon_body *body)
{
    if (body->cr)
        put_text(body, S("\r"));
    body->cr = false;
    body->lines = 0;
    /* An empty body is CRLF when simple (3.4.3), nothing when relaxed (3.4.4). */
    if (body->canon == CANON_SIMPLE || body->length > 0)
        hash(body, S("\r\n"));
    return !body->failed;
}
