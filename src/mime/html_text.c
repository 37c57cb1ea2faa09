#include "mime/html_text.h"

#include "base/utf8.h"

enum { TAG_NAME_MAX = 16, ENTITY_MAX = 16 };

struct stripper {
    struct buf *out;
    size_t start; /* of the output, in bytes */
    size_t max;
    bool blank; /* a blank is due before the next text */
    bool line;  /* a line end is due instead */
};

static const struct {
    const char *name;
    uint16_t point;
} entities[] = {
    {"amp", '&'},      {"lt", '<'},       {"gt", '>'},       {"quot", '"'},      {"apos", '\''},
    {"nbsp", 0xa0},    {"auml", 0xe4},    {"ouml", 0xf6},    {"uuml", 0xfc},     {"Auml", 0xc4},
    {"Ouml", 0xd6},    {"Uuml", 0xdc},    {"szlig", 0xdf},   {"eacute", 0xe9},   {"egrave", 0xe8},
    {"agrave", 0xe0},  {"ccedil", 0xe7},  {"copy", 0xa9},    {"reg", 0xae},      {"trade", 0x2122},
    {"euro", 0x20ac},  {"pound", 0xa3},   {"sect", 0xa7},    {"deg", 0xb0},      {"middot", 0xb7},
    {"bull", 0x2022},  {"ndash", 0x2013}, {"mdash", 0x2014}, {"hellip", 0x2026}, {"laquo", 0xab},
    {"raquo", 0xbb},   {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"sbquo", 0x201a},  {"ldquo", 0x201c},
    {"rdquo", 0x201d}, {"bdquo", 0x201e}, {"times", 0xd7},   {"shy", 0xad},      {"zwnj", 0x200c},
    {"zwj", 0x200d},
};

/* Elements whose content is not text for a reader. */
static const char *const hidden[] = {"script", "style", "head", "title", "template", "noscript", "svg"};
/* Elements that start a new line. */
static const char *const blocks[] = {"br", "p",  "div", "tr", "li", "ul", "ol",         "table", "h1",  "h2",
                                     "h3", "h4", "h5",  "h6", "hr", "dt", "blockquote", "pre",   "body"};

static bool is_listed(struct slice name, const char *const *names, size_t count)
{
    char first = name.n > 0 ? ascii_lower(name.p[0]) : 0;
    for (size_t i = 0; i < count; i++)
        if (names[i][0] == first && slice_eq_nocase(name, slice_cstr(names[i])))
            return true;
    return false;
}

static bool is_full(const struct stripper *s)
{
    return s->out->failed || s->out->n - s->start >= s->max;
}

static void put_gap(struct stripper *s)
{
    if ((s->blank || s->line) && s->out->n > s->start)
        buf_putc(s->out, s->line ? '\n' : ' ');
    s->blank = false;
    s->line = false;
}

static void put_point(struct stripper *s, uint32_t point)
{
    if (point == 0xa0 || point <= ' ') {
        s->blank = true;
        return;
    }
    if (point == 0xad || (point >= 0x200b && point <= 0x200f) || point == 0xfeff || point == 0x7f)
        return; /* invisible */
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        point = 0xfffd;
    put_gap(s);
    utf8_put(s->out, point);
}

static bool numeric_entity(struct slice digits, uint32_t *ret)
{
    bool hex = digits.n > 1 && ascii_lower(digits.p[0]) == 'x';
    uint32_t value = 0;
    for (size_t i = hex; i < digits.n; i++) {
        char c = ascii_lower(digits.p[i]);
        if (!ascii_is_digit(c) && !(hex && c >= 'a' && c <= 'f'))
            return false;
        value = value * (hex ? 16 : 10) + (uint32_t)(ascii_is_digit(c) ? c - '0' : c - 'a' + 10);
        value = MIN(value, 0x110000U);
    }
    *ret = value;
    return digits.n > hex;
}

