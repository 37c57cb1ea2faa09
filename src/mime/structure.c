#include "mime/structure.h"

#include "base/must.h"
#include "mime/charset.h"
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "mime/part_fields.h"

/*
 * Invariants of the scan:
 *  1 `at` is at the start of a line, or at the end of the message; `lines` is the count of LFs before it.
 *  2 Open parts are `current` and its ancestors. An open part's body.p is set and its body_lines holds
 * `lines` at its body's start; both get their meaning of structure.h when it is ended. 3 levels[0 ..
 * level_count) are the open multiparts whose closing delimiter has not come, outermost first.
 */
struct level {
    struct mime_part *multipart;
    struct slice boundary;
};

struct scan {
    struct arena *arena;
    const char *at;
    const char *end;
    size_t lines;
    struct mime_part *current;
    size_t depth; /* open parts */
    size_t parts;
    struct mime_field_budget budget;
    size_t level_count;
    size_t shortest;        /* of the levels' boundaries, in bytes */
    uint64_t first_byte[4]; /* which bytes a boundary starts with, one bit each */
    struct level levels[MIME_DEPTH_MAX];
};

/* A delimiter line that was found. */
struct delimiter {
    size_t level;
    bool closes;
    const char *start; /* of the line */
    size_t lines;      /* LFs before it */
};

enum { VECTOR = 16, VECTOR_ROUNDS = 255 }; /* a lane counts to 255 */

static size_t count_line_ends(const char *p, size_t n)
{
    typedef uint8_t bytes __attribute__((vector_size(VECTOR)));
    size_t count = 0;
    while (n >= VECTOR) {
        size_t rounds = MIN(n / VECTOR, (size_t)VECTOR_ROUNDS);
        bytes sum = {0};
        for (size_t i = 0; i < rounds; i++, p += VECTOR) {
            bytes text;
            memcpy(&text, p, VECTOR);
            sum -= (bytes)(text == '\n');
        }
        for (size_t lane = 0; lane < VECTOR; lane++)
            count += sum[lane];
        n -= rounds * VECTOR;
    }
    for (; n > 0; n--)
        count += *p++ == '\n';
    return count;
}

static const char *next_line(const char *at, const char *end)
{
    const char *lf = memchr(at, '\n', (size_t)(end - at));
    return lf != NULL ? lf + 1 : end;
}

static void note_levels(struct scan *s)
{
    s->shortest = SIZE_MAX;
    memset(s->first_byte, 0, sizeof(s->first_byte));
    for (size_t i = 0; i < s->level_count; i++) {
        unsigned char first = (unsigned char)s->levels[i].boundary.p[0];
        s->shortest = MIN(s->shortest, s->levels[i].boundary.n);
        s->first_byte[first / 64] |= UINT64_C(1) << first % 64;
    }
}

/* RFC 2046 5.1.1: "--" and the boundary start the line; whatever follows does not matter but "--". Where
 * several boundaries fit, the longest is meant, and of equal ones the innermost. */
static bool find_level(const struct scan *s, const char *line, const char *next, struct delimiter *ret)
{
    size_t n = (size_t)(next - line) - 2;
    const char *text = line + 2;
    unsigned char first = (unsigned char)text[0];
    if (n < s->shortest || (s->first_byte[first / 64] >> first % 64 & 1) == 0)
        return false;
    size_t best = 0;
    for (size_t i = s->level_count; i > 0; i--) {
        struct slice boundary = s->levels[i - 1].boundary;
        if (boundary.n > best && n >= boundary.n && text[boundary.n - 1] == boundary.p[boundary.n - 1] &&
            memcmp(text, boundary.p, boundary.n) == 0) {
            best = boundary.n;
            ret->level = i - 1;
        }
    }
    if (best == 0)
        return false;
    ret->closes = slice_starts(slice_of(text + best, n - best), S("--"));
    ret->start = line;
    ret->lines = s->lines;
    return true;
}

static bool is_delimiter(const struct scan *s, const char *line, const char *next, struct delimiter *ret)
{
    return s->level_count > 0 && next - line > 2 && line[0] == '-' && line[1] == '-' &&
           find_level(s, line, next, ret);
}

static void pass_line(struct scan *s, const char *next)
{
    s->lines += next > s->at && next[-1] == '\n';
    s->at = next;
}

