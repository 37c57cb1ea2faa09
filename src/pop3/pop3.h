/*
 * POP3 (RFC 1939) with CAPA (2449), STLS (2595), SASL (5034), PIPELINING, UIDL, TOP, RESP-CODES,
 * AUTH-RESP-CODE, UTF8 (6856).
 *
 * Two halves: pop3_login_start serves the AUTHORIZATION state in the edge, pop3_session_start the TRANSACTION
 * state in store. Deletion takes effect at QUIT only; a connection that breaks deletes nothing (RFC 1939 6).
 * Threads: any may start one. Limits: POP3_*.
 */
#ifndef POSTHORN_POP3_POP3_H
#define POSTHORN_POP3_POP3_H

#include "link/guest.h"
#include "link/visit.h"

enum {
    POP3_LINE_MAX = LOGIN_LINE_MAX + 2, /* RFC 2449 4 wants 255; an AUTH answer may be longer */
    POP3_ERRORS_MAX = 10,
    POP3_USER_MAX = ADDRESS_MAX,
};
#define POP3_LOGIN_IDLE_US (3 * CLOCK_MINUTE)
#define POP3_IDLE_US (10 * CLOCK_MINUTE) /* RFC 1939 3: at least 10 minutes */

/* What the visit's tag holds when the client has said UTF8; else it is empty. */
#define POP3_MODE_UTF8 S("UTF8")

/* Takes the guest. */
void pop3_login_start(struct guest *guest);
/* Takes the visit's account and descriptor. */
enum err pop3_session_start(struct loop *loop, const struct visit *visit, struct error *error) MUST_CHECK;

#endif
