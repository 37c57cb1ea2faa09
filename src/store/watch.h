/*
 * A session's watch over a whole account: it is told that something happened, and reads what from the change
 * feed (change.h).
 *
 * Ownership: a watch holds the account; unwatch gives it back. Errors: no memory. Threads: a watch is its
 * session's; notices come from any.
 */
#ifndef POSTHORN_STORE_WATCH_H
#define POSTHORN_STORE_WATCH_H

#include "rt/loop.h"
#include "store/change.h"

struct watch;

/* Notices go to this place after every transaction that takes a change number. */
enum err account_watch(struct account *account, struct loop *loop, struct place place,
                       struct watch **ret_watch, struct error *error) MUST_CHECK;
void account_unwatch(struct watch *watch);
struct account *watch_account(const struct watch *watch);

/* The account's last change number; costs no database access. */
struct change_no watch_change(const struct watch *watch);

#endif
