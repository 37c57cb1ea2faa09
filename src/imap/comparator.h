/*
 * The comparators that a session can choose among (RFC 5255 4.7, RFC 4790).
 *
 * A comparator serves SEARCH, SORT and THREAD, so only those stand here that have substring, ordering and
 * equality; i;octet has them too, but must be allowed by the protocol (RFC 4790 9.3), which RFC 5255 does
 * not. Ownership: nothing is kept. Errors: none. Threads: any. Limits: IMAP_COMPARATOR_MAX bytes of a
 * pattern.
 */
#ifndef POSTHORN_IMAP_COMPARATOR_H
#define POSTHORN_IMAP_COMPARATOR_H

#include "mime/search_text.h"

enum { IMAP_COMPARATOR_MAX = 254 /* bytes of a pattern, RFC 4790 3.2 */ };

/* name, how texts are folded; the first is the default, and what a wildcard finds first. */
#define IMAP_COLLATION_TABLE(X)                 \
    X("i;unicode-casemap", MIME_SEARCH_CASEMAP) \
    X("i;ascii-casemap", MIME_SEARCH_ASCII)
enum {
#define X(name, way) +1
    IMAP_COLLATIONS = IMAP_COLLATION_TABLE(X)
#undef X
};

/* Zeroed: the default. */
struct imap_comparator {
    unsigned collation; /* its place in the table */
    bool descending;    /* RFC 4790 3.3, "-" */
};

const char *imap_collation_name(unsigned collation);
enum mime_search_way imap_comparator_way(struct imap_comparator comparator);
/* What a sort key of the store (mime/summary.h) is ordered by, as bytes. */
void imap_comparator_key(struct buf *out, struct imap_comparator comparator, struct slice sort_key);

/* It is a collation-order of RFC 4790 3.3: a name with wildcards, perhaps with a direction. */
bool imap_comparator_valid(struct slice pattern) MUST_CHECK;
/* The collations that the pattern matches, as bits; *ret_descending is what it says of the direction. */
unsigned imap_comparator_find(struct slice pattern, bool *ret_descending) MUST_CHECK;

#endif
