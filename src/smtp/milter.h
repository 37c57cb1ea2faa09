/*
 * What other programs say of what comes in (src/milter), and what they change.
 *
 * Ownership: what is changed lives in the transaction's arena. Threads: the session's; calls
 * block for the milters' time.
 */
#ifndef POSTHORN_SMTP_MILTER_H
#define POSTHORN_SMTP_MILTER_H

#include "milter/milters.h"

struct smtp_session;

struct smtp_milter {
    struct milters *milters; /* NULL: none are set */
    bool discarded;          /* the message of this transaction will be thrown away */
};

enum err smtp_milter_init(struct smtp_session *session, struct error *error) MUST_CHECK;
void smtp_milter_release(struct smtp_session *session);
/* The client begins anew: EHLO, TLS. */
void smtp_milter_close(struct smtp_session *session);
/* The transaction is over. */
void smtp_milter_forget(struct smtp_session *session);

/* False: the client has heard why. */
bool smtp_milter_mail(struct smtp_session *session) MUST_CHECK;
bool smtp_milter_rcpt(struct smtp_session *session, struct slice address) MUST_CHECK;
/* The whole message. *ret_discarded: it is to be taken and thrown away. */
bool smtp_milter_message(struct smtp_session *session, bool *ret_discarded) MUST_CHECK;

#endif
