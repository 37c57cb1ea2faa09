/*
 * The door of port 25: what strangers are refused for before a message comes (authres/guards.h).
 *
 * Each function but the first answers with true for who is no stranger. False: the client has heard why.
 * Ownership: the finding lives in the transaction's arena. Threads: the session's; a look blocks on the DNS.
 */
#ifndef POSTHORN_SMTP_GUARD_H
#define POSTHORN_SMTP_GUARD_H

#include <netinet/in.h>

#include "authres/guards.h"

struct smtp_session;

struct smtp_guard {
    char own[INET6_ADDRSTRLEN];    /* our address that he came to */
    struct guard_finding *finding; /* of this transaction; NULL: nobody has looked */
    bool weighed;                  /* the same: whether he is to be greylisted */
    bool must_wait;                /* it was so */
    bool told;                     /* what came of it stands among the results */
};

/* Takes note of the address to which a connection was made. */
void smtp_guard_own_address(struct smtp_session *session, int fd);
/* Before the greeting. */
bool smtp_guard_connection(struct smtp_session *session) MUST_CHECK;
/* At MAIL. */
bool smtp_guard_message(struct smtp_session *session) MUST_CHECK;
/* At RCPT. Who writes to postmaster is always heard: he may have been refused by mistake. */
bool smtp_guard_recipient(struct smtp_session *session, struct slice address) MUST_CHECK;
/* For a recipient whom we have: whether the client has to come again (RFC 6647). */
bool smtp_guard_greylist(struct smtp_session *session, struct slice address) MUST_CHECK;
/* Somebody spoke before the greeting. */
void smtp_guard_early(struct smtp_session *session);
/* The transaction is over. */
void smtp_guard_forget(struct smtp_session *session);

#endif
