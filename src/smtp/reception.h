/*
 * A message that a stranger brings, on its way into the body: what it proves of itself is taken note of, and
 * fields in which somebody speaks in our name are left out (RFC 8601 5). At its end it is judged.
 *
 * Who is not a stranger (`trusted-networks`, LMTP, submission) has no reception, and nothing is looked at.
 * Ownership: the reception owns its verifier and the header while that comes in. Errors: no memory shows in
 * the body. Threads: its session's. Limits: SMTP_HEADER_MAX.
 */
#ifndef POSTHORN_SMTP_RECEPTION_H
#define POSTHORN_SMTP_RECEPTION_H

#include "authres/judge.h"
#include "smtp/body.h"

enum { SMTP_HEADER_MAX = 500 * 1024 /* bytes; below DKIM_HEADER_MAX */ };

struct smtp_session;

struct smtp_reception {
    struct dkim_verifier *verifier; /* NULL: there is no reception */
    struct smtp_body *body;
    struct slice server; /* our name */
    struct buf header;   /* as far as it has come */
    bool in_body;
    bool too_long;
};

/* For a new message, if its sender is a stranger. */
void smtp_reception_begin(struct smtp_session *session);
static inline bool smtp_reception_is(const struct smtp_reception *reception)
{
    return reception->verifier != NULL;
}
void smtp_reception_put(struct smtp_reception *reception, struct slice piece);
/* The message is whole. */
void smtp_reception_finish(struct smtp_reception *reception);
void smtp_reception_drop(struct smtp_reception *reception);
/* False: it is not taken, and the client has heard why. Results go into the envelope; their texts live in the
 * arena. */
bool smtp_reception_judge(struct smtp_session *session, struct arena *arena) MUST_CHECK;

#endif
