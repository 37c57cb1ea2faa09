#include "junk/words.h"

#include <utf8proc.h>

#include "base/attr.h"
#include "base/utf8.h"
#include "junk/tokens.h"

enum script { SCRIPT_OTHER, SCRIPT_LETTER, SCRIPT_DIGIT, SCRIPT_PAIRED };

/* Scripts that don't set words apart, and Hangul, whose words change with their endings. */
static bool is_paired(int32_t point)
{
    static const struct {
        int32_t first, last;
    } ranges[] = {
        {0x0e00, 0x0eff},   /* Thai, Lao */
        {0x1000, 0x109f},   /* Burmese */
        {0x1100, 0x11ff},   /* Hangul, decomposed */
        {0x1780, 0x17ff},   /* Khmer */
        {0x3040, 0x30ff},   /* Hiragana, Katakana */
        {0x3400, 0x9fff},   /* Han */
        {0xac00, 0xd7a3},   /* Hangul */
        {0xf900, 0xfaff},   /* Han */
        {0x20000, 0x3134f}, /* Han */
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    return false;
}

static enum script script_of(int32_t point)
{
    if (point < 0)
        return SCRIPT_OTHER;
    if (point < 0x80) {
        if (ascii_is_digit((char)point))
            return SCRIPT_DIGIT;
        return ascii_is_alpha((char)point) || point == '$' || point == '%' ? SCRIPT_LETTER : SCRIPT_OTHER;
    }
    if (is_paired(point))
        return SCRIPT_PAIRED;
    switch (utf8proc_category(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_SC: /* a currency's sign */
        return SCRIPT_LETTER;
    case UTF8PROC_CATEGORY_ND:
        return SCRIPT_DIGIT;
    default:
        return SCRIPT_OTHER;
    }
}

/* What is being read. */
struct run {
    const char *start; /* of the word; NULL: none */
    size_t points;
    bool letters;
    const char *before; /* the paired character before; NULL: none */
};

static void end_word(struct run *run, const char *end, struct slice kind, junk_word_fn *each, void *context)
{
    size_t n = run->start != NULL ? (size_t)(end - run->start) : 0;
    if (run->letters && run->points >= JUNK_WORD_MIN && n <= JUNK_WORD_MAX)
        each(context, kind, slice_of(run->start, n));
    run->start = NULL;
    run->points = 0;
    run->letters = false;
}

void junk_words(struct slice text, struct slice kind, junk_word_fn *each, void *context)
{
    struct cursor cursor = cursor_of(text);
    struct run run = {0};
    while (!cursor_done(&cursor)) {
        const char *at = cursor.p;
        enum script script = script_of(utf8_next(&cursor));
        if (script == SCRIPT_LETTER || script == SCRIPT_DIGIT) {
            run.start = run.start != NULL ? run.start : at;
            run.points++;
            run.letters = run.letters || script == SCRIPT_LETTER;
            run.before = NULL;
            continue;
        }
        end_word(&run, at, kind, each, context);
        if (script == SCRIPT_PAIRED && run.before != NULL)
            each(context, kind, slice_of(run.before, (size_t)(cursor.p - run.before)));
        run.before = script == SCRIPT_PAIRED ? at : NULL;
    }
    end_word(&run, cursor.end, kind, each, context);
}

/* --- hosts --- */

static bool is_host_byte(char c)
{
    return ascii_is_alnum(c) || c == '-' || c == '.' || (unsigned char)c >= 0x80;
}

static void add_host(struct slice host, junk_word_fn *each, void *context)
{
    while (slice_ends(host, S(".")))
        host.n--;
    while (host.n > 0 && slice_find_char(host, '.') > 0) {
        each(context, S("host:"), host);
        host = slice_from(host, (size_t)slice_find_char(host, '.') + 1);
    }
}

/* From behind "//": a name for log-in may stand before the host, to deceive who reads it. */
static void read_authority(struct cursor *cursor, junk_word_fn *each, void *context)
{
    enum { USER_MAX = 256 };
    struct slice rest = slice_sub(cursor_rest(cursor), 0, USER_MAX);
    size_t n = 0;
    while (n < rest.n && (is_host_byte(rest.p[n]) || (rest.p[n] != '\0' && strchr("@:_~%!$&+=", rest.p[n]))))
        n++;
    struct slice authority = slice_sub(rest, 0, n);
    ssize_t at = slice_rfind_char(authority, '@');
    authority = slice_from(authority, (size_t)(at + 1));
    for (n = 0; n < authority.n && is_host_byte(authority.p[n]);)
        n++;
    add_host(slice_sub(authority, 0, n), each, context);
}

void junk_hosts(struct slice text, junk_word_fn *each, void *context)
{
    for (struct cursor cursor = cursor_of(text); !cursor_done(&cursor);) {
        ssize_t link = slice_find(cursor_rest(&cursor), S("//"));
        if (link < 0)
            break;
        cursor.p += link + 2;
        if (link > 0 && cursor.p[-3] == ':')
            read_authority(&cursor, each, context);
    }
    for (struct cursor cursor = cursor_of(text); !cursor_done(&cursor);) {
        ssize_t name = slice_find(cursor_rest(&cursor), S("www."));
        if (name < 0)
            break;
        cursor.p += name;
        bool begins = name == 0 || !(is_host_byte(cursor.p[-1]) || cursor.p[-1] == '/');
        if (begins)
            read_authority(&cursor, each, context);
        cursor.p += 4;
    }
}
