/*
 * Is it junk? What is known of each feature of a message, put together (Robinson's estimate, Fisher's
 * method).
 *
 * Counts are in JUNK_WEIGHTths of a message, so that what is old can count for less: when JUNK_ERA_MESSAGES
 * more were learnt, an era ends, and all counts from before are halved, without touching them (junk_aged).
 *
 * A false alarm is worse than a miss: nothing is judged before JUNK_ENOUGH messages of both kinds are learnt,
 * a feature that is new says nothing, and junk must be near certain and have several reasons.
 *
 * Errors: none. Threads: any. Limits: the JUNK_REASONS_USED features that say most are used.
 */
#ifndef POSTHORN_JUNK_VERDICT_H
#define POSTHORN_JUNK_VERDICT_H

#include "junk/tokens.h"

enum {
    JUNK_WEIGHT = 16,
    JUNK_ERA_MESSAGES = 2000,
    JUNK_ENOUGH = 20,
    JUNK_REASONS_USED = 150,
    JUNK_REASONS_MIN = 8,
    JUNK_REASONS_SHOWN = 5,
    JUNK_FIELD_MAX = 1024, /* bytes of the field, with its line end */
};
#define JUNK_CERTAIN 0.98

struct junk_counts {
    uint32_t junk, good;
};
/* A count of an earlier era, now. */
static inline uint32_t junk_aged(uint32_t count, uint64_t eras)
{
    return eras < 32 ? count >> eras : 0;
}

struct junk_verdict {
    bool judged; /* false: too little is learnt, or nothing of it is known */
    bool junk;
    double score;                             /* 0: surely good, 1: surely junk */
    struct slice reasons[JUNK_REASONS_SHOWN]; /* what said most for it; of the tokens */
    size_t reason_count;
};

bool junk_learnt_enough(struct junk_counts learnt);
/* counts[i] belongs to tokens->list[i]. */
void junk_judge(struct junk_counts learnt, const struct junk_tokens *tokens, const struct junk_counts *counts,
                struct junk_verdict *ret_verdict);
/* "X-Posthorn-Junk: yes, 0.99; words casino, host:pills.example" with its line end, ASCII; nothing when it
 * was not judged. known: who wrote it is somebody whom the owner has written to. */
void junk_field_put(struct buf *out, const struct junk_verdict *verdict, bool known);

#endif
