/*
 * Executes the model's invariants, for tests: what they find is a bug of ours, so they end the process.
 */
#ifndef POSTHORN_STORE_INVARIANTS_H
#define POSTHORN_STORE_INVARIANTS_H

#include "store/view.h"

/* Counters equal rows; UIDs below UIDNEXT; change numbers not above the account's; every object has a user.
 */
void account_check_invariants(struct account *account);
/* A view that has just synced with expunges shows exactly the folder. */
void view_check(struct view *view);

#endif
