/*
 * Comparators (RFC 4790, 5051): how two strings compare. Of this room only.
 *
 * Ownership: keys are put into the caller's buf, or borrow. Errors: the buf's own. Threads: any.
 */
#ifndef POSTHORN_SIEVE_COMPARATOR_H
#define POSTHORN_SIEVE_COMPARATOR_H

#include "sieve/extension.h"

/* X(enumerator, name, extension that brings it) */
/* clang-format off */
#define COMPARATOR_TABLE(X) \
    X(OCTET, "i;octet", COMPARATOR_OCTET) \
    X(CASEMAP, "i;ascii-casemap", COMPARATOR_CASEMAP) \
    X(NUMERIC, "i;ascii-numeric", COMPARATOR_NUMERIC) \
    X(UNICODE, "i;unicode-casemap", COMPARATOR_UNICODE)
/* clang-format on */

enum comparator {
#define X(name, text, extension) COMPARATOR_##name,
    COMPARATOR_TABLE(X)
#undef X
};

bool comparator_find(struct slice name, enum comparator *ret,
                     enum sieve_extension *ret_extension) NONNULL MUST_CHECK;
/* It knows substrings: :contains and :matches (RFC 4790 9.1.1: i;ascii-numeric does not). */
static inline bool comparator_has_substrings(enum comparator comparator)
{
    return comparator != COMPARATOR_NUMERIC;
}
/* What stands for the text in comparisons: two texts are equal when their keys are, and order as they do; but
 * for i;ascii-numeric, of which comparator_order takes the texts. In `out`, or the text itself. */
struct slice comparator_key(enum comparator comparator, struct slice text, struct buf *out) NONNULL;
/* Of keys: below, at or above zero. */
int comparator_order(enum comparator comparator, struct slice a, struct slice b);

#endif
