/*
 * One question to a server: would it take mail for this address? MAIL FROM:<>, RCPT, and no message (RFC 5321
 * has no better verb: VRFY is answered 252 or not at all).
 *
 * Errors: as client_open, when nobody was there or the session broke. Threads: any.
 */
#ifndef POSTHORN_SEND_ASK_H
#define POSTHORN_SEND_ASK_H

#include "link/callout.h"
#include "send/client.h"

/* Over an open session. CALLOUT_UNKNOWN: 4xx, 552 (RFC 5321 4.5.3.1.10), or no word about the address. */
enum err ask_recipient(struct client *client, struct slice address, enum callout_answer *ret_answer,
                       struct error *error) MUST_CHECK;

#endif
