/*
 * An IMAP session after log-in: the store process's side (RFC 3501 with the extensions of capability.h).
 *
 * Purpose: answers the log-in command whose tag was handed over, then serves commands until LOGOUT, the
 * autologout, or the server's stop. Ownership: the session takes the descriptor and the account reference in
 * every case; it frees itself when its connection ends, and calls `ended` then. Errors: of starting only.
 * Threads: any may start one; a session runs on one worker at a time.
 * Limits: below, and those of reader.h, command.h and search.h. An idle session keeps no arena and no buffer.
 */
#ifndef POSTHORN_IMAP_SESSION_H
#define POSTHORN_IMAP_SESSION_H

#include "link/visit.h"

enum {
    IMAP_ERRORS_MAX = 10,                      /* protocol errors in a row; then BYE */
    IMAP_COMMAND_ARENA_MAX = 64 * 1024 * 1024, /* bytes one command may use */
    IMAP_BATCH = 300,                          /* messages taken from the store at once */
};
#define IMAP_AUTOLOGOUT_US (30 * CLOCK_MINUTE)    /* RFC 3501 5.4: at least 30 minutes */
#define IMAP_IDLE_REMINDER_US (10 * CLOCK_MINUTE) /* IDLE says "still here", which finds dead peers */
#define IMAP_IDLE_REMINDERS_MAX 288               /* two days of IDLE without a word; then BYE */

enum err imap_session_start(struct loop *loop, const struct visit *visit, struct error *error) MUST_CHECK;

#endif
