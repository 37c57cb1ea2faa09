#include "bench/corpus.h"

#include <stdlib.h>

#include "base/base64.h"
#include "mime/encoding.h"

enum { LANGUAGES = 2, VOCABULARY = 30000, WORD_MAX = 40, LINE_COLUMNS = 70 };

struct language {
    char words[VOCABULARY][WORD_MAX]; /* most frequent first */
};

struct corpus {
    struct language languages[LANGUAGES];
    uint64_t chances[VOCABULARY]; /* of a word or one before it, of chances[VOCABULARY - 1] */
};

/* splitmix64 */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned draw(uint64_t *state, size_t below)
{
    return (unsigned)(random_next(state) % below);
}

/* Of two draws the smaller: what stands first is the more frequent. */
static const char *draw_first(uint64_t *state, const char *const *from, size_t count)
{
    unsigned a = draw(state, count);
    unsigned b = draw(state, count);
    return from[MIN(a, b)];
}
#define DRAW(state, array) draw_first((state), (array), ARRAY_LEN(array))

/* --- words --- */

static const char *const frequent[LANGUAGES][40] = {
    {"die", "der",  "und",  "in",    "zu",   "den",  "das",  "nicht", "von",    "sie",
     "ist", "des",  "sich", "mit",   "dem",  "dass", "er",   "es",    "ein",    "ich",
     "auf", "so",   "eine", "auch",  "als",  "an",   "nach", "wie",   "im",     "f\xc3\xbcr",
     "man", "aber", "aus",  "durch", "wenn", "nur",  "war",  "noch",  "werden", "bei"},
    {"the",  "of",   "and", "to",    "a",    "in",  "is",   "that",  "it",    "was",
     "for",  "on",   "are", "as",    "with", "his", "they", "at",    "be",    "this",
     "from", "have", "or",  "by",    "one",  "had", "not",  "but",   "what",  "all",
     "were", "when", "we",  "there", "can",  "an",  "your", "which", "their", "said"},
};
static const char *const onsets[LANGUAGES][30] = {
    {"",  "g",   "b", "d",  "s", "st", "v",  "m",  "l",  "r",  "w",    "k",  "h",  "n",  "t",
     "f", "sch", "z", "sp", "p", "tr", "br", "fr", "gr", "kl", "schl", "bl", "pf", "kr", "j"},
    {"",  "c",  "s",  "p",   "t",  "r",  "d",  "m", "b",  "f",  "l",  "h",  "w",  "st", "n",
     "g", "th", "pr", "con", "tr", "sh", "ch", "v", "fr", "gr", "pl", "sp", "cl", "qu", "k"},
};
static const char *const nuclei[LANGUAGES][14] = {
    {"e", "e", "a", "i", "u", "ei", "o", "ie", "\xc3\xbc", "\xc3\xa4", "au", "\xc3\xb6", "eu", "aa"},
    {"e", "e", "a", "i", "o", "u", "io", "ea", "ou", "ee", "ai", "oo", "y", "ie"},
};
static const char *const codas[LANGUAGES][20] = {
    {"n", "",   "r",   "t",  "s",  "ch", "l",  "ng",       "nd", "m",
     "g", "st", "cht", "rt", "ss", "tz", "ck", "\xc3\x9f", "b",  "f"},
    {"",  "n",  "r",  "t",  "s",  "d",  "l",  "ng", "nt",  "ck",
     "m", "st", "ss", "ll", "rs", "nd", "ty", "p",  "ght", "b"},
};
static const char *const endings[LANGUAGES][8] = {
    {"", "en", "e", "er", "ung", "es", "lich", "keit"},
    {"", "s", "ed", "ing", "er", "ly", "tion", "ment"},
};

static void make_word(int language, uint64_t *random, char word[static WORD_MAX])
{
    size_t n = 0;
    for (unsigned left = 1 + draw(random, 3); left > 0 && n + 12 < WORD_MAX; left--)
        n += (size_t)snprintf(word + n, WORD_MAX - n, "%s%s%s", DRAW(random, onsets[language]),
                              DRAW(random, nuclei[language]), DRAW(random, codas[language]));
    snprintf(word + n, WORD_MAX - n, "%s", DRAW(random, endings[language]));
    if (language == 0 && draw(random, 3) == 0)
        word[0] = ascii_upper(word[0]);
}

struct corpus *corpus_new(void)
{
    struct corpus *corpus = calloc(1, sizeof(*corpus));
    if (corpus == NULL)
        return NULL;
    uint64_t random = 1;
    for (int language = 0; language < LANGUAGES; language++) {
        for (size_t i = 0; i < VOCABULARY; i++) {
            char *word = corpus->languages[language].words[i];
            if (i < ARRAY_LEN(frequent[0]))
                snprintf(word, WORD_MAX, "%s", frequent[language][i]);
            else
                make_word(language, &random, word);
        }
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < VOCABULARY; i++) {
        sum += UINT64_C(1000000000) / (i + 3);
        corpus->chances[i] = sum;
    }
    return corpus;
}

void corpus_free(struct corpus *corpus)
{
    free(corpus);
}

static const char *draw_word(const struct corpus *corpus, int language, uint64_t *random)
{
    uint64_t chance = random_next(random) % corpus->chances[VOCABULARY - 1];
    size_t low = 0;
    size_t high = VOCABULARY - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (corpus->chances[middle] <= chance)
            low = middle + 1;
        else
            high = middle;
    }
    return corpus->languages[language].words[low];
}

/* --- messages --- */

