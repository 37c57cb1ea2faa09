/*
 * Out of office: what an account answers while its owner is away. One switch, whichever way it is set.
 *
 * What changes here is durable when the call returns. Ownership: texts live in the arena given. Errors:
 * ERR_INVALID with a sentence for the person. Threads: any. Limits: below.
 */
#ifndef POSTHORN_STORE_AWAY_H
#define POSTHORN_STORE_AWAY_H

#include "store/store.h"

enum {
    AWAY_TEXT_MAX = 64 * 1024, /* bytes */
    AWAY_SUBJECT_MAX = 500,
    AWAY_DAYS = 7, /* if nothing else is said */
    AWAY_DAYS_MAX = 365,
};

struct away {
    bool on;
    int64_t from_us;      /* 0: from now on */
    int64_t until_us;     /* the first moment after it; 0: until it is switched off */
    struct slice subject; /* UTF-8, one line; empty: that of what came, after "Auto: " */
    struct slice text;    /* UTF-8 */
    uint32_t days;        /* a sender is answered once in so many */
    int64_t since_us;     /* this absence was set then: who was answered in another one is answered again */
};

/* Never set: off, with no text. */
enum err away_get(struct account *account, struct arena *arena, struct away *ret,
                  struct error *error) MUST_CHECK;
/* `since_us` is not read: it stays while the absence is the same in time and words, else it is now. */
enum err away_set(struct account *account, const struct away *away, struct error *error) MUST_CHECK;

#endif
