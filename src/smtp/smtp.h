/*
 * SMTP in (RFC 5321) on port 25, submission (RFC 6409) and LMTP (RFC 2033): the edge's side, one session a
 * connection.
 *
 * A message counts as accepted only when store has it on disk (link_accept); then 250 is said. Bodies above
 * QUEUE_INLINE_MAX go to a spool file as they arrive.
 * Ownership: the session owns its guest. Errors: a session that can't be started is closed. Threads: any.
 * Limits: SMTP_*.
 */
#ifndef POSTHORN_SMTP_SMTP_H
#define POSTHORN_SMTP_SMTP_H

#include "link/guest.h"

enum {
    SMTP_LINE_MAX = LOGIN_LINE_MAX + 2,     /* bytes of a command line; RFC 5321 wants 512, RFC 4954 12288 */
    SMTP_ERRORS_MAX = 10,                   /* wrong commands on one connection, then it is closed */
    SMTP_COMMANDS_MAX = 10000,              /* commands on one connection, without DATA in between */
    SMTP_TRANSACTION_MAX = 2 * 1024 * 1024, /* bytes of envelope memory */
    SMTP_PARAMETERS_MAX = 20,               /* of one MAIL or RCPT */
};
#define SMTP_IDLE_US (5 * CLOCK_MINUTE) /* RFC 5321 4.5.3.2.7 */

/* Which rules hold on this listener. */
enum smtp_service {
    SMTP_RELAY,      /* port 25: from anybody, for our addresses only */
    SMTP_SUBMISSION, /* 587, 465: from our people, to anybody */
    SMTP_LMTP,       /* a unix socket: one answer a recipient after the message */
};

/* Takes the guest. */
void smtp_start(struct guest *guest, enum smtp_service service);

#endif
