/*
 * Learning what the owner calls junk, in steps: first the change log is read for what was done (junk_object
 * rows say what is to be learnt), then the messages are read and counted. The contract is junk.h.
 *
 * It is idempotent: a step that is made again, after a crash or because a record is looked at twice, learns
 * nothing twice, since a message's row says what it was learnt as. Messages are read without any lock; the
 * account is locked for at most JUNK_LOOKS_MAX look-ups, or JUNK_LEARN_BATCH messages' counts.
 *
 * Errors: the database's. A message that can't be read is not learnt. Threads: any; two that
 * learn of one account at once do the same work twice.
 */
#ifndef POSTHORN_STORE_JUNK_LEARN_H
#define POSTHORN_STORE_JUNK_LEARN_H

#include "base/clock.h"
#include "store/background.h"

enum {
    JUNK_INTERVAL_S = 5,
    JUNK_NICE = 19,
    JUNK_ACTS_MAX = 256,       /* records of the change log in a step */
    JUNK_LOOKS_MAX = 2000,     /* messages looked up in a step; one change's are looked up together */
    JUNK_UIDS_MAX = 1000,      /* of one record: the newest */
    JUNK_LEARN_BATCH = 8,      /* messages counted in one transaction */
    JUNK_RECIPIENTS_MAX = 200, /* of a sent message */
    JUNK_KEPT_REACH = 2000,    /* messages that were there before the first junk was learnt */
    JUNK_KEPT_PAGE = 200,
};
#define JUNK_KEPT_US (1 * CLOCK_DAY)

/* One step; *ret_more: there may be more to do. */
enum err junk_learn_step(struct account *account, const atomic_bool *stopping, bool *ret_more,
                         struct error *error) MUST_CHECK;

/* The store's fourth background thread. */
enum err learner_start(struct store *store, struct background **ret_learner, struct error *error) MUST_CHECK;

#endif
