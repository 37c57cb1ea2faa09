/*
 * :matches (RFC 5228 2.7.1): "*" and "?" in a pattern. Of this room only.
 *
 * Wildcards take as little as possible (RFC 5229 3.2). A character is a byte, or with i;unicode-casemap a
 * code point. Time: at most the pattern's length times the value's; *ret_steps says how much it was.
 */
#ifndef POSTHORN_SIEVE_WILDCARD_H
#define POSTHORN_SIEVE_WILDCARD_H

#include "base/arena.h"
#include "sieve/comparator.h"

struct wildcard_span {
    size_t at; /* in the value, as it was before folding */
    size_t n;
};

struct wildcard_result {
    bool matched;
    size_t count; /* wildcards in the pattern, at most the room given */
    int64_t steps;
};

/* spans: what each wildcard took, in their order. steps_max: give up there, unmatched. False: the arena is
 * full. */
bool wildcard_match(struct arena *arena, enum comparator comparator, struct slice pattern, struct slice value,
                    int64_t steps_max, struct wildcard_span *spans, size_t spans_max,
                    struct wildcard_result *ret) NONNULL MUST_CHECK;

#endif
