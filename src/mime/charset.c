#include "mime/charset.h"

#include <errno.h>
#include <iconv.h>

#include "base/must.h"
#include "base/utf8.h"

enum { REPLACEMENT = 0xfffd, ICONV_STEP = 4096 };

/* Names that glibc lacks, or that mail means by more than the name says; "" is a guess. */
static const struct {
    const char *name;
    const char *meant;
} aliases[] = {
    {"us-ascii", ""},
    {"ascii", ""},
    {"ansi_x3.4-1968", ""},
    {"iso646-us", ""},
    {"646", ""},
    {"unknown", ""},
    {"unknown-8bit", ""},
    {"x-unknown", ""},
    {"x-user-defined", ""},
    {"default", ""},
    {"default_charset", ""},
    {"binary", ""},
    {"8bit", ""},
    {"7bit", ""},
    {"none", ""},
    {"iso-8859-8-i", "iso-8859-8"},
    {"iso-8859-8-e", "iso-8859-8"},
    {"iso-8859-6-i", "iso-8859-6"},
    {"iso-8859-9", "cp1254"}, /* supersets, as browsers read them */
    {"iso-8859-11", "cp874"},
    {"tis-620", "cp874"},
    {"windows-874", "cp874"},
    {"gb2312", "gb18030"},
    {"gb_2312-80", "gb18030"},
    {"gbk", "gb18030"},
    {"x-gbk", "gb18030"},
    {"cp936", "gb18030"},
    {"euc-kr", "cp949"},
    {"ks_c_5601-1987", "cp949"},
    {"ks_c_5601", "cp949"},
    {"ks-c-5601-1987", "cp949"},
    {"ksc5601", "cp949"},
    {"shift_jis", "cp932"},
    {"shift-jis", "cp932"},
    {"sjis", "cp932"},
    {"x-sjis", "cp932"},
    {"windows-31j", "cp932"},
    {"x-euc-jp", "euc-jp"},
    {"x-big5", "big5"},
    {"big-5", "big5"},
    {"x-mac-roman", "macintosh"},
    {"x-mac-cyrillic", "mac-cyrillic"},
    {"x-cp1250", "cp1250"},
    {"x-cp1251", "cp1251"},
    {"unicode-1-1-utf-7", "utf-7"},
    {"unicode", "utf-16"},
    {"utf-16", "utf-16"},
};

static const char *const utf8_names[] = {"utf-8",   "utf8",   "utf_8", "utf-8n", "unicode-1-1-utf-8",
                                         "x-utf-8", "cp65001"};
static const char *const windows_names[] = {
    "iso-8859-1", "iso8859-1", "iso_8859-1", "iso88591", "8859-1", "iso-8859-1-windows-3.1-latin-1",
    "latin1",     "latin-1",   "l1",         "cp1252",   "cp819",  "windows-1252",
    "x-cp1252",   "win-1252",  "x-ansi",     "ansi",
};

/* Code points of the bytes 0x80 to 0x9f; 0: none. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

/* False: some byte means nothing. */
static bool put_windows(struct buf *out, struct slice in)
{
    size_t from = 0;
    bool good = true;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char byte = (unsigned char)in.p[i];
        if (byte < 0x80)
            continue;
        buf_put(out, slice_sub(in, from, i - from));
        from = i + 1;
        uint32_t point = byte < 0xa0 ? windows_1252[byte - 0x80] : byte;
        good = good && point != 0;
        utf8_put(out, point != 0 ? point : REPLACEMENT);
    }
    buf_put(out, slice_from(in, from));
    return good;
}

/* Puts the longest start of in that is UTF-8 and returns its length. */
static size_t put_valid(struct buf *out, struct slice in)
{
    struct cursor c = cursor_of(in);
    const char *good = c.p;
    while (!cursor_done(&c)) {
        uint64_t eight;
        if (cursor_left(&c) >= sizeof(eight)) {
            memcpy(&eight, c.p, sizeof(eight));
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                c.p += sizeof(eight);
                good = c.p;
                continue;
            }
        }
        if (utf8_next(&c) < 0)
            break;
        good = c.p;
    }
    size_t n = in.n > 0 ? (size_t)(good - in.p) : 0;
    buf_put(out, slice_sub(in, 0, n));
    return n;
}

