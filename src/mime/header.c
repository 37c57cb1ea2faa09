#include "mime/header.h"

/* The line at the cursor, its line end included. */
static struct slice take_line(struct cursor *c)
{
    size_t left = cursor_left(c);
    const char *end = left > 0 ? memchr(c->p, '\n', left) : NULL;
    return cursor_take(c, end != NULL ? (size_t)(end - c->p) + 1 : left);
}

/* The line without its LF or CRLF. */
static struct slice line_content(struct slice line)
{
    if (line.n > 0 && line.p[line.n - 1] == '\n') {
        line.n--;
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
    }
    return line;
}

/* Cuts "Name : value" at its colon; false when there is no name and colon. 8-bit names are taken: some
 * mailers write them, and losing the field would lose more. */
static bool cut_field(struct slice line, struct slice *ret_name, struct slice *ret_value)
{
    size_t name = 0;
    while (name < line.n && (unsigned char)line.p[name] > ' ' && line.p[name] != ':' && line.p[name] != 0x7f)
        name++;
    size_t colon = name;
    while (colon < line.n && (line.p[colon] == ' ' || line.p[colon] == '\t'))
        colon++;
    if (name == 0 || colon == line.n || line.p[colon] != ':')
        return false;
    *ret_name = slice_sub(line, 0, name);
    *ret_value = slice_from(line, colon + 1);
    return true;
}

enum mime_line mime_line_kind(struct slice line)
{
    struct slice name;
    struct slice value;
    if (line.n == 0)
        return MIME_LINE_EMPTY;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return MIME_LINE_CONTINUATION;
    if (cut_field(line, &name, &value))
        return MIME_LINE_FIELD;
    if (slice_starts(line, S("From ")) || slice_starts(line, S(">From ")))
        return MIME_LINE_MBOX;
    return MIME_LINE_OTHER;
}

bool mime_header_scan_line(struct mime_header_scan *scan, const char *start, const char *next, size_t lines)
{
    enum mime_line kind = mime_line_kind(line_content(slice_of(start, (size_t)(next - start))));
    if (kind == MIME_LINE_CONTINUATION && !scan->any)
        kind = MIME_LINE_OTHER;
    switch (kind) {
    case MIME_LINE_EMPTY:
        scan->end = next;
        scan->end_lines = lines + 1;
        return true;
    case MIME_LINE_FIELD:
        scan->any = true;
        scan->open = false;
        return false;
    case MIME_LINE_CONTINUATION:
    case MIME_LINE_MBOX:
        return false;
    case MIME_LINE_OTHER:
        break;
    }
    if (!scan->open) {
        scan->open = true;
        scan->end = start;
        scan->end_lines = lines;
    }
    return !scan->any;
}

struct mime_split mime_split(struct slice entity)
{
    struct mime_header_scan scan = {0};
    struct cursor c = cursor_of(entity);
    while (!cursor_done(&c)) {
        struct slice line = take_line(&c);
        if (mime_header_scan_line(&scan, line.p, line.p + line.n, 0)) {
            scan.open = true;
            break;
        }
    }
    size_t header = scan.open ? (size_t)(scan.end - entity.p) : entity.n;
    return (struct mime_split){slice_sub(entity, 0, header), slice_from(entity, header)};
}

/* Continuations, and lines that are no fields: RFC 7103 7.2 reads those as continuations too. */
static void skip_continuations(struct cursor *c)
{
    while (!cursor_done(c)) {
        struct cursor probe = *c;
        enum mime_line kind = mime_line_kind(line_content(take_line(&probe)));
        if (kind != MIME_LINE_CONTINUATION && kind != MIME_LINE_OTHER)
            return;
        *c = probe;
    }
}

bool mime_field_next(struct cursor *header, struct mime_field *ret)
{
    while (!cursor_done(header)) {
        struct slice line = take_line(header);
        struct slice content = line_content(line);
        enum mime_line kind = mime_line_kind(content);
        if (kind == MIME_LINE_EMPTY) {
            header->p = header->end;
            return false;
        }
        struct slice value;
        struct slice name;
        if (kind != MIME_LINE_FIELD || !cut_field(content, &name, &value))
            continue;
        skip_continuations(header);
        struct slice whole = slice_of(line.p, (size_t)(header->p - line.p));
        struct slice text = line_content(whole);
        ret->name = name;
        ret->whole = whole;
        ret->value = slice_of(value.p, (size_t)(text.p + text.n - value.p));
        return true;
    }
    return false;
}

bool mime_field_find(struct slice header, struct slice name, struct mime_field *ret)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    while (mime_field_next(&c, &field)) {
        if (slice_eq_nocase(field.name, name)) {
            *ret = field;
            return true;
        }
    }
    return false;
}

struct slice mime_field_value(struct slice header, struct slice name)
{
    struct mime_field field;
    return mime_field_find(header, name, &field) ? slice_trim(field.value) : slice_none();
}

bool mime_is_unfolded(struct slice raw)
{
    return raw.n == 0 || (memchr(raw.p, '\n', raw.n) == NULL && memchr(raw.p, '\r', raw.n) == NULL &&
                          memchr(raw.p, 0, raw.n) == NULL);
}

void mime_unfold(struct buf *out, struct slice raw)
{
    raw = slice_trim(raw);
    if (mime_is_unfolded(raw)) {
        buf_put(out, raw);
        return;
    }
    char *at = buf_reserve(out, raw.n);
    if (at == NULL)
        return;
    char *to = at;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        bool blank_next = i + 1 < raw.n && (raw.p[i + 1] == ' ' || raw.p[i + 1] == '\t');
        if (c == 0 || (c == '\r' && i + 1 < raw.n && raw.p[i + 1] == '\n') || (c == '\n' && blank_next))
            continue;
        *to++ = c == '\r' || c == '\n' ? ' ' : c;
    }
    buf_grew(out, (size_t)(to - at));
}

static bool is_listed(struct slice name, const struct slice *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(name, names[i]))
            return true;
    return false;
}

static bool ends_in_empty_line(struct slice header)
{
    return slice_ends(header, S("\n\r\n")) || slice_ends(header, S("\n\n")) || slice_eq(header, S("\r\n")) ||
           slice_eq(header, S("\n"));
}

void mime_header_select(struct buf *out, struct slice header, const struct slice *names, size_t count,
                        bool but)
{
    struct cursor c = cursor_of(header);
    struct mime_field field;
    while (mime_field_next(&c, &field)) {
        if (is_listed(field.name, names, count) == but)
            continue;
        buf_put(out, field.whole);
        if (field.whole.p[field.whole.n - 1] != '\n')
            buf_put(out, S("\r\n"));
    }
    if (ends_in_empty_line(header))
        buf_put(out, S("\r\n"));
}
