/*
 * What the account's index says of a search before any message is looked at (store/search_index.h).
 *
 * Every text of at least SEARCH_NEEDLE_MIN bytes is asked for; its key remembers what may match, so that the
 * matcher answers for most messages from their row. Where the whole search can match few messages only, the
 * others are not even listed. Ownership: the keys' hits, given back by imap_search_release. Errors: none;
 * without an answer every message is looked at. Threads: the session's.
 */
#ifndef POSTHORN_IMAP_SEARCH_NARROW_H
#define POSTHORN_IMAP_SEARCH_NARROW_H

#include "imap/session_internal.h"

enum { IMAP_NARROW_MIN = 8 /* messages; fewer are looked at sooner than the index */ };

/* Takes out of `uids` what can't match. */
void imap_search_narrow(struct imap_call *call, struct imap_search *search, struct uid_set *uids);

#endif