/* The bytes could be the start of a sequence whose rest is yet to come. */
static bool is_incomplete_utf8(struct slice s)
{
    unsigned char first = s.n > 0 ? (unsigned char)s.p[0] : 0;
    size_t length = first >= 0xf0 && first <= 0xf4  ? 4
                    : first >= 0xe0 && first < 0xf0 ? 3
                    : first >= 0xc2 && first < 0xe0 ? 2
                                                    : 0;
    if (s.n == 0 || s.n >= length)
        return false;
    for (size_t i = 1; i < s.n; i++)
        if (((unsigned char)s.p[i] & 0xc0) != 0x80)
            return false;
    return true;
}

static void put_bad(struct mime_charset *charset, struct buf *out)
{
    charset->bad = true;
    utf8_put(out, REPLACEMENT);
}

static void feed_windows(struct mime_charset *charset, struct buf *out, struct slice in)
{
    if (!put_windows(out, in))
        charset->bad = true;
}

/* Each of these converts what it can of a piece and returns the bytes used; fewer only at the end of the
 * piece, where a sequence is incomplete. */
static size_t feed_utf8(struct mime_charset *charset, struct buf *out, struct slice in)
{
    size_t at = 0;
    while (at < in.n) {
        at += put_valid(out, slice_from(in, at));
        struct slice rest = slice_from(in, at);
        if (rest.n == 0 || is_incomplete_utf8(rest))
            break;
        put_bad(charset, out);
        at++;
    }
    return at;
}

static size_t feed_guess(struct mime_charset *charset, struct buf *out, struct slice in)
{
    size_t at = put_valid(out, in);
    struct slice rest = slice_from(in, at);
    if (rest.n == 0 || is_incomplete_utf8(rest))
        return at;
    charset->way = MIME_CHARSET_WINDOWS;
    feed_windows(charset, out, rest);
    return in.n;
}

static size_t feed_iconv(struct mime_charset *charset, struct buf *out, struct slice in)
{
    char *from = (char *)(uintptr_t)in.p; /* iconv takes char ** but does not write there */
    size_t left = in.n;
    while (left > 0) {
        char *to = buf_reserve(out, ICONV_STEP);
        if (to == NULL)
            return in.n;
        char *at = to;
        size_t room = ICONV_STEP;
        size_t before = left;
        errno = 0;
        size_t result = iconv(charset->iconv, &from, &left, &at, &room);
        int number = errno;
        buf_grew(out, (size_t)(at - to));
        if (result != (size_t)-1)
            continue;
        if (number == EINVAL && left < MIME_CHARSET_PENDING_MAX)
            break;
        if (number == E2BIG && (left < before || at > to))
            continue;
        put_bad(charset, out);
        from++;
        left--;
    }
    return in.n - left;
}

static size_t feed(struct mime_charset *charset, struct buf *out, struct slice in)
{
    switch (charset->way) {
    case MIME_CHARSET_UTF8:
        return feed_utf8(charset, out, in);
    case MIME_CHARSET_GUESS:
        return feed_guess(charset, out, in);
    case MIME_CHARSET_WINDOWS:
        feed_windows(charset, out, in);
        return in.n;
    case MIME_CHARSET_ICONV:
        break;
    }
    return feed_iconv(charset, out, in);
}

/* The name in lower case, without quotes, if it can be one: nothing that iconv would read as an option. */
static bool clean_name(struct slice name, char ret[static MIME_CHARSET_NAME_MAX + 1])
{
    name = slice_trim(name);
    while (name.n > 0 && (name.p[0] == '"' || name.p[0] == '\''))
        name = slice_from(name, 1);
    while (name.n > 0 && (name.p[name.n - 1] == '"' || name.p[name.n - 1] == '\''))
        name.n--;
    if (name.n == 0 || name.n > MIME_CHARSET_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!ascii_is_alnum(c) && slice_find_char(S("-_.:()+"), c) < 0)
            return false;
        ret[i] = ascii_lower(c);
    }
    ret[name.n] = 0;
    return true;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* True when the name is known; sets the way. */
