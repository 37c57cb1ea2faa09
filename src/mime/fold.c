#include "mime/fold.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/utf8.h"

enum {
    RUN_POINTS = 256, /* code points of a run that are mapped without allocating */
    MEMO_PLACES = 64,
    MEMO_RUN_MAX = 6, /* bytes */
    MEMO_MAPPED_MAX = 16,
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

static utf8proc_int32_t titlecase(utf8proc_int32_t code_point, void *context)
{
    (void)context;
    return utf8proc_totitle(code_point);
}

/* Characters beyond ASCII, valid UTF-8. */
static void map_run(struct buf *out, struct slice run, int options)
{
    utf8proc_int32_t points[RUN_POINTS];
    const utf8proc_uint8_t *text = (const utf8proc_uint8_t *)run.p;
    options |= UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    utf8proc_ssize_t n = utf8proc_decompose_custom(text, (utf8proc_ssize_t)run.n, points, RUN_POINTS,
                                                   (utf8proc_option_t)options, titlecase, NULL);
    if (n >= 0 && n <= RUN_POINTS) {
        for (utf8proc_ssize_t i = 0; i < n; i++)
            utf8_put(out, (uint32_t)points[i]);
        return;
    }
    utf8proc_uint8_t *mapped = NULL;
    n = utf8proc_map_custom(text, (utf8proc_ssize_t)run.n, &mapped, (utf8proc_option_t)options, titlecase,
                            NULL);
    if (n >= 0)
        buf_put(out, slice_of(mapped, (size_t)n));
    else
        out->failed = true;
    free(mapped);
}

/* Runs that were mapped in this text: most languages have few different ones, and each many times. */
struct memo {
    struct {
        uint8_t run_n; /* 0: free */
        uint8_t mapped_n;
        char run[MEMO_RUN_MAX];
        char mapped[MEMO_MAPPED_MAX];
    } places[MEMO_PLACES];
};

static void map_known(struct buf *out, struct slice run, int options, struct memo *memo)
{
    if (run.n > MEMO_RUN_MAX) {
        map_run(out, run, options);
        return;
    }
    size_t place = ((unsigned char)run.p[run.n - 1] + 5U * (unsigned char)run.p[0] + run.n) % MEMO_PLACES;
    if (memo->places[place].run_n == run.n && memcmp(memo->places[place].run, run.p, run.n) == 0) {
        buf_put(out, slice_of(memo->places[place].mapped, memo->places[place].mapped_n));
        return;
    }
    size_t before = out->n;
    map_run(out, run, options);
    size_t n = out->n - before;
    if (out->failed || n > MEMO_MAPPED_MAX)
        return;
    memo->places[place].run_n = (uint8_t)run.n;
    memo->places[place].mapped_n = (uint8_t)n;
    memcpy(memo->places[place].run, run.p, run.n);
    memcpy(memo->places[place].mapped, out->p + before, n);
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

/*
 * Runs of ASCII and of the rest alternate. Each can be mapped by itself: nothing is composed, and marks
 * change places only among themselves, none of which is ASCII.
 */
static void fold(struct buf *out, struct slice utf8, int options, bool upper)
{
    CLEANUP(buf_release) struct buf repaired = BUF(utf8.n * 3 + 1);
    size_t ascii = ascii_run(utf8);
    if (ascii == utf8.n) {
        put_ascii(out, utf8, upper);
        return;
    }
    struct memo memo = {0};
    if (!utf8_valid(utf8)) {
        utf8_put_repaired(&repaired, utf8);
        utf8 = buf_slice(&repaired);
        ascii = ascii_run(utf8);
    }
    for (;;) {
        put_ascii(out, slice_sub(utf8, 0, ascii), upper);
        utf8 = slice_from(utf8, ascii);
        if (utf8.n == 0)
            return;
        size_t other = 1;
        while (other < utf8.n && (unsigned char)utf8.p[other] >= 0x80)
            other++;
        map_known(out, slice_sub(utf8, 0, other), options, &memo);
        utf8 = slice_from(utf8, other);
        ascii = ascii_run(utf8);
    }
}

void mime_fold_search(struct buf *out, struct slice utf8)
{
    fold(out, utf8, UTF8PROC_CASEFOLD, false);
}

void mime_fold_sort(struct buf *out, struct slice utf8)
{
    fold(out, utf8, 0, true);
}
