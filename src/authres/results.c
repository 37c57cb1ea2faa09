#include "authres/results.h"

#include "mime/header.h"

static const struct slice field_name = {"Authentication-Results", 22};

void results_begin(struct buf *out, struct slice server)
{
    buf_put(out, field_name);
    buf_put(out, S(": "));
    buf_put(out, server);
}

static bool is_printable(char c)
{
    return (unsigned char)c >= ' ' && c != 0x7f;
}

void results_put(struct buf *out, const char *method, const char *result, struct slice comment)
{
    buf_printf(out, ";\r\n\t%s=%s", method, result);
    if (comment.n == 0)
        return;
    buf_put(out, S(" ("));
    for (size_t i = 0; i < MIN(comment.n, (size_t)RESULTS_COMMENT_MAX); i++) {
        if (slice_find_char(S("()\\"), comment.p[i]) >= 0)
            buf_putc(out, '\\');
        buf_putc(out, is_printable(comment.p[i]) ? comment.p[i] : '?');
    }
    buf_putc(out, ')');
}

/* Neither a token's (RFC 2045 5.1) nor an address's. */
static bool needs_quotes(struct slice value)
{
    for (size_t i = 0; i < value.n; i++)
        if (!ascii_is_alnum(value.p[i]) && slice_find_char(S("!#$%&'*+-.^_`{|}~@"), value.p[i]) < 0)
            return true;
    return value.n == 0;
}

void results_put_property(struct buf *out, const char *name, struct slice value)
{
    buf_printf(out, " %s=", name);
    if (!needs_quotes(value)) {
        buf_put(out, value);
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, is_printable(value.p[i]) ? value.p[i] : '?');
    }
    buf_putc(out, '"');
}

void results_end(struct buf *out)
{
    if (slice_find_char(buf_slice(out), ';') < 0)
        buf_put(out, S("; none"));
    buf_put(out, S("\r\n"));
}

/* Blanks, folds and comments, nested. False: a comment has no end. */
static bool skip_comments(struct cursor *c)
{
    unsigned depth = 0;
    while (!cursor_done(c)) {
        char byte = (char)cursor_peek(c);
        if (byte == '(')
            depth++;
        else if (byte == ')' && depth > 0)
            depth--;
        else if (byte == '\\' && depth > 0)
            (void)cursor_next(c);
        else if (depth == 0 && !ascii_is_space(byte))
            return true;
        (void)cursor_next(c);
    }
    return depth == 0;
}

static bool take_quoted(struct cursor *c, struct buf *out)
{
    for (;;) {
        int byte = cursor_next(c);
        if (byte < 0)
            return false;
        if (byte == '"')
            return true;
        if (byte == '\\' && (byte = cursor_next(c)) < 0)
            return false;
        buf_putc(out, (char)byte);
    }
}

bool results_claim(struct slice value, struct slice server)
{
    struct cursor c = cursor_of(value);
    CLEANUP(buf_release) struct buf name = BUF(1024);
    if (!skip_comments(&c))
        return true;
    if (cursor_skip_char(&c, '"')) {
        if (!take_quoted(&c, &name))
            return true;
    } else {
        buf_put(&name, cursor_take_until(&c, S(" \t\r\n;(\"")));
    }
    if (buf_failed(&name) || name.n == 0)
        return true;
    struct slice claimed = buf_slice(&name);
    if (slice_ends(claimed, S(".")))
        claimed.n--;
    return slice_eq_nocase(claimed, server);
}

/* Fields that only we put there; who brings one wants to be believed. */
static bool is_ours(const struct mime_field *field, struct slice server)
{
    return slice_eq_nocase(field->name, S(RESULTS_JUNK_FIELD)) ||
           (slice_eq_nocase(field->name, field_name) && results_claim(field->value, server));
}

void results_strip(struct buf *out, struct slice header, struct slice server)
{
    struct cursor c = cursor_of(header);
    size_t kept = 0; /* up to there all is written, or left out */
    struct mime_field field;
    while (mime_field_next(&c, &field)) {
        if (!is_ours(&field, server))
            continue;
        size_t at = (size_t)(field.whole.p - header.p);
        buf_put(out, slice_sub(header, kept, at - kept));
        kept = at + field.whole.n;
    }
    buf_put(out, slice_from(header, kept));
}
