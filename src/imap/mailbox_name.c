#include "imap/mailbox_name.h"

#include <utf8proc.h>

#include "base/base64.h"
#include "base/utf8.h"

enum {
    SHIFT_BYTES_MAX = 4 * 1024, /* UTF-16 bytes of one shifted run; a name is never longer */
    PATTERN_MAX = 4096,
};

static bool is_direct(uint32_t c)
{
    return c >= 0x20 && c <= 0x7e;
}

/* The UTF-16BE of one shifted run as UTF-8. */
static bool put_utf16(struct buf *out, struct slice units)
{
    if (units.n == 0 || units.n % 2 != 0)
        return false;
    for (size_t i = 0; i < units.n; i += 2) {
        uint32_t c = (uint32_t)((unsigned char)units.p[i] << 8 | (unsigned char)units.p[i + 1]);
        if (c >= 0xd800 && c < 0xdc00) {
            if (units.n - i < 4)
                return false;
            uint32_t low = (uint32_t)((unsigned char)units.p[i + 2] << 8 | (unsigned char)units.p[i + 3]);
            if (low < 0xdc00 || low > 0xdfff)
                return false;
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i += 2;
        } else if (c >= 0xdc00 && c <= 0xdfff) {
            return false;
        }
        /* RFC 3501 5.1.3: what can stand for itself must; control characters are in no name. */
        if (is_direct(c) || c == 0)
            return false;
        utf8_put(out, c);
    }
    return true;
}

bool mailbox_name_decode(struct buf *out, struct slice wire)
{
    struct cursor c = cursor_of(wire);
    bool after_shift = false;
    while (!cursor_done(&c)) {
        int byte = cursor_next(&c);
        if (byte != '&') {
            if (!is_direct((uint32_t)byte))
                return false;
            buf_putc(out, (char)byte);
            after_shift = false;
            continue;
        }
        struct slice run = cursor_take_until(&c, S("-"));
        if (!cursor_skip_char(&c, '-'))
            return false;
        if (run.n == 0) {
            buf_putc(out, '&');
            after_shift = false;
            continue;
        }
        /* Two runs in a row ought to be one. */
        if (after_shift)
            return false;
        CLEANUP(buf_release) struct buf units = BUF(SHIFT_BYTES_MAX);
        bool right = base64_decode_utf7(&units, run) && put_utf16(out, buf_slice(&units));
        if (buf_no_memory(&units))
            buf_fail_nomem(out);
        if (!right)
            return false;
        after_shift = true;
    }
    return !buf_failed(out);
}

static void put_unit(struct buf *units, uint32_t unit)
{
    buf_putc(units, (char)(unit >> 8));
    buf_putc(units, (char)(unit & 0xff));
}

static void put_shifted(struct buf *out, struct buf *units)
{
    if (units->n == 0)
        return;
    buf_putc(out, '&');
    base64_encode_utf7(out, buf_slice(units));
    buf_putc(out, '-');
    buf_clear(units);
}

void mailbox_name_encode(struct buf *out, struct slice utf8)
{
    CLEANUP(buf_release) struct buf units = BUF(SHIFT_BYTES_MAX);
    struct cursor c = cursor_of(utf8);
    while (!cursor_done(&c)) {
        int32_t read = utf8_next(&c);
        uint32_t point = read < 0 ? 0xfffd : (uint32_t)read;
        if (is_direct(point)) {
            put_shifted(out, &units);
            if (point == '&')
                buf_put(out, S("&-"));
            else
                buf_putc(out, (char)point);
        } else if (point >= 0x10000) {
            put_unit(&units, 0xd800 + ((point - 0x10000) >> 10));
            put_unit(&units, 0xdc00 + ((point - 0x10000) & 0x3ff));
        } else {
            put_unit(&units, point);
        }
    }
    put_shifted(out, &units);
}

static void free_composed(utf8proc_uint8_t **p)
{
    free(*p);
}

/* RFC 5198 3: so that names which look the same are the same. */
static bool put_composed(struct buf *out, struct slice utf8)
{
    CLEANUP(free_composed) utf8proc_uint8_t *composed = NULL;
    if (utf8.n == 0)
        return true;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)utf8.p, (utf8proc_ssize_t)utf8.n, &composed,
                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (n == UTF8PROC_ERROR_NOMEM)
        buf_fail_nomem(out);
    if (n < 0)
        return false;
    buf_put(out, slice_of(composed, (size_t)n));
    return !buf_failed(out);
}

static bool has_high_byte(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] >= 0x80)
            return true;
    return false;
}

bool mailbox_name_read(struct buf *out, struct slice wire, bool utf8)
{
    if (utf8 || has_high_byte(wire))
        return utf8_valid(wire) && put_composed(out, wire);
    CLEANUP(buf_release) struct buf decoded = BUF(out->max);
    bool right = mailbox_name_decode(&decoded, wire);
    if (buf_no_memory(&decoded))
        buf_fail_nomem(out);
    return right && put_composed(out, buf_slice(&decoded));
}

static bool same_char(char name, char pattern, bool nocase)
{
    return nocase ? ascii_lower(name) == ascii_lower(pattern) : name == pattern;
}

/* The wildcards of `at` and behind it that may match nothing. */
static void spread(bool *set, struct slice pattern)
{
    for (size_t i = 0; i < pattern.n; i++)
        if (set[i] && (pattern.p[i] == '*' || pattern.p[i] == '%'))
            set[i + 1] = true;
}

bool mailbox_name_matches(struct slice name, struct slice pattern)
{
    /* All places of the pattern at once: no backtracking, so no pattern is dear. set[i]: pattern[0, i) has
     * matched what was read of the name. */
    if (pattern.n > PATTERN_MAX)
        return false;
    bool set[PATTERN_MAX + 1];
    memset(set, 0, pattern.n + 1);
    bool inbox = slice_starts_nocase(name, S("INBOX")) && (name.n == 5 || name.p[5] == '/');
    set[0] = true;
    spread(set, pattern);
    for (size_t k = 0; k < name.n; k++) {
        bool any = false;
        bool came = false; /* set[i] before this character, as set is rewritten from the left */
        for (size_t i = 0; i <= pattern.n; i++) {
            bool was = set[i];
            bool stays =
                i < pattern.n && was && (pattern.p[i] == '*' || (pattern.p[i] == '%' && name.p[k] != '/'));
            bool moved = i > 0 && came && pattern.p[i - 1] != '*' && pattern.p[i - 1] != '%' &&
                         same_char(name.p[k], pattern.p[i - 1], inbox && k < 5);
            set[i] = stays || moved;
            any = any || set[i];
            came = was;
        }
        if (!any)
            return false;
        spread(set, pattern);
    }
    return set[pattern.n];
}
