#include "mime/fold.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/must.h"
#include "base/utf8.h"

enum {
    RUN_POINTS = 256,    /* code points of a run that are mapped without allocating */
    SHARP_S = 0xdf,      /* utf8proc gives it a titlecase; UnicodeData has none */
    DECOMPOSED_MAX = 32, /* of one code point; U+FDFA has 18 */
    MEMO_PLACES = 128,
    MEMO_MAPPED_MAX = 11, /* bytes */
};

/* How many bytes at the start are ASCII; eight at a time. */
static size_t ascii_run(struct slice s)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof(word) <= s.n; i += sizeof(word)) {
        memcpy(&word, s.p + i, sizeof(word));
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (i < s.n && (unsigned char)s.p[i] < 0x80)
        i++;
    return i;
}

/* Characters beyond ASCII, valid UTF-8. */
static void map_run(struct buf *out, struct slice run)
{
    const utf8proc_option_t options =
        UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD;
    utf8proc_int32_t points[RUN_POINTS];
    const utf8proc_uint8_t *text = (const utf8proc_uint8_t *)run.p;
    utf8proc_ssize_t n = utf8proc_decompose(text, (utf8proc_ssize_t)run.n, points, RUN_POINTS, options);
    if (n >= 0 && n <= RUN_POINTS) {
        for (utf8proc_ssize_t i = 0; i < n; i++)
            utf8_put(out, (uint32_t)points[i]);
        return;
    }
    utf8proc_uint8_t *mapped = NULL;
    n = utf8proc_map(text, (utf8proc_ssize_t)run.n, &mapped, options);
    if (n >= 0)
        buf_put(out, slice_of(mapped, (size_t)n));
    else
        out->failed = true;
    free(mapped);
}

/* Characters that were mapped in this text: most languages have few different ones, and each many times. */
struct memo {
    struct {
        uint32_t point; /* 0: free */
        uint8_t n;
        char mapped[MEMO_MAPPED_MAX];
    } places[MEMO_PLACES];
};

/* RFC 5051 2 (2): the titlecase of UnicodeData, then every decomposition. Nothing is put into another order.
 */
static void map_point(struct buf *out, uint32_t point)
{
    utf8proc_int32_t points[DECOMPOSED_MAX];
    int boundary = 0;
    utf8proc_int32_t title = point == SHARP_S ? SHARP_S : utf8proc_totitle((utf8proc_int32_t)point);
    utf8proc_ssize_t n = utf8proc_decompose_char(
        title, points, DECOMPOSED_MAX, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, &boundary);
    must(n > 0 && n <= DECOMPOSED_MAX);
    for (utf8proc_ssize_t i = 0; i < n; i++)
        utf8_put(out, (uint32_t)points[i]);
}

static void map_points(struct buf *out, struct slice run, struct memo *memo)
{
    struct cursor c = cursor_of(run);
    while (!cursor_done(&c)) {
        uint32_t point = (uint32_t)utf8_next(&c);
        size_t place = point % MEMO_PLACES;
        if (memo->places[place].point == point) {
            buf_put(out, slice_of(memo->places[place].mapped, memo->places[place].n));
            continue;
        }
        size_t before = out->n;
        map_point(out, point);
        size_t n = out->n - before;
        if (out->failed || n > MEMO_MAPPED_MAX)
            continue;
        memo->places[place].point = point;
        memo->places[place].n = (uint8_t)n;
        memcpy(memo->places[place].mapped, out->p + before, n);
    }
}

/* Eight ASCII bytes with the letters of one case turned into the other: `from` is 'A' or 'a'. */
static uint64_t turn_case(uint64_t word, char from)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    /* The top bit of a byte is set where it is at least `from`, and where it is past from + 25. */
    uint64_t least = word + ones * (uint64_t)(0x80 - from);
    uint64_t past = word + ones * (uint64_t)(0x80 - from - 26);
    return word ^ ((least & ~past & ones << 7) >> 2);
}

static void put_ascii(struct buf *out, struct slice text, bool upper)
{
    char *to = buf_reserve(out, text.n);
    if (to == NULL)
        return;
    size_t i = 0;
    for (uint64_t word; i + sizeof(word) <= text.n; i += sizeof(word)) {
        memcpy(&word, text.p + i, sizeof(word));
        word = turn_case(word, upper ? 'a' : 'A');
        memcpy(to + i, &word, sizeof(word));
    }
    for (; i < text.n; i++)
        to[i] = upper ? ascii_upper(text.p[i]) : ascii_lower(text.p[i]);
    buf_grew(out, text.n);
}

/* Runs of ASCII and of the rest alternate. Each can be mapped by itself: nothing is composed, and where marks
 * change places (`wide`) they do so among themselves, none of which is ASCII. */
static void fold(struct buf *out, struct slice utf8, bool wide)
{
    CLEANUP(buf_release) struct buf repaired = BUF(utf8.n * 3 + 1);
    size_t ascii = ascii_run(utf8);
    if (ascii == utf8.n) {
        put_ascii(out, utf8, !wide);
        return;
    }
    struct memo memo = {0};
    if (!utf8_valid(utf8)) {
        utf8_put_repaired(&repaired, utf8);
        out->failed |= buf_failed(&repaired);
        utf8 = buf_slice(&repaired);
        ascii = ascii_run(utf8);
    }
    for (;;) {
        put_ascii(out, slice_sub(utf8, 0, ascii), !wide);
        utf8 = slice_from(utf8, ascii);
        if (utf8.n == 0)
            return;
        size_t other = 1;
        while (other < utf8.n && (unsigned char)utf8.p[other] >= 0x80)
            other++;
        if (wide)
            map_run(out, slice_sub(utf8, 0, other));
        else
            map_points(out, slice_sub(utf8, 0, other), &memo);
        utf8 = slice_from(utf8, other);
        ascii = ascii_run(utf8);
    }
}

void mime_fold_sort(struct buf *out, struct slice utf8)
{
    fold(out, utf8, false);
}

void mime_fold_ascii(struct buf *out, struct slice octets)
{
    put_ascii(out, octets, true);
}

void mime_fold_search(struct buf *out, struct slice utf8)
{
    fold(out, utf8, true);
}