/* Lines of sentences, some of them quoted from another message. */
static void put_text(const struct corpus *corpus, int language, uint64_t *random, size_t size,
                     struct buf *out)
{
    size_t start = out->n;
    size_t line = start;
    while (out->n - start < size && !buf_failed(out)) {
        buf_put(out, slice_cstr(draw_word(corpus, language, random)));
        unsigned mark = draw(random, 14);
        if (mark < 3)
            buf_putc(out, ".,?"[mark]);
        if (draw(random, 60) == 0)
            buf_printf(out, " %u", draw(random, 3000));
        bool ends = out->n - line > LINE_COLUMNS || draw(random, 60) == 0;
        buf_put(out, ends ? S("\r\n") : S(" "));
        line = ends ? out->n : line;
        if (ends && draw(random, 5) == 0)
            buf_put(out, S("> "));
    }
    buf_put(out, S("\r\n"));
}

static void put_html(const struct corpus *corpus, int language, uint64_t *random, size_t size,
                     struct buf *out)
{
    size_t start = out->n;
    buf_put(out, S("<html><head><style type=\"text/css\">p { margin: 0; font-family: Arial "
                   "}</style></head><body>\r\n"));
    while (out->n - start < size && !buf_failed(out)) {
        buf_printf(out, "<p style=\"font-size:%upx;color:#%06x\"><span lang=\"%s\">", 10 + draw(random, 8),
                   draw(random, 1 << 24), language == 0 ? "de" : "en");
        put_text(corpus, language, random, 400, out);
        buf_printf(out, "</span> <a href=\"https://example.org/t/%016llx\">link</a><br></p>\r\n",
                   (unsigned long long)random_next(random));
    }
    buf_put(out, S("</body></html>\r\n"));
}

static void put_base64(uint64_t *random, size_t bytes, const char *fold, struct buf *out)
{
    for (size_t done = 0; done < bytes; done += 48) {
        uint64_t words[6];
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            words[i] = random_next(random);
        base64_encode(out, slice_of(words, sizeof(words)));
        buf_put(out, slice_cstr(fold));
    }
}

static void put_header(const struct corpus *corpus, int language, uint64_t number, uint64_t *random,
                       struct buf *out)
{
    const char *name = draw_word(corpus, language, random);
    for (unsigned hops = 2 + draw(random, 2); hops > 0; hops--)
        buf_printf(
            out,
            "Received: from mail%u.example.net (mail%u.example.net [192.0.2.%u])\r\n\tby mx%u.example.org "
            "(Postfix) with ESMTPS id %010llX\r\n\tfor <anna@example.org>; Mon, %u Jun 2026 %02u:%02u:%02u "
            "+0200 (CEST)\r\n",
            draw(random, 90), draw(random, 90), draw(random, 250), draw(random, 9),
            (unsigned long long)random_next(random) >> 24, 1 + draw(random, 28), draw(random, 24),
            draw(random, 60), draw(random, 60));
    buf_put(out, S("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=mail;\r\n"
                   "\th=from:to:subject:date:message-id:mime-version; bh="));
    put_base64(random, 32, ";\r\n\tb=", out);
    put_base64(random, 256, "\r\n\t", out);
    buf_printf(out,
               "\r\nFrom: \"%s %s\" <%s.%u@example.net>\r\nTo: Anna Meier <anna@example.org>\r\nSubject: ",
               name, draw_word(corpus, language, random), "person", draw(random, 300));
    for (int i = 0; i < 6; i++)
        buf_printf(out, "%s ", draw_word(corpus, language, random));
    buf_printf(out,
               "\r\nDate: Mon, %u Jun 2026 %02u:%02u:%02u +0200\r\nMessage-ID: <%016llx.%llu@example.net>\r\n"
               "References: <%016llx@example.org>\r\nMIME-Version: 1.0\r\nX-Mailer: Example 1.%u\r\n",
               1 + draw(random, 28), draw(random, 24), draw(random, 60), draw(random, 60),
               (unsigned long long)random_next(random), (unsigned long long)number,
               (unsigned long long)random_next(random), draw(random, 40));
}

static void put_encoded_text(const struct corpus *corpus, int language, uint64_t *random, size_t size,
                             struct buf *out)
{
    CLEANUP(buf_release) struct buf text = BUF(out->max);
    put_text(corpus, language, random, size, &text);
    bool quoted = draw(random, 2) == 0;
    buf_printf(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n",
               quoted ? "quoted-printable" : "8bit");
    if (quoted)
        mime_encode_quoted_printable(out, buf_slice(&text), true);
    else
        buf_put(out, buf_slice(&text));
}

void corpus_write(const struct corpus *corpus, uint64_t number, size_t size, struct buf *out)
{
    uint64_t random = number;
    int language = (int)draw(&random, LANGUAGES);
    bool html = draw(&random, 3) == 0;
    bool attachment = draw(&random, 10) == 0;
    put_header(corpus, language, number, &random, out);
    if (html || attachment)
        buf_printf(out, "Content-Type: multipart/%s; boundary=\"=_b\"\r\n\r\n--=_b\r\n",
                   attachment ? "mixed" : "alternative");
    size_t text = html ? size / 3 : size;
    put_encoded_text(corpus, language, &random, text / 2 + draw(&random, text), out);
    if (html) {
        buf_put(out, S("\r\n--=_b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"));
        put_html(corpus, language, &random, size * 2 / 3, out);
    }
    if (attachment) {
        buf_put(out, S("\r\n--=_b\r\nContent-Type: application/pdf; name=\"scan.pdf\"\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n"));
        put_base64(&random, 5000 + draw(&random, 20000), "\r\n", out);
    }
    if (html || attachment)
        buf_put(out, S("\r\n--=_b--\r\n"));
}
