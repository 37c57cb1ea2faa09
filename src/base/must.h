/*
 * must(condition): an invariant of our own code, checked in release builds too. A broken one ends
 * the process, because going on could harm mail. Never for what a peer, a disk or a person said.
 */
#ifndef POSTHORN_BASE_MUST_H
#define POSTHORN_BASE_MUST_H

#include "base/attr.h"

void must_failed(const char *expression, const char *file, int line) NORETURN NONNULL;

#define must(condition)                                  \
    do {                                                 \
        if (__builtin_expect(!(condition), 0))           \
            must_failed(#condition, __FILE__, __LINE__); \
    } while (0)

#endif
