/*
 * "Did you mean": the known word nearest to a misspelt one.
 *
 * Errors: none. Threads: any. Limits: words above SPELLING_WORD_MAX bytes are near to nothing.
 */
#ifndef POSTHORN_BASE_SPELLING_H
#define POSTHORN_BASE_SPELLING_H

#include "base/slice.h"

enum { SPELLING_WORD_MAX = 32 };

/* The nearest so far; zeroed to start. */
struct spelling {
    const char *nearest; /* NULL: nothing is near */
    unsigned distance;
};

/* How many letters must be put in, left out, changed or swapped with a neighbour to make b of a. */
unsigned spelling_distance(struct slice a, struct slice b) MUST_CHECK;
/* Remembers `known` if it is nearer to `word` than what was offered before, and near enough at all. */
void spelling_offer(struct spelling *spelling, struct slice word, const char *known) NONNULL;

#endif
