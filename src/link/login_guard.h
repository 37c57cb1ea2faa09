/*
 * Who fails to log in, how often, and who must wait therefore without being checked. Private to the link
 * room; what is counted and why: docs/decisions/log-in.md.
 *
 * A peer is a client's address as text, a name as the client wrote it, in lower case; an empty name is no
 * name. Errors: none; what finds no memory or no room in the tables is not counted, so that nobody is locked
 * out by filling them. Threads: any. Limits: LIMIT_KEYS_MAX keys a table.
 */
#ifndef POSTHORN_LINK_LOGIN_GUARD_H
#define POSTHORN_LINK_LOGIN_GUARD_H

#include "link/login.h"

bool guard_must_wait(struct login_guard *guard, const char *peer, struct slice name) MUST_CHECK;
void guard_failed(struct login_guard *guard, const char *peer, struct slice name);
/* address: the account's, where the name may be a short form of it. */
void guard_succeeded(struct login_guard *guard, const char *peer, struct slice name, struct slice address);

#endif
