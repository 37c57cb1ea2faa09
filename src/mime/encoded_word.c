#include "mime/encoded_word.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "mime/charset.h"
#include "mime/header.h"

enum {
    CHARSET_LONGEST = 2 * MIME_CHARSET_NAME_MAX, /* with a language (RFC 2231 5) */
    WORD_MAX = 64,       /* 75 by RFC 2047 2; this leaves room for a field's name in the line */
    WORD_FRAME = 12,     /* "=?utf-8?q?" and "?=" */
    TOKEN_LONGEST = 500, /* longer runs without a blank are encoded, so that they fold */
};

struct word {
    struct slice charset;
    char encoding; /* 'b' or 'q' */
    struct slice text;
};

/* The state of one decoding: the charset of the words before, still open for a word that goes on. */
struct decoding {
    struct buf *out;
    struct buf bytes; /* scratch */
    struct mime_charset charset;
    struct slice charset_name; /* p NULL: none open */
    bool no_more_ends;         /* no "?=" in the rest of the text */
    bool octets;               /* nothing is converted */
    bool bad;                  /* something could not be */
};

/* Reads "=?charset*language?q?text?=" at the cursor; leaves it unmoved when there is none. */
static bool take_word(struct decoding *d, struct cursor *c, struct word *ret)
{
    struct cursor probe = *c;
    if (d->no_more_ends || !cursor_skip(&probe, S("=?")))
        return false;
    struct slice window = slice_sub(cursor_rest(&probe), 0, CHARSET_LONGEST);
    ssize_t mark = slice_find_char(window, '?');
    if (mark <= 0)
        return false;
    struct slice name = cursor_take(&probe, (size_t)mark);
    probe.p++;
    int encoding = cursor_next(&probe);
    if (encoding < 0 || !cursor_skip_char(&probe, '?'))
        return false;
    ret->encoding = ascii_lower((char)encoding);
    if (ret->encoding != 'q' && ret->encoding != 'b')
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] <= ' ')
            return false;
    ssize_t end = slice_find(cursor_rest(&probe), S("?="));
    if (end < 0) {
        d->no_more_ends = true;
        return false;
    }
    struct slice language;
    (void)slice_cut(name, '*', &ret->charset, &language);
    ret->text = cursor_take(&probe, (size_t)end);
    probe.p += 2;
    *c = probe;
    return true;
}

static int hex_value(char c)
{
    c = ascii_lower(c);
    if (ascii_is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode_q(struct buf *out, struct slice text)
{
    char *at = text.n > 0 ? buf_reserve(out, text.n) : NULL;
    if (at == NULL)
        return;
    char *to = at;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int high = c == '=' && i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text.p[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        *to++ = c == '_' && low < 0 ? ' ' : c;
    }
    buf_grew(out, (size_t)(to - at));
}

static void close_charset(struct decoding *d)
{
    if (d->charset_name.p == NULL || d->octets) {
        d->charset_name = slice_none();
        return;
    }
    mime_charset_finish(&d->charset, d->out);
    d->bad |= d->charset.bad;
    mime_charset_release(&d->charset);
    d->charset_name = slice_none();
}

static void put_word(struct decoding *d, const struct word *word)
{
    buf_clear(&d->bytes);
    if (word->encoding == 'q') {
        decode_q(&d->bytes, word->text);
    } else {
        struct base64_stream stream = {0};
        base64_stream_decode(&stream, &d->bytes, word->text);
        if (stream.have >= 2) /* missing padding */
            base64_stream_decode(&stream, &d->bytes, S("="));
    }
    if (d->octets) {
        d->charset_name = word->charset;
        buf_put(d->out, buf_slice(&d->bytes));
        return;
    }
    if (d->charset_name.p == NULL || !slice_eq_nocase(d->charset_name, word->charset)) {
        close_charset(d);
        mime_charset_open(&d->charset, word->charset);
        d->charset_name = word->charset;
    }
    mime_charset_feed(&d->charset, d->out, buf_slice(&d->bytes));
}

/* Text outside words, unfolded, its 8-bit bytes guessed. */
static void put_text(struct decoding *d, struct slice text)
{
    buf_clear(&d->bytes);
    char *at = text.n > 0 ? buf_reserve(&d->bytes, text.n) : NULL;
    if (at == NULL)
        return;
    char *to = at;
    for (size_t i = 0; i < text.n; i++) {
        bool line_end = text.p[i] == '\r' || text.p[i] == '\n';
        bool blank_next = i + 1 < text.n && ascii_is_space(text.p[i + 1]);
        if (text.p[i] != 0 && !(line_end && blank_next))
            *to++ = line_end ? ' ' : text.p[i];
    }
    buf_grew(&d->bytes, (size_t)(to - at));
    struct slice converted = buf_slice(&d->bytes);
    if (!d->octets) {
        d->bad |= !mime_charset_read(d->out, slice_none(), buf_slice(&d->bytes), &converted);
        if (converted.p != d->bytes.p)
            return;
    }
    buf_put(d->out, converted);
}

static size_t blanks_at(struct slice text)
{
    size_t n = 0;
    while (n < text.n && ascii_is_space(text.p[n]))
        n++;
    return n;
}

static void decode(struct decoding *d, struct slice raw)
{
    struct cursor c = cursor_of(raw);
    const char *from = c.p; /* text not yet put */
    while (!cursor_done(&c)) {
        ssize_t start = slice_find(cursor_rest(&c), S("=?"));
        if (start < 0)
            break;
        c.p += start;
        const char *mark = c.p;
        struct word word;
        if (!take_word(d, &c, &word)) {
            c.p += 2;
            continue;
        }
        struct slice between = slice_of(from, (size_t)(mark - from));
        /* RFC 2047 6.2: blanks between two words are not shown. */
        if (d->charset_name.p == NULL || blanks_at(between) < between.n) {
            close_charset(d);
            put_text(d, between);
        }
        put_word(d, &word);
        from = c.p;
    }
    close_charset(d);
    if (raw.n > 0)
        put_text(d, slice_of(from, (size_t)(c.end - from)));
}

static bool is_printable(char c)
{
    return c >= ' ' && c < 0x7f;
}

static bool is_plain(struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_printable(text.p[i]))
            return false;
    return slice_find(text, S("=?")) < 0;
}

bool mime_words_convert(struct buf *out, struct slice raw)
{
    raw = slice_trim(raw);
    if (is_plain(raw)) {
        buf_put(out, raw);
        return true;
    }
    size_t start = out->n;
    struct decoding d = {.out = out, .bytes = BUF(raw.n + 16)};
    decode(&d, raw);
    buf_release(&d.bytes);
    size_t to = start;
    for (size_t i = start; i < out->n; i++) {
        unsigned char c = (unsigned char)out->p[i];
        bool control = c < ' ' || c == 0x7f;
        if (to == start && (control || c == ' '))
            continue;
        out->p[to++] = control ? ' ' : out->p[i];
    }
    while (to > start && out->p[to - 1] == ' ')
        to--;
    out->n = to;
    return !d.bad;
}

void mime_words_decode(struct buf *out, struct slice raw)
{
    (void)mime_words_convert(out, raw);
}

void mime_words_octets(struct buf *out, struct slice raw)
{
    raw = slice_trim(raw);
    struct decoding d = {.out = out, .bytes = BUF(raw.n + 16), .octets = true};
    decode(&d, raw);
    buf_release(&d.bytes);
}

/* RFC 2047 5 (3): what may stand for itself in a word that is part of a phrase. */
static bool is_word_literal(char c)
{
    return ascii_is_alnum(c) || c == '!' || c == '*' || c == '+' || c == '-' || c == '/';
}

static size_t q_width(struct slice text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.n; i++)
        width += is_word_literal(text.p[i]) || text.p[i] == ' ' ? 1 : 3;
    return width;
}

