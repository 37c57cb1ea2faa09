#include "junk/verdict.h"

#include <math.h>

#include "base/utf8.h"
#include "mime/encoded_word.h"

/* Robinson's s and x: how much a feature's own counts must outweigh the belief that it says nothing. */
#define STRENGTH 1.0
#define UNKNOWN 0.5
#define SAYS_NOTHING 0.2 /* how near to 0.5 a feature is passed over */
#define SUREST 0.9999

struct evidence {
    double probability; /* that a message with this feature is junk */
    double distance;    /* from 0.5 */
    uint16_t token;
};

bool junk_learnt_enough(struct junk_counts learnt)
{
    return learnt.junk >= JUNK_ENOUGH * JUNK_WEIGHT && learnt.good >= JUNK_ENOUGH * JUNK_WEIGHT;
}

static double probability_of(struct junk_counts learnt, struct junk_counts count)
{
    double junk = MIN(1.0, (double)count.junk / learnt.junk);
    double good = MIN(1.0, (double)count.good / learnt.good);
    double seen = (double)(count.junk + count.good) / JUNK_WEIGHT;
    if (count.junk + count.good == 0)
        return UNKNOWN;
    double raw = junk / (junk + good);
    double estimate = (STRENGTH * UNKNOWN + seen * raw) / (STRENGTH + seen);
    return MAX(1 - SUREST, MIN(SUREST, estimate));
}

/* How likely chi-squared with 2 * half degrees of freedom is at least x. */
static double chi_squared(double x, size_t half)
{
    double term = exp(-x / 2);
    double sum = term;
    for (size_t i = 1; i < half; i++) {
        term *= x / 2 / (double)i;
        sum += term;
    }
    return MIN(sum, 1.0);
}

static int by_distance(const void *a, const void *b)
{
    const struct evidence *left = a;
    const struct evidence *right = b;
    if (left->distance != right->distance)
        return left->distance < right->distance ? 1 : -1;
    return left->token - right->token;
}

static void note_reasons(const struct junk_tokens *tokens, const struct evidence *evidence, size_t count,
                         struct junk_verdict *verdict)
{
    for (size_t i = 0; i < count && verdict->reason_count < JUNK_REASONS_SHOWN; i++)
        if ((evidence[i].probability > UNKNOWN) == (verdict->score > 0.5))
            verdict->reasons[verdict->reason_count++] = tokens->list[evidence[i].token].text;
}

void junk_judge(struct junk_counts learnt, const struct junk_tokens *tokens, const struct junk_counts *counts,
                struct junk_verdict *ret_verdict)
{
    struct evidence evidence[JUNK_TOKENS_MAX];
    size_t count = 0;
    *ret_verdict = (struct junk_verdict){.score = UNKNOWN};
    if (!junk_learnt_enough(learnt))
        return;
    for (size_t i = 0; i < tokens->count; i++) {
        double probability = probability_of(learnt, counts[i]);
        double distance = fabs(probability - UNKNOWN);
        if (distance >= SAYS_NOTHING)
            evidence[count++] = (struct evidence){probability, distance, (uint16_t)i};
    }
    if (count == 0)
        return;
    qsort(evidence, count, sizeof(evidence[0]), by_distance);
    count = MIN(count, (size_t)JUNK_REASONS_USED);
    double of_junk = 0;
    double of_good = 0;
    for (size_t i = 0; i < count; i++) {
        of_junk += log(evidence[i].probability);
        of_good += log(1 - evidence[i].probability);
    }
    double junk = 1 - chi_squared(-2 * of_good, count);
    double good = 1 - chi_squared(-2 * of_junk, count);
    ret_verdict->judged = true;
    ret_verdict->score = (1 + junk - good) / 2;
    ret_verdict->junk = ret_verdict->score >= JUNK_CERTAIN && count >= JUNK_REASONS_MIN;
    note_reasons(tokens, evidence, count, ret_verdict);
}

/* Words are a stranger's: nothing of them can end the line or look like a part of the field. */
static void put_word(struct buf *out, struct slice word)
{
    CLEANUP(buf_release) struct buf safe = BUF(4 * JUNK_WORD_MAX);
    struct cursor cursor = cursor_of(utf8_cut(word, JUNK_WORD_MAX));
    while (!cursor_done(&cursor)) {
        int32_t point = utf8_next(&cursor);
        bool plain = point > ' ' && point != 0x7f && point != ',' && point != ';' && point != '=' &&
                     point != '?' && !(point >= 0x80 && point < 0xa0) && point != 0x2028 && point != 0x2029;
        utf8_put(&safe, plain ? (uint32_t)point : '_');
    }
    mime_words_encode(out, buf_slice(&safe), false);
}

void junk_field_put(struct buf *out, const struct junk_verdict *verdict, bool known)
{
    if (!verdict->judged)
        return;
    bool junk = verdict->junk && !known;
    /* Rounded down, so that what is not certain never looks so. */
    buf_printf(out, JUNK_FIELD ": %s, %.2f", junk ? "yes" : "no", floor(verdict->score * 100) / 100);
    if (known)
        buf_put(out, S("; sender known"));
    for (size_t i = 0; i < verdict->reason_count; i++) {
        buf_put(out, i == 0 ? S(";\r\n\twords ") : S(",\r\n\t"));
        put_word(out, verdict->reasons[i]);
    }
    buf_put(out, S("\r\n"));
}
