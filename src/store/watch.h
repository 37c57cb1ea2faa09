/*
 * A session's watch over a whole account: it is told that something happened, and reads what from the change
 * feed (change.h). While it acts, it remembers which changes were its session's own.
 *
 * Ownership: a watch holds the account; unwatch gives it back. Errors: no memory. Threads: a watch is its
 * session's; notices come from any.
 * Limits: WATCH_OWN_MAX.
 */
#ifndef POSTHORN_STORE_WATCH_H
#define POSTHORN_STORE_WATCH_H

#include "rt/loop.h"
#include "store/change.h"

enum { WATCH_OWN_MAX = 64 /* ranges of own changes that are remembered; further ones look like others' */ };

struct watch;

/* Notices go to this place after every transaction that takes a change number. */
enum err account_watch(struct account *account, struct loop *loop, struct place place,
                       struct watch **ret_watch, struct error *error) MUST_CHECK;
void account_unwatch(struct watch *watch);
struct account *watch_account(const struct watch *watch);

/* The account's last change number; costs no database access. */
struct change_no watch_change(const struct watch *watch);

/* What the calling thread changes in the account between these two is the session's own doing. */
void watch_act(struct watch *watch);
void watch_rest(struct watch *watch);
bool watch_is_own(const struct watch *watch, struct change_no change);
/* All of them have been looked at. */
void watch_forget_own(struct watch *watch);

#endif
