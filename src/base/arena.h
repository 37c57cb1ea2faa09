/*
 * Memory that is given back all at once: one arena per command or per message.
 *
 * Ownership: what arena_alloc gives lives until arena_reset or arena_release.
 * Errors: past the hard cap, or with no memory, NULL; arena_failed stays true until reset. So a command
 * that asks too much fails, not the process.
 * Threads: one at a time.
 */
#ifndef POSTHORN_BASE_ARENA_H
#define POSTHORN_BASE_ARENA_H

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    char *at;                   /* next free byte of the newest */
    size_t left;                /* bytes left there */
    size_t used;                /* bytes of all blocks */
    size_t cap;                 /* hard cap in bytes */
    bool failed;
};

/* Allocates nothing yet. */
#define ARENA(cap_bytes) ((struct arena){.cap = (cap_bytes)})

void arena_release(struct arena *a) NONNULL;
/* Forgets all; keeps one block for the next command. */
void arena_reset(struct arena *a) NONNULL;
/* n zeroed bytes, aligned for anything. */
void *arena_alloc(struct arena *a, size_t n) NONNULL MUST_CHECK;
/* count * size zeroed bytes, NULL on overflow. */
void *arena_array(struct arena *a, size_t count, size_t size) NONNULL MUST_CHECK;
/* A NUL-terminated copy (n does not count the NUL). p is NULL on failure. */
struct slice arena_dup(struct arena *a, struct slice s) NONNULL MUST_CHECK;
static inline bool arena_failed(const struct arena *a)
{
    return a->failed;
}

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))

#endif
