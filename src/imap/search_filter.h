/*
 * Named searches that a person keeps on the server (RFC 5466).
 *
 * A filter is the value of the account's annotation "/private/filters/values/<name>", else of "/shared/...".
 * Where a search says FILTER, its keys stand in parentheses, so to speak: all of them must match.
 *
 * Ownership: keys live in the command's arena. Errors: call->reply says why. Threads: the session's. Limits:
 * the search's for keys, and IMAP_FILTER_PASSES_MAX.
 */
#ifndef POSTHORN_IMAP_SEARCH_FILTER_H
#define POSTHORN_IMAP_SEARCH_FILTER_H

#include "imap/session_internal.h"

enum { IMAP_FILTER_PASSES_MAX = 3 /* how deep filters may name others (RFC 5466 3.1) */ };
#define IMAP_FILTERS_PRIVATE "/private/filters/values/"
#define IMAP_FILTERS_SHARED "/shared/filters/values/"

/* Puts the filters' keys where the search names them. False: there is no such filter, or it is no search. */
bool imap_search_expand(struct imap_call *call, struct imap_search *search) MUST_CHECK;
/* A value can be a filter: it is one or more search keys and nothing else. */
bool imap_filter_valid(struct slice value) MUST_CHECK;

#endif
