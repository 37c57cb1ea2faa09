/*
 * How many messages one command may work on, where the settings limit that (RFC 9738).
 *
 * `imap-message-limit` is for all commands that name messages, `imap-save-limit` for COPY and APPEND alone.
 * What can be cut is: the latest messages are worked on, from the last to the first, and the driver tells up
 * to which (call->limited_from), so that the client can go on below. What goes as a whole or not at all is
 * refused.
 *
 * Ownership: none. Errors: call->reply says why. Threads: the session's. Limits: the settings'.
 */
#ifndef POSTHORN_IMAP_MESSAGE_LIMIT_H
#define POSTHORN_IMAP_MESSAGE_LIMIT_H

#include "imap/session_internal.h"

/* 0: any number. */
uint32_t imap_message_limit(const struct imap_session *s) MUST_CHECK;
/* Of COPY and APPEND. */
uint32_t imap_save_limit(const struct imap_session *s) MUST_CHECK;

/* Leaves of `uids` the latest messages that a command may work on. */
bool imap_limit_uids(struct imap_call *call, uint32_t limit, struct uid_set *uids) MUST_CHECK;
/* False: it is more, and the reply is NO [MESSAGELIMIT 1000]. */
bool imap_limit_allows(struct imap_call *call, uint32_t limit, uint64_t count) MUST_CHECK;
/* A command that goes as a whole: what imap_limit_uids has cut is refused, NO [MESSAGELIMIT 1000 20001]. */
bool imap_limit_uncut(struct imap_call *call, uint32_t limit) MUST_CHECK;
/* As the command ends: [MESSAGELIMIT 1000 23221] in the reply, or before it where it has another code. */
void imap_limit_tell(struct imap_call *call);

#endif
