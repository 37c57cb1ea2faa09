#include "base/language.h"

#include "base/language_rows.h"

enum { LEVELS_MAX = 16 /* patterns that begin with one another's beginning */ };

static const struct {
    const char *tag;
    const char *name;
} languages[] = {
#define X(name, tag, itself) {tag, itself},
    LANGUAGE_TABLE(X)
#undef X
};

const char *language_tag(enum language language)
{
    return languages[language].tag;
}

const char *language_name(enum language language)
{
    return languages[language].name;
}

static bool find_tag(struct slice tag, enum language *ret)
{
    for (size_t i = 0; i < LANGUAGES; i++) {
        if (slice_eq_nocase(tag, slice_cstr(languages[i].tag))) {
            *ret = (enum language)i;
            return true;
        }
    }
    return false;
}

enum language language_of(struct slice tag)
{
    enum language language = LANGUAGE_EN;
    return find_tag(tag, &language) ? language : LANGUAGE_EN;
}

bool language_find(struct slice range, enum language *ret)
{
    while (!find_tag(range, ret)) {
        ssize_t end = slice_rfind_char(range, '-');
        if (end < 0)
            return false;
        range.n = (size_t)end;
    }
    return true;
}

/* Rows from .. to - 1. */
struct rows {
    size_t from, to;
};

/* The first of the rows, which agree in all bytes before `at`, whose byte there is not below `byte`. */
static size_t first_not_below(struct rows rows, size_t at, unsigned byte)
{
    while (rows.from < rows.to) {
        size_t middle = (rows.from + rows.to) / 2;
        if ((unsigned char)language_rows[middle].in[LANGUAGE_EN][at] < byte)
            rows.from = middle + 1;
        else
            rows.to = middle;
    }
    return rows.from;
}

static struct rows narrow(struct rows rows, size_t at, unsigned from, unsigned to)
{
    return (struct rows){first_not_below(rows, at, from), first_not_below(rows, at, to + 1)};
}

/* A value in a sentence. */
struct place {
    size_t from, to;
    char kind;
};
struct finding {
    const struct language_row *row;
    struct place places[PLACES_MAX];
};

static size_t digits_end(struct slice text, size_t at)
{
    while (at < text.n && ascii_is_digit(text.p[at]))
        at++;
    return at;
}

/* Values are as short as can be: when the rest does not fit, the last one takes a byte more. */
static bool match(const char *pattern, struct slice text, struct place *places)
{
    const char *again = NULL; /* behind the last value that may grow */
    size_t count = 0, again_count = 0, at = 0;
    for (;;) {
        char c = *pattern;
        size_t end = c == PLACE_NUMBER ? digits_end(text, at) : at;
        if (c == PLACE_DATA || c == PLACE_WORDS) {
            places[count++] = (struct place){at, at, c};
            again = ++pattern;
            again_count = count;
        } else if (c == PLACE_NUMBER && end > at) {
            places[count++] = (struct place){at, end, c};
            at = end;
            pattern++;
        } else if (c == 0 && at == text.n) {
            return true;
        } else if (c > PLACE_NUMBER && at < text.n && text.p[at] == c) {
            at++;
            pattern++;
        } else if (again != NULL && places[again_count - 1].to < text.n) {
            pattern = again;
            count = again_count;
            at = ++places[count - 1].to;
        } else {
            return false;
        }
    }
}

static bool match_one(struct rows rows, struct slice text, struct finding *ret)
{
    for (size_t i = rows.from; i < rows.to; i++) {
        if (match(language_rows[i].in[LANGUAGE_EN], text, ret->places)) {
            ret->row = &language_rows[i];
            return true;
        }
    }
    return false;
}

/* Walks along the text, as far as rows agree with it byte for byte. Rows with a value on the way are kept,
 * and the longest beginnings are tried first. */
static bool find(struct slice text, struct finding *ret)
{
    struct rows levels[LEVELS_MAX];
    size_t level = 0;
    struct rows rows = {0, language_row_count};
    for (size_t at = 0; rows.from < rows.to; at++) {
        struct rows ended = narrow(rows, at, 0, 0);
        if (at == text.n && ended.from < ended.to) {
            ret->row = &language_rows[ended.from];
            return true;
        }
        struct rows values = narrow(rows, at, PLACE_DATA, PLACE_NUMBER);
        if (values.from < values.to && level < LEVELS_MAX)
            levels[level++] = values;
        unsigned char byte = at < text.n ? (unsigned char)text.p[at] : 0;
        if (byte <= PLACE_NUMBER)
            break;
        rows = narrow(rows, at, byte, byte);
    }
    while (level > 0)
        if (match_one(levels[--level], text, ret))
            return true;
    return false;
}

/* Letters of our own sentences that ASCII lacks: those of Latin-1, which UTF-8 has as 0xc3 and one more. */
static const struct {
    unsigned char second;
    const char *ascii;
} spellings[] = {
    {0xa4, "ae"}, {0xb6, "oe"}, {0xbc, "ue"}, {0x84, "Ae"}, {0x96, "Oe"}, {0x9c, "Ue"}, {0x9f, "ss"},
};

static void put_letter(struct buf *out, unsigned char second)
{
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
        if (spellings[i].second == second)
            buf_put(out, slice_cstr(spellings[i].ascii));
}

static void put(struct buf *out, struct tongue tongue, struct slice english, bool inside);

static void put_translation(struct buf *out, struct tongue tongue, struct slice english,
                            const struct finding *finding)
{
    for (const char *c = finding->row->in [tongue.language]; *c != 0; c++) {
        if (*c > 0 && *c <= PLACES_MAX) {
            const struct place *place = &finding->places[*c - 1];
            struct slice value = slice_sub(english, place->from, place->to - place->from);
            if (place->kind == PLACE_WORDS)
                put(out, tongue, value, true);
            else
                buf_put(out, value);
        } else if (!tongue.negotiated && (unsigned char)*c == 0xc3) {
            put_letter(out, (unsigned char)*++c);
        } else {
            buf_putc(out, *c);
        }
    }
}

static void put(struct buf *out, struct tongue tongue, struct slice english, bool inside)
{
    struct finding finding;
    bool found = tongue.language != LANGUAGE_EN && english.n > 0 && english.n <= LANGUAGE_SENTENCE_MAX &&
                 find(english, &finding) && finding.row->in[tongue.language] != NULL;
    /* Words inside of words would be no end. */
    if (found && inside && strchr(finding.row->in[LANGUAGE_EN], PLACE_WORDS) != NULL)
        found = false;
    if (found)
        put_translation(out, tongue, english, &finding);
    else
        buf_put(out, english);
}

void language_put(struct buf *out, struct tongue tongue, struct slice english)
{
    put(out, tongue, english, false);
}

void language_put_coded(struct buf *out, struct tongue tongue, struct slice english)
{
    if (slice_starts(english, S("["))) {
        ssize_t end = slice_find(english, S("] "));
        struct slice code = slice_sub(english, 0, end >= 0 ? (size_t)end + 2 : english.n);
        buf_put(out, code);
        english = slice_from(english, code.n);
    }
    language_put(out, tongue, english);
}
