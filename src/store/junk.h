/*
 * What an account's owner calls junk: learnt in the background from what is done with mail, by whatever
 * program, and asked at delivery.
 *
 * Learnt as junk: what is moved or copied into Junk, or gets $Junk. As good: what is moved out of Junk, or
 * from one folder into another that is none of Trash, Drafts, Sent; what gets $NotJunk, \Answered or
 * \Flagged; and, so that there is enough of it, what was read and kept for a day. What is taken back is
 * unlearnt. What came into Junk at delivery, by this classifier or another, is never learnt as junk: only
 * people teach. Whom the owner wrote to (Sent) is known, and is never junk.
 *
 * All of it is read off the change log afterwards (junk_learn.h), so that moving costs what it cost. The
 * counts are rows of the account's database: JUNK_SLOTS at most, of features hashed under a key of the
 * account.
 *
 * Errors: the database's. Threads: any; the account's lock is held for look-ups only, never while a message
 * is read. Limits: JUNK_SLOTS, JUNK_KNOWN_MAX; tokens.h.
 */
#ifndef POSTHORN_STORE_JUNK_H
#define POSTHORN_STORE_JUNK_H

#include "junk/verdict.h"
#include "store/store.h"

enum {
    JUNK_SLOTS = 256 * 1024, /* features counted in an account */
    JUNK_KNOWN_MAX = 16384,  /* people known */
};

struct junk_opinion {
    struct junk_verdict verdict;
    bool known; /* the sender is somebody whom the owner wrote to */
};
static inline bool junk_is_junk(const struct junk_opinion *opinion)
{
    return opinion->verdict.judged && opinion->verdict.junk && !opinion->known;
}

/* What is thought of a message that is not here yet; prefix: fields that will stand before it. The reasons
 * live in the arena. Costs nothing before enough is learnt, nor where the account has it off. */
enum err junk_ask(struct account *account, struct slice prefix, struct slice message, struct arena *arena,
                  struct junk_opinion *ret_opinion, struct error *error) MUST_CHECK;

struct junk_figures {
    uint64_t junk, good; /* messages' worth of what is learnt; what is old counts less */
    uint64_t features;
    uint64_t known; /* people */
    uint64_t due;   /* messages that wait to be learnt; at most JUNK_FIGURES_DUE_MAX are counted */
};
enum { JUNK_FIGURES_DUE_MAX = 1000 };
enum err junk_figures(struct account *account, struct junk_figures *ret_figures,
                      struct error *error) MUST_CHECK;
/* All of it; what was done until now teaches nothing any more. */
enum err junk_forget(struct account *account, struct error *error) MUST_CHECK;

#endif