/* Passes over text to the next delimiter line and over that; false at the end of the message. */
static bool skip_to_delimiter(struct scan *s, struct delimiter *ret)
{
    if (s->level_count == 0) {
        s->lines += count_line_ends(s->at, (size_t)(s->end - s->at));
        s->at = s->end;
        return false;
    }
    while (s->at < s->end) {
        const char *next = next_line(s->at, s->end);
        bool found = is_delimiter(s, s->at, next, ret);
        pass_line(s, next);
        if (found)
            return true;
    }
    return false;
}

/* Reads the header of the current part; the scan stands at its body then. A delimiter ends a header too. */
static void read_header(struct scan *s)
{
    struct mime_header_scan header = {0};
    struct delimiter delimiter;
    const char *start = s->at;
    bool over = false;
    while (!over && s->at < s->end) {
        const char *next = next_line(s->at, s->end);
        if (is_delimiter(s, s->at, next, &delimiter))
            break;
        over = mime_header_scan_line(&header, s->at, next, s->lines);
        pass_line(s, next);
    }
    if (over || header.open) {
        s->at = header.end;
        s->lines = header.end_lines;
    }
    s->current->header = slice_of(start, (size_t)(s->at - start));
}

static void start_body(struct scan *s)
{
    s->current->body = slice_of(s->at, 0);
    s->current->body_lines = s->lines;
}

static enum err open_part(struct scan *s, struct error *error)
{
    struct mime_part *part = ARENA_NEW(s->arena, struct mime_part);
    if (part == NULL)
        return fail_plain(error, ERR_LIMIT, "the message has too many parts");
    part->parent = s->current;
    if (s->current != NULL) {
        if (s->current->last_child != NULL)
            s->current->last_child->next = part;
        else
            s->current->first_child = part;
        s->current->last_child = part;
        s->current->child_count++;
    }
    s->current = part;
    s->depth++;
    s->parts++;
    return ERR_OK;
}

/* Ends the current part before `end`, where `lines` LFs were counted. */
static void end_part(struct scan *s, const char *end, size_t lines)
{
    struct mime_part *part = s->current;
    if (end < part->body.p) {
        end = part->body.p;
        lines = part->body_lines;
    }
    part->body.n = (size_t)(end - part->body.p);
    part->body_lines = lines - part->body_lines;
    part->whole = slice_of(part->header.p, part->header.n + part->body.n);
    if (part->kind == MIME_MULTIPART && part->first_child == NULL)
        mime_part_make_text(part);
    s->current = part->parent;
    s->depth--;
}

/* A delimiter line ends all that is open inside its multipart; the line end before it is part of it. */
static void end_inside(struct scan *s, const struct delimiter *delimiter, const char *message)
{
    const struct mime_part *multipart = s->levels[delimiter->level].multipart;
    const char *end = delimiter->start;
    size_t lines = delimiter->lines;
    if (end > message && end[-1] == '\n') {
        end--;
        lines--;
        if (end > message && end[-1] == '\r')
            end--;
    }
    while (s->current != multipart)
        end_part(s, end, lines);
    s->level_count = delimiter->level + !delimiter->closes;
    note_levels(s);
}

static void push_level(struct scan *s)
{
    must(s->level_count < MIME_DEPTH_MAX);
    struct slice boundary = mime_parameter_raw(s->current->parameters, S("boundary"));
    s->levels[s->level_count++] = (struct level){s->current, boundary};
    note_levels(s);
}

/* Reads the header of the part just opened, and of the messages its body starts with. The last part that is
 * allowed takes all the rest. */
static enum err enter_part(struct scan *s, struct error *error)
{
    for (;;) {
        if (s->parts == MIME_PARTS_MAX) {
            s->current->header = slice_of(s->at, 0);
            mime_part_make_text(s->current);
            start_body(s);
            s->level_count = 0;
            return ERR_OK;
        }
        read_header(s);
        enum err err = mime_part_read_fields(s->arena, s->current, &s->budget, error);
        if (err != ERR_OK)
            return err;
        start_body(s);
        if (s->current->kind != MIME_LEAF && s->depth >= MIME_DEPTH_MAX)
            mime_part_make_text(s->current);
        if (s->current->kind == MIME_MULTIPART)
            push_level(s);
        if (s->current->kind != MIME_MESSAGE)
            return ERR_OK;
        err = open_part(s, error);
        if (err != ERR_OK)
            return err;
    }
}

