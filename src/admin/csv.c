#include "admin/csv.h"

void csv_init(struct csv *csv, struct slice text)
{
    *csv = (struct csv){cursor_of(text), 1};
    cursor_skip(&csv->c, S("\xef\xbb\xbf"));
}

static bool skip_line_end(struct csv *csv)
{
    if (!cursor_skip(&csv->c, S("\r\n")) && !cursor_skip_char(&csv->c, '\n'))
        return false;
    csv->line++;
    return true;
}

/* A field's end: the comma, the line's end, or the text's. */
static bool at_end(const struct csv *csv)
{
    int c = cursor_peek(&csv->c);
    return c < 0 || c == ',' || c == '\n' || (c == '\r' && cursor_peek_at(&csv->c, 1) == '\n');
}

/* Without the doubling of quotes. */
static bool unquote(struct slice raw, struct arena *arena, struct slice *ret)
{
    if (slice_find_char(raw, '"') < 0) {
        *ret = raw;
        return true;
    }
    char *text = arena_alloc(arena, raw.n);
    if (text == NULL)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        text[n++] = raw.p[i];
        if (raw.p[i] == '"')
            i++;
    }
    *ret = slice_of(text, n);
    return true;
}

static const char *read_quoted(struct csv *csv, struct arena *arena, struct slice *ret)
{
    const char *start = csv->c.p;
    for (;;) {
        int c = cursor_next(&csv->c);
        if (c < 0)
            return "a quoted field does not end";
        if (c == '\n')
            csv->line++;
        if (c == '"' && !cursor_skip_char(&csv->c, '"'))
            break;
    }
    struct slice raw = slice_of(start, (size_t)(csv->c.p - start) - 1);
    if (!at_end(csv))
        return "something follows a quoted field's last quote; quotes in a field are doubled";
    return unquote(raw, arena, ret) ? NULL : "out of memory";
}

static const char *read_field(struct csv *csv, struct arena *arena, struct slice *ret)
{
    if (cursor_skip_char(&csv->c, '"'))
        return read_quoted(csv, arena, ret);
    const char *start = csv->c.p;
    while (!at_end(csv))
        if (cursor_next(&csv->c) == '"')
            return "a quote stands in a field that does not begin with one";
    *ret = slice_of(start, (size_t)(csv->c.p - start));
    return NULL;
}

static enum csv_status bad(struct csv *csv, struct csv_record *record, const char *problem)
{
    cursor_take_until(&csv->c, S("\n"));
    skip_line_end(csv);
    record->problem = problem;
    return CSV_BAD;
}

enum csv_status csv_next(struct csv *csv, struct arena *arena, struct csv_record *ret_record)
{
    while (skip_line_end(csv))
        continue;
    *ret_record = (struct csv_record){.line = csv->line};
    if (cursor_done(&csv->c))
        return CSV_END;
    do {
        if (ret_record->count == CSV_FIELDS_MAX)
            return bad(csv, ret_record, "too many fields");
        const char *problem = read_field(csv, arena, &ret_record->fields[ret_record->count]);
        if (problem != NULL)
            return bad(csv, ret_record, problem);
        ret_record->count++;
    } while (cursor_skip_char(&csv->c, ','));
    skip_line_end(csv);
    return CSV_RECORD;
}
