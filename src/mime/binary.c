#include "mime/binary.h"

#include "mime/header.h"

bool mime_part_decodable(const struct mime_part *part)
{
    return part->kind != MIME_LEAF || part->encoding != MIME_ENCODING_UNKNOWN;
}

/* In these an LF byte may be half of another character. */
static bool is_wide_charset(struct slice charset)
{
    static const struct slice names[] = {{"utf-16", 6}, {"utf-32", 6}, {"ucs-", 4}, {"iso-10646-ucs", 13}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_starts_nocase(charset, names[i]))
            return true;
    return false;
}

static bool has_nul(struct slice bytes)
{
    return bytes.n > 0 && memchr(bytes.p, 0, bytes.n) != NULL;
}

static bool has_bare_lf(struct slice bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] == '\n' && (i == 0 || bytes.p[i - 1] != '\r'))
            return true;
    return false;
}

static void put_with_crlf(struct buf *out, struct slice text)
{
    struct cursor c = cursor_of(text);
    while (!cursor_done(&c)) {
        struct slice line = cursor_take_until(&c, S("\n"));
        buf_put(out, line);
        if (cursor_skip_char(&c, '\n'))
            buf_put(out, slice_ends(line, S("\r")) ? S("\n") : S("\r\n"));
    }
}

static bool is_encoded(const struct mime_part *part)
{
    return part->encoding == MIME_ENCODING_BASE64 || part->encoding == MIME_ENCODING_QUOTED_PRINTABLE;
}

struct slice mime_part_binary(const struct mime_part *part, struct buf *made)
{
    if (part->kind != MIME_LEAF)
        return part->body;
    bool lines = slice_eq_nocase(part->type, S("text")) &&
                 !is_wide_charset(mime_parameter_raw(part->parameters, S("charset")));
    CLEANUP(buf_release) struct buf decoded = BUF(part->body.n + 16);
    struct slice bytes = part->body;
    if (is_encoded(part)) {
        mime_decode_all(&decoded, part->encoding, part->body);
        bytes = buf_slice(&decoded);
    }
    bool failed = buf_failed(&decoded);
    if (lines && has_bare_lf(bytes)) {
        *made = BUF(2 * bytes.n);
        put_with_crlf(made, bytes);
        bytes = buf_slice(made);
    } else if (is_encoded(part)) {
        *made = decoded;
        decoded = BUF(0);
    }
    made->failed = made->failed || failed;
    return bytes;
}

static bool must_be_encoded(const struct mime_part *part)
{
    if (part->kind != MIME_LEAF)
        return false;
    switch (part->encoding) {
    case MIME_ENCODING_BINARY:
        return has_nul(part->body) || has_bare_lf(part->body);
    case MIME_ENCODING_7BIT:
    case MIME_ENCODING_8BIT:
        return has_nul(part->body);
    case MIME_ENCODING_QUOTED_PRINTABLE:
    case MIME_ENCODING_BASE64:
    case MIME_ENCODING_UNKNOWN:
        break;
    }
    return false;
}

/* The end of a field's own lines: mime_field_next also counts lines to it that belong to nothing. */
static const char *field_end(const struct mime_field *field)
{
    struct cursor c = cursor_of(field->whole);
    do {
        cursor_take_until(&c, S("\n"));
        cursor_skip_char(&c, '\n');
    } while (cursor_peek(&c) == ' ' || cursor_peek(&c) == '\t');
    return c.p;
}

/* The header with its Content-Transfer-Encoding replaced, or put in behind its last field. */
static void put_header(struct buf *out, struct slice header)
{
    static const struct slice base64 = {"Content-Transfer-Encoding: base64\r\n", 35};
    struct cursor fields = cursor_of(header);
    const char *at = header.p;
    const char *end = header.p;
    struct mime_field field;
    bool put = false;
    while (mime_field_next(&fields, &field)) {
        end = field.whole.p + field.whole.n;
        if (!slice_eq_nocase(field.name, S("Content-Transfer-Encoding")))
            continue;
        buf_put(out, slice_of(at, (size_t)(field.whole.p - at)));
        buf_put(out, base64);
        at = field_end(&field);
        put = true;
    }
    buf_put(out, slice_of(at, (size_t)(end - at)));
    if (!put)
        buf_put(out, base64);
    buf_put(out, S("\r\n"));
}

static bool any_must_be_encoded(const struct mime_part *root)
{
    for (const struct mime_part *part = root; part != NULL; part = mime_part_walk(root, part))
        if (must_be_encoded(part))
            return true;
    return false;
}

static bool has_empty_line(struct slice header)
{
    return slice_ends(header, S("\n\n")) || slice_ends(header, S("\n\r\n")) || slice_eq(header, S("\n")) ||
           slice_eq(header, S("\r\n"));
}

static void put_encoded(struct buf *out, const struct mime_part *root)
{
    const char *at = root->whole.p;
    const char *end = root->whole.p + root->whole.n;
    for (const struct mime_part *part = root; part != NULL; part = mime_part_walk(root, part)) {
        if (must_be_encoded(part)) {
            buf_put(out, slice_of(at, (size_t)(part->header.p - at)));
            put_header(out, part->header);
            mime_encode_base64(out, part->body);
            at = part->body.p + part->body.n;
            /* The line end before a boundary is there already. */
            if (at != end && !buf_failed(out))
                out->n -= 2;
        } else if (part->kind != MIME_LEAF && !has_empty_line(part->header)) {
            /* A field put in further down would draw all before it into this header. */
            buf_put(out, slice_of(at, (size_t)(part->body.p - at)));
            buf_put(out, S("\r\n"));
            at = part->body.p;
        }
    }
    buf_put(out, slice_of(at, (size_t)(end - at)));
}

enum err mime_encode_binary(struct arena *arena, struct buf *out, struct slice message, bool *ret_changed,
                            struct error *error)
{
    struct mime_part *root;
    enum err err = mime_parse(arena, message, &root, error);
    if (err != ERR_OK)
        return err;
    bool changed = any_must_be_encoded(root);
    if (changed)
        put_encoded(out, root);
    if (buf_failed(out))
        return fail_nomem(error);
    if (has_nul(changed ? buf_slice(out) : message))
        return fail(error, ERR_UNSUPPORTED, "There is a NUL byte where no transfer encoding can be",
                    "a message with a NUL outside of unencoded parts");
    *ret_changed = changed;
    return ERR_OK;
}
