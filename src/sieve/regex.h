/*
 * Regular expressions (draft-murchison-sieve-regex: those of POSIX, extended), in time that a stranger can't
 * blow up.
 *
 * Purpose: an automaton whose states are all followed at once, so that a text costs at most its length times
 * the pattern's. No back-references, which can't be had that way. Of all matches the leftmost is taken, and
 * of these the longest; within it, groups take as a greedy matcher would. Characters are code points; bytes
 * that are no UTF-8 stand each for themselves. Ownership: a regex lives in the arena it was compiled into.
 * Errors: regex_compile says what is wrong. Threads: any. Limits: REGEX_SIZE_MAX steps of the automaton,
 * REGEX_DEPTH_MAX groups in each other, REGEX_REPEAT_MAX.
 */
#ifndef POSTHORN_SIEVE_REGEX_H
#define POSTHORN_SIEVE_REGEX_H

#include "base/arena.h"
#include "sieve/wildcard.h"

enum { REGEX_SIZE_MAX = 4000, REGEX_DEPTH_MAX = 20, REGEX_REPEAT_MAX = 255, REGEX_GROUPS = 32 };

struct regex;

/* NULL: *ret is set; else what is wrong. fold: ASCII letters match in either case. */
const char *regex_compile(struct arena *arena, struct slice pattern, bool fold,
                          struct regex **ret) NONNULL MUST_CHECK;

struct regex_result {
    bool matched;
    size_t count; /* groups, the whole match being the first */
    int64_t steps;
};

/* spans: REGEX_GROUPS of them; a group that took no part is empty. steps_max: give up there, unmatched.
 * False: the arena is full. */
bool regex_match(struct arena *arena, const struct regex *regex, struct slice text, int64_t steps_max,
                 struct wildcard_span *spans, struct regex_result *ret) NONNULL MUST_CHECK;

/* The text so that it matches only itself. */
void regex_quote(struct buf *out, struct slice text) NONNULL;

#endif
