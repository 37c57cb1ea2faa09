/*
 * Searches whose results the client is kept informed about: RETURN (UPDATE) (RFC 5267 4.3).
 *
 * A context keeps the text of its command and the UIDs of its result. When something happened in the mailbox,
 * the command is read anew and asked only about the messages concerned; what it says now is compared with the
 * result, and the difference told. Message numbers in the command mean what they meant when it came.
 *
 * Ownership: contexts belong to the session and end with its view. Errors: a context that can't be kept ends
 * with NO [NOUPDATE]. Threads: the session's. Limits: below.
 */
#ifndef POSTHORN_IMAP_SEARCH_CONTEXT_H
#define POSTHORN_IMAP_SEARCH_CONTEXT_H

#include "imap/search_answer.h"

enum {
    IMAP_CONTEXTS_MAX = 20,                     /* of a session */
    IMAP_CONTEXT_ARENA_MAX = 16 * 1024 * 1024,  /* bytes of one command's text and sets */
    IMAP_CONTEXTS_SORTED_MAX = 4 * 1024 * 1024, /* results of all sorted contexts of a session */
};

/* Before the search runs. False: its tag is in use, the reply says so. */
bool imap_context_allowed(struct imap_call *call, const struct imap_search *search) MUST_CHECK;
/* After it ran and before "$" changes: begins what UPDATE asks for, with this result. */
void imap_context_begin(struct imap_call *call, const struct imap_search *search,
                        const struct imap_order *uids);
/* False: there is none with this tag. */
bool imap_context_end(struct imap_session *s, struct slice tag);
/* Those told in message numbers, as none may be told any longer. */
void imap_contexts_end_numbers(struct imap_session *s);
void imap_contexts_release(struct imap_session *s);

/* Before EXPUNGE or VANISHED tells of what is gone. */
void imap_contexts_removed(struct imap_call *call, const struct view_changes *changes);
/* After all else was told. concerned: what came, or whose flags changed; arrived: those that came; moved:
 * numbers came or went. */
void imap_contexts_changed(struct imap_call *call, const struct uid_set *concerned,
                           const struct uid_set *arrived, bool moved);

#endif
