/*
 * Greylisting (RFC 6647): which clients have come before, which must wait and come again.
 *
 * Ownership: the volume is borrowed. Errors: those of the database; a caller makes nobody wait for them.
 * Threads: any. Limits: GREYLIST_*; when the table is full, who is new passes.
 * Durability: nothing is synced for an answer; after a power loss some may have to wait once more.
 */
#ifndef POSTHORN_GREYLIST_GREYLIST_H
#define POSTHORN_GREYLIST_GREYLIST_H

#include "base/clock.h"
#include "store/volume.h"

enum {
    GREYLIST_ROWS_MAX = 100000,    /* of each kind */
    GREYLIST_PASSES_KNOWN = 3,     /* letters of a network that came twice; then it is known */
    GREYLIST_PARTS_MAX = 64 + 640, /* bytes of network, sender or recipient that are looked at */
};
#define GREYLIST_RETRY_US CLOCK_DAY                 /* who comes again later is new */
#define GREYLIST_KEPT_US (36 * CLOCK_DAY)           /* since it was last seen: longer than a monthly letter */
#define GREYLIST_CORRESPONDENT_US (180 * CLOCK_DAY) /* since one of ours wrote to it */

struct greylist;

struct greylist_options {
    struct volume *volume;
    uint32_t rows_max; /* 0: GREYLIST_ROWS_MAX */
};

enum err greylist_open(const struct greylist_options *options, struct greylist **ret_greylist,
                       struct error *error) MUST_CHECK;
void greylist_close(struct greylist *greylist);

#define GREYLIST_ANSWER_TABLE(X)                        \
    X(WAIT, "")                                         \
    X(WAITED, "came again")                             \
    X(SEEN, "seen before")                              \
    X(KNOWN, "known client")                            \
    X(CORRESPONDENT, "somebody here has written to it") \
    X(FULL, "too many wait")
enum greylist_answer {
#define X(name, text) GREYLIST_##name,
    GREYLIST_ANSWER_TABLE(X)
#undef X
        GREYLIST_ANSWERS
};
const char *greylist_answer_text(enum greylist_answer answer);

struct greylist_question {
    struct slice network; /* the client's, in any form */
    struct slice sender;  /* empty: the null path */
    struct slice recipient;
    int64_t wait_us;
};
/* *ret_left_us: how long is to be waited still, of GREYLIST_WAIT. */
enum err greylist_ask(struct greylist *greylist, const struct greylist_question *question, int64_t now_us,
                      enum greylist_answer *ret_answer, int64_t *ret_left_us, struct error *error) MUST_CHECK;
/* One of our people has written to this address. */
enum err greylist_wrote_to(struct greylist *greylist, struct slice address, int64_t now_us,
                           struct error *error) MUST_CHECK;

#endif