static void put_q_word(struct buf *out, struct slice text)
{
    buf_put(out, S("=?utf-8?q?"));
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (is_word_literal(c) || c == ' ')
            buf_putc(out, c == ' ' ? '_' : c);
        else
            buf_printf(out, "=%02X", (unsigned char)c);
    }
    buf_put(out, S("?="));
}

static void put_b_word(struct buf *out, struct slice text)
{
    buf_put(out, S("=?utf-8?b?"));
    base64_encode(out, text);
    buf_put(out, S("?="));
}

/* The longest start of the text, cutting no character, that fits one Q word. */
static struct slice q_piece(struct slice text)
{
    struct slice piece = utf8_cut(text, WORD_MAX - WORD_FRAME);
    while (q_width(piece) > WORD_MAX - WORD_FRAME)
        piece = utf8_cut(text, piece.n - 1);
    return piece;
}

static void put_words(struct buf *out, struct slice text)
{
    bool q = q_width(text) <= BASE64_LEN(text.n);
    for (bool first = true; text.n > 0; first = false) {
        if (!first)
            buf_putc(out, ' ');
        struct slice piece = q ? q_piece(text) : utf8_cut(text, (WORD_MAX - WORD_FRAME) / 4 * 3);
        if (q)
            put_q_word(out, piece);
        else
            put_b_word(out, piece);
        text = slice_from(text, piece.n);
    }
}

/* Printable ASCII without anything a reader would decode, blanks only single and inside. */
static bool stands_for_itself(struct slice text)
{
    size_t run = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool edge = i == 0 || i + 1 == text.n || text.p[i - 1] == ' ';
        if (!is_printable(text.p[i]) || (text.p[i] == ' ' && edge))
            return false;
        run = text.p[i] == ' ' ? 0 : run + 1;
        if (run > TOKEN_LONGEST)
            return false;
    }
    return slice_find(text, S("=?")) < 0;
}

static void put_quoted_phrase(struct buf *out, struct slice text)
{
    bool atoms = true;
    for (size_t i = 0; i < text.n; i++)
        atoms = atoms &&
                (ascii_is_alnum(text.p[i]) || slice_find_char(S(" !#$%&'*+-/=?^_`{|}~"), text.p[i]) >= 0);
    if (atoms) {
        buf_put(out, text);
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '"');
}

void mime_words_encode(struct buf *out, struct slice utf8, bool phrase)
{
    if (stands_for_itself(utf8)) {
        if (phrase)
            put_quoted_phrase(out, utf8);
        else
            buf_put(out, utf8);
        return;
    }
    CLEANUP(buf_release) struct buf repaired = BUF(utf8.n * 3 + 16);
    utf8_put_repaired(&repaired, utf8);
    for (size_t i = 0; i < repaired.n; i++)
        if ((unsigned char)repaired.p[i] < ' ' || repaired.p[i] == 0x7f)
            repaired.p[i] = ' ';
    put_words(out, buf_slice(&repaired));
}