static bool choose(struct mime_charset *charset, struct slice name)
{
    char clean[MIME_CHARSET_NAME_MAX + 1];
    charset->way = MIME_CHARSET_GUESS;
    if (!clean_name(name, clean))
        return false;
    if (is_one_of(clean, utf8_names, ARRAY_LEN(utf8_names))) {
        charset->way = MIME_CHARSET_UTF8;
        return true;
    }
    if (is_one_of(clean, windows_names, ARRAY_LEN(windows_names))) {
        charset->way = MIME_CHARSET_WINDOWS;
        return true;
    }
    const char *meant = clean;
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (strcmp(clean, aliases[i].name) == 0)
            meant = aliases[i].meant;
    if (*meant == 0)
        return true;
    iconv_t descriptor = iconv_open("UTF-8", meant);
    if (descriptor == (iconv_t)-1)
        return false;
    charset->way = MIME_CHARSET_ICONV;
    charset->iconv = descriptor;
    return true;
}

void mime_charset_open(struct mime_charset *charset, struct slice name)
{
    *charset = (struct mime_charset){0};
    charset->bad = !choose(charset, name) && slice_trim(name).n > 0;
}

void mime_charset_feed(struct mime_charset *charset, struct buf *out, struct slice in)
{
    while (charset->pending > 0 && in.n > 0) {
        charset->bytes[charset->pending++] = in.p[0];
        in = slice_from(in, 1);
        size_t used = feed(charset, out, slice_of(charset->bytes, charset->pending));
        charset->pending -= used;
        memmove(charset->bytes, charset->bytes + used, charset->pending);
        if (charset->pending == MIME_CHARSET_PENDING_MAX) {
            put_bad(charset, out);
            charset->pending = 0;
        }
    }
    if (in.n == 0)
        return;
    struct slice rest = slice_from(in, feed(charset, out, in));
    must(rest.n < MIME_CHARSET_PENDING_MAX);
    charset->pending = rest.n;
    memcpy(charset->bytes, rest.p, rest.n);
}

void mime_charset_finish(struct mime_charset *charset, struct buf *out)
{
    if (charset->pending > 0)
        put_bad(charset, out);
    charset->pending = 0;
    if (charset->way == MIME_CHARSET_ICONV) {
        char *to = buf_reserve(out, ICONV_STEP);
        size_t room = ICONV_STEP;
        if (to == NULL)
            return;
        char *at = to;
        (void)iconv(charset->iconv, NULL, NULL, &at, &room); /* some hold a character back for combining */
        buf_grew(out, (size_t)(at - to));
    }
}

void mime_charset_release(struct mime_charset *charset)
{
    if (charset->way == MIME_CHARSET_ICONV)
        iconv_close(charset->iconv);
    *charset = (struct mime_charset){0};
}

bool mime_charset_read(struct buf *out, struct slice name, struct slice in, struct slice *ret_text)
{
    CLEANUP(mime_charset_release) struct mime_charset charset;
    mime_charset_open(&charset, name);
    bool utf8 = charset.way == MIME_CHARSET_UTF8 || charset.way == MIME_CHARSET_GUESS;
    *ret_text = in;
    if (utf8 ? utf8_valid(in) : charset.way == MIME_CHARSET_WINDOWS && slice_is_ascii(in))
        return !charset.bad;
    if (charset.way == MIME_CHARSET_GUESS)
        charset.way = MIME_CHARSET_WINDOWS;
    size_t before = out->n;
    mime_charset_feed(&charset, out, in);
    mime_charset_finish(&charset, out);
    *ret_text = slice_from(buf_slice(out), before);
    return !charset.bad;
}

struct slice mime_charset_view(struct buf *out, struct slice name, struct slice in)
{
    struct slice text;
    (void)mime_charset_read(out, name, in, &text);
    return text;
}

void mime_charset_to_utf8(struct buf *out, struct slice name, struct slice in)
{
    struct slice text = mime_charset_view(out, name, in);
    if (text.p == in.p)
        buf_put(out, in);
}

bool mime_charset_known(struct slice name)
{
    CLEANUP(mime_charset_release) struct mime_charset charset = {0};
    return choose(&charset, name);
}