enum err mime_parse(struct arena *arena, struct slice message, struct mime_part **ret, struct error *error)
{
    struct scan s;
    memset(&s, 0, offsetof(struct scan, levels));
    s.arena = arena;
    s.at = message.p != NULL ? message.p : "";
    s.end = s.at + message.n;
    s.budget = MIME_FIELD_BUDGET;
    const char *start = s.at;
    enum err err = open_part(&s, error);
    struct mime_part *root = s.current;
    if (err == ERR_OK)
        err = enter_part(&s, error);
    struct delimiter delimiter;
    while (err == ERR_OK && skip_to_delimiter(&s, &delimiter)) {
        end_inside(&s, &delimiter, start);
        if (delimiter.closes)
            continue;
        err = open_part(&s, error);
        if (err == ERR_OK)
            err = enter_part(&s, error);
    }
    if (err != ERR_OK)
        return err;
    while (s.current != NULL)
        end_part(&s, s.end, s.lines);
    *ret = root;
    return ERR_OK;
}

bool mime_part_is(const struct mime_part *part, struct slice type, struct slice subtype)
{
    return slice_eq_nocase(part->type, type) && slice_eq_nocase(part->subtype, subtype);
}

size_t mime_part_offset(const struct mime_part *root, const struct mime_part *part)
{
    return (size_t)(part->whole.p - root->whole.p);
}

const struct mime_part *mime_part_walk(const struct mime_part *root, const struct mime_part *part)
{
    if (part->first_child != NULL)
        return part->first_child;
    while (part != root && part->next == NULL)
        part = part->parent;
    return part == root ? NULL : part->next;
}

bool mime_part_filename(struct buf *out, const struct mime_part *part)
{
    return mime_parameter_decode(out, part->disposition_parameters, S("filename")) ||
           mime_parameter_decode(out, part->parameters, S("name"));
}

void mime_part_decode(struct buf *out, const struct mime_part *part, bool to_utf8)
{
    if (!to_utf8 || !slice_eq_nocase(part->type, S("text"))) {
        mime_decode_all(out, part->encoding, part->body);
        return;
    }
    struct slice charset = mime_parameter_raw(part->parameters, S("charset"));
    bool plain = part->encoding != MIME_ENCODING_BASE64 && part->encoding != MIME_ENCODING_QUOTED_PRINTABLE;
    CLEANUP(buf_release) struct buf bytes = BUF(part->body.n + 16);
    if (!plain)
        mime_decode_all(&bytes, part->encoding, part->body);
    mime_charset_to_utf8(out, charset, plain ? part->body : buf_slice(&bytes));
}

/* RFC 9051 6.4.5.1: a message that is no multipart has one part, itself. */
static const struct mime_part *child_by_number(const struct mime_part *part, uint32_t number, bool is_message)
{
    if (is_message && part->kind != MIME_MULTIPART)
        return number == 1 ? part : NULL;
    if (part->kind == MIME_MESSAGE)
        return child_by_number(part->first_child, number, true);
    const struct mime_part *child = part->first_child;
    while (child != NULL && --number > 0)
        child = child->next;
    return child;
}

const struct mime_part *mime_section_part(const struct mime_part *root, const uint32_t *numbers, size_t count)
{
    const struct mime_part *part = root;
    for (size_t i = 0; i < count && part != NULL; i++)
        part = numbers[i] > 0 ? child_by_number(part, numbers[i], i == 0) : NULL;
    return part;
}

bool mime_section_slice(const struct mime_part *root, const uint32_t *numbers, size_t count,
                        enum mime_section what, struct slice *ret)
{
    const struct mime_part *part = mime_section_part(root, numbers, count);
    if (part == NULL)
        return false;
    const struct mime_part *message = count == 0                   ? part
                                      : part->kind == MIME_MESSAGE ? part->first_child
                                                                   : NULL;
    switch (what) {
    case MIME_SECTION_ALL:
        *ret = count == 0 ? part->whole : part->body;
        return true;
    case MIME_SECTION_HEADER:
    case MIME_SECTION_TEXT:
        if (message == NULL)
            return false;
        *ret = what == MIME_SECTION_HEADER ? message->header : message->body;
        return true;
    case MIME_SECTION_MIME:
        break;
    }
    *ret = part->header;
    return count > 0;
}

bool mime_section_parse(struct slice text, uint32_t *ret_numbers, size_t max, size_t *ret_count)
{
    struct cursor c = cursor_of(text);
    size_t count = 0;
    do {
        if (count == max || !cursor_u32(&c, &ret_numbers[count]) || ret_numbers[count] == 0)
            return false;
        count++;
    } while (cursor_skip_char(&c, '.'));
    if (!cursor_done(&c))
        return false;
    *ret_count = count;
    return true;
}
