/*
 * When which account wants a visit of the house, so that what is over its time goes although nobody opens the
 * account: the database due.db on the volume, a row for each account.
 *
 * A visit says when the next one is due (account_expire), at most DUE_DAYS_MAX later. What changes an account
 * in between can only add what is due expire_soonest_us later; the first change after a visit notes that
 * (due_changed), the others need not. Notes are in memory until the house's next round; a crash that loses
 * some delays a visit to at most DUE_DAYS_MAX. The table can be lost: it is made anew from the accounts that
 * there are.
 *
 * Ownership: the tidying thread's, but for the notes. Errors: the database's; without the table accounts that
 * are open are visited all the same. Threads: due_changed: any, with account->mutex held; else one.
 */
#ifndef POSTHORN_STORE_DUE_H
#define POSTHORN_STORE_DUE_H

#include "store/account.h"

enum {
    DUE_DAYS_MAX = 7,
    DUE_HOURS_MIN = 6,   /* between two visits of an account that nobody uses */
    DUE_VISITS_MAX = 300 /* a round */
};

struct due;

/* All accounts of the volume that have no row yet get one, spread over a day. */
enum err due_open(struct store *store, struct due **ret_due, struct error *error) MUST_CHECK;
void due_close(struct due *due);
/* Takes over what was noted since the last time. */
enum err due_collect(struct due *due, struct error *error) MUST_CHECK;
/* Accounts whose time has come, the longest ago first, DUE_VISITS_MAX at most. */
enum err due_find(struct due *due, int64_t now, struct account_id ret_ids[static DUE_VISITS_MAX],
                  size_t *ret_count, struct error *error) MUST_CHECK;
enum err due_set(struct due *due, struct account_id id, int64_t at, struct error *error) MUST_CHECK;
enum err due_forget(struct due *due, struct account_id id, struct error *error) MUST_CHECK;

/* After a commit: the account changed, or (soon) wants a visit at once. */
void due_changed(struct account *account, bool soon);
/* Its limits are others: a visit soon. */
void due_changed_limits(struct store *store, struct account_id id);
struct due_note;
void due_notes_free(struct due_note *notes);
/* When the next visit of an account is due that was visited now and said `next`. */
int64_t due_after_visit(int64_t now, int64_t next);

#endif
