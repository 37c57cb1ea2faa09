#include "bench/message.h"

#include "base/base64.h"

enum { VOCABULARY = 4000, LINE_WORDS = 11, BASE64_LINE = 57 };

/* splitmix64: a good enough sequence from any start. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Frequent words are more likely, as in a language: the smaller of two draws. */
static void put_word(uint64_t *random, struct buf *out)
{
    static const char *const syllables[] = {"ba",  "den", "ko",  "lu", "mer", "ni",  "os", "pra",
                                            "qui", "ra",  "sel", "ta", "um",  "vor", "we", "zin"};
    uint64_t draw = random_next(random);
    uint64_t word = MIN((draw & 0xffffffff) % VOCABULARY, (draw >> 32) % VOCABULARY);
    do {
        buf_put(out, slice_cstr(syllables[word % ARRAY_LEN(syllables)]));
        word /= ARRAY_LEN(syllables);
    } while (word > 0);
}

static void put_text(uint64_t *random, size_t until, struct buf *out)
{
    while (out->n < until && !buf_failed(out)) {
        for (int i = 0; i < LINE_WORDS; i++) {
            if (i > 0)
                buf_putc(out, ' ');
            put_word(random, out);
        }
        buf_put(out, S("\r\n"));
    }
}

static void put_attachment(uint64_t *random, size_t until, struct buf *out)
{
    while (out->n < until && !buf_failed(out)) {
        unsigned char bytes[BASE64_LINE];
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (unsigned char)random_next(random);
        base64_encode(out, slice_of(bytes, sizeof(bytes)));
        buf_put(out, S("\r\n"));
    }
}

static void put_header(const struct message_kind *kind, uint64_t number, uint64_t *random, struct buf *out)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    uint64_t second = number % 60, minute = number / 60 % 60, hour = number / 3600 % 24;
    unsigned day = (unsigned)(number / 86400 % 28);
    buf_printf(out,
               "Received: from client.example (client.example [192.0.2.7])\r\n\tby mail.example with ESMTPS"
               " id %u.%llu;\r\n\t%s, %u Jan 2026 %02u:%02u:%02u +0000\r\n",
               kind->seed, (unsigned long long)number, days[day % 7], day + 1, (unsigned)hour,
               (unsigned)minute, (unsigned)second);
    buf_printf(out,
               "From: \"Sender %u\" <%s>\r\nTo: <%s>\r\nSubject: ", (unsigned)(random_next(random) % 500),
               kind->sender, kind->recipient);
    for (int i = 0; i < 5; i++) {
        put_word(random, out);
        buf_putc(out, ' ');
    }
    buf_printf(out, "%llu\r\nDate: %s, %u Jan 2026 %02u:%02u:%02u +0000\r\n", (unsigned long long)number,
               days[day % 7], day + 1, (unsigned)hour, (unsigned)minute, (unsigned)second);
    buf_printf(out, "Message-ID: <%u.%llu.%016llx@bench.example>\r\nMIME-Version: 1.0\r\n", kind->seed,
               (unsigned long long)number, (unsigned long long)random_next(random));
}

void message_write(const struct message_kind *kind, uint64_t number, struct buf *out)
{
    uint64_t random = (uint64_t)kind->seed << 40 ^ number;
    size_t start = out->n, whole = start + (size_t)kind->size;
    put_header(kind, number, &random, out);
    unsigned form = kind->mixed ? (unsigned)(number % 8) : 0;
    bool alternative = form == 2 || form == 5, attachment = form == 7;
    if (alternative)
        buf_put(out, S("Content-Type: multipart/alternative; boundary=\"=_bench\"\r\n\r\n--=_bench\r\n"));
    if (attachment)
        buf_put(out, S("Content-Type: multipart/mixed; boundary=\"=_bench\"\r\n\r\n--=_bench\r\n"));
    buf_put(out, S("Content-Type: text/plain; charset=utf-8\r\n\r\n"));
    if (number % MESSAGE_NEEDLE_EVERY == 0)
        buf_put(out, S("the needle in this stack\r\n"));
    size_t middle = alternative || attachment ? out->n + (whole > out->n ? (whole - out->n) / 3 : 0) : whole;
    put_text(&random, middle, out);
    if (alternative) {
        buf_put(out, S("\r\n--=_bench\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>\r\n"));
        put_text(&random, whole, out);
        buf_put(out, S("</p></body></html>\r\n--=_bench--\r\n"));
    }
    if (attachment) {
        buf_put(
            out,
            S("\r\n--=_bench\r\nContent-Type: application/pdf; name=\"report.pdf\"\r\nContent-Disposition: "
              "attachment; filename=\"report.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"));
        put_attachment(&random, whole, out);
        buf_put(out, S("\r\n--=_bench--\r\n"));
    }
}
