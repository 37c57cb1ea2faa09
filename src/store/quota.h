/*
 * How full an account is, and when its owner is to be told.
 *
 * A warning is due when the use has reached a step (account_limits.warn) above the last one that was warned
 * of (meta.quota_warned). That number rises in the transaction that files the warning
 * (append_item.quota_step), so nobody is warned twice, and after a crash the comparison alone finds what is
 * still due. It falls when the use has fallen QUOTA_HYSTERESIS percent below it. The check costs a commit a
 * comparison; who writes is queue/warning.h's.
 *
 * Errors: ERR_IO, ERR_NOMEM. Threads: any. Limits: QUOTA_DUE_MAX accounts wait; one that finds no room is
 * noted again at its next change.
 */
#ifndef POSTHORN_STORE_QUOTA_H
#define POSTHORN_STORE_QUOTA_H

#include "store/store.h"

enum { QUOTA_HYSTERESIS = 5, QUOTA_DUE_MAX = 1000 };

struct quota_state {
    struct account_usage usage;
    unsigned percent; /* of the limit that is nearest: bytes or messages */
    unsigned due;     /* the step that the owner is to hear of; 0: none */
};
enum err quota_state(struct account *account, struct quota_state *ret_state, struct error *error) MUST_CHECK;
/* Accounts with a warning due, taken off the list; how many. */
size_t store_quota_due(struct store *store, struct account_id *ret_ids, size_t max);

/* How much of a limit is used; 0: there is none. */
unsigned quota_percent(uint64_t used, uint64_t limit);
/* The step that the owner should have been told of, who was told of `warned`, now that `used` percent are. */
unsigned quota_step_now(const uint8_t steps[static QUOTA_STEPS_MAX], unsigned warned, unsigned used);

/* --- inside the room, with account->mutex held --- */

/* The step of a warning that is due, or 0. */
unsigned quota_due(const struct account *account);
/* Takes back what was warned of, when the use has fallen. */
void quota_settle(struct account *account);
/* Puts the account on the list. Takes store->mutex. */
void quota_note(struct account *account);

#endif