/* At '&': an entity, or the character itself. */
static void take_entity(struct stripper *s, struct cursor *c)
{
    struct slice window = slice_sub(cursor_rest(c), 1, ENTITY_MAX);
    ssize_t end = slice_find_char(window, ';');
    struct slice name = slice_sub(window, 0, end > 0 ? (size_t)end : 0);
    uint32_t point = 0;
    if (slice_starts(name, S("#")) && numeric_entity(slice_from(name, 1), &point)) {
        c->p += name.n + 2;
        put_point(s, point);
        return;
    }
    for (size_t i = 0; name.n > 0 && i < ARRAY_LEN(entities); i++) {
        if (slice_eq(name, slice_cstr(entities[i].name))) {
            c->p += name.n + 2;
            put_point(s, entities[i].point);
            return;
        }
    }
    c->p++;
    put_point(s, '&');
}

/* Past the end of "</name"; without one, to the end of the text. */
static void skip_element(struct cursor *c, struct slice name)
{
    while (!cursor_done(c)) {
        ssize_t at = slice_find(cursor_rest(c), S("</"));
        if (at < 0)
            break;
        c->p += at + 2;
        if (slice_starts_nocase(cursor_rest(c), name))
            return;
    }
    c->p = c->end;
}

/* Past the '>' that ends a tag; those in quoted values don't. */
static void skip_tag(struct cursor *c)
{
    char quote = 0;
    char before = 0;
    while (!cursor_done(c)) {
        char byte = *c->p++;
        if (quote != 0) {
            quote = byte == quote ? 0 : quote;
        } else if ((byte == '"' || byte == '\'') && before == '=') {
            quote = byte;
        } else if (byte == '>') {
            return;
        }
        before = ascii_is_space(byte) ? before : byte;
    }
}

/* At '<'. */
static void take_tag(struct stripper *s, struct cursor *c)
{
    if (cursor_skip(c, S("<!--"))) {
        ssize_t end = slice_find(cursor_rest(c), S("-->"));
        c->p = end < 0 ? c->end : c->p + end + 3;
        return;
    }
    int next = cursor_peek_at(c, 1);
    if (next < 0 || !(ascii_is_alpha((char)next) || next == '/' || next == '!' || next == '?')) {
        c->p++;
        put_point(s, '<');
        return;
    }
    c->p++;
    bool closing = cursor_skip_char(c, '/');
    struct slice window = slice_sub(cursor_rest(c), 0, TAG_NAME_MAX);
    struct slice name = slice_sub(window, 0, 0);
    while (name.n < window.n && ascii_is_alnum(window.p[name.n]))
        name.n++;
    skip_tag(c);
    if (is_listed(name, blocks, ARRAY_LEN(blocks)))
        s->line = true;
    else if (slice_eq_nocase(name, S("td")) || slice_eq_nocase(name, S("th")))
        s->blank = true;
    if (!closing && is_listed(name, hidden, ARRAY_LEN(hidden))) {
        skip_element(c, name);
        skip_tag(c);
    }
}

/* A run of ASCII that means itself: most of the text, copied at once as far as there is room. */
static bool take_plain(struct stripper *s, struct cursor *c)
{
    const char *end = c->p;
    while (end<c->end && * end> ' ' && *end < 0x7f && *end != '<' && *end != '&')
        end++;
    struct slice run = slice_of(c->p, (size_t)(end - c->p));
    if (run.n == 0)
        return false;
    put_gap(s);
    size_t had = s->out->n - s->start;
    buf_put(s->out, slice_sub(run, 0, MAX(s->max, had) - had));
    c->p = end;
    return true;
}

void mime_html_to_text(struct buf *out, struct slice html, size_t max_out)
{
    struct stripper s = {.out = out, .start = out->n, .max = max_out};
    struct cursor c = cursor_of(html);
    while (!cursor_done(&c) && !is_full(&s)) {
        if (take_plain(&s, &c))
            continue;
        if (*c.p == '<') {
            take_tag(&s, &c);
        } else if (*c.p == '&') {
            take_entity(&s, &c);
        } else {
            int32_t point = utf8_next(&c);
            put_point(&s, point < 0 ? 0xfffd : (uint32_t)point);
        }
    }
    if (out->n - s.start > max_out)
        out->n = s.start + utf8_cut(slice_from(buf_slice(out), s.start), max_out).n;
}
