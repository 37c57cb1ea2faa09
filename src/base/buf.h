/*
 * A growable run of bytes with a hard cap.
 *
 * Ownership: the buf owns its bytes; buf_release frees them. buf_slice borrows until the next write.
 * Errors: sticky. A write that finds no memory or would pass `max` marks the buf as failed and changes
 * nothing; every later write does nothing. Whoever uses the result asks buf_failed once, at the end, and
 * buf_no_memory before a peer is told: what is too long stays refused, lack of memory passes.
 * Threads: one at a time.
 */
#ifndef POSTHORN_BASE_BUF_H
#define POSTHORN_BASE_BUF_H

#include <stdarg.h>

#include "base/slice.h"

struct buf {
    char *p;
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated, but for one that buf_cstr needs */
    size_t max; /* hard cap */
    bool failed;
    bool full; /* it failed because of max */
};

/* An empty buf that may grow to max bytes; allocates nothing yet. */
#define BUF(max_bytes) ((struct buf){.max = (max_bytes)})

void buf_release(struct buf *b) NONNULL;
/* Empties it and clears a failure; keeps the memory. */
void buf_clear(struct buf *b) NONNULL;
static inline bool buf_failed(const struct buf *b)
{
    return b->failed;
}
/* As a write that found no memory: also for who writes into it by way of memory of his own. */
static inline void buf_fail_nomem(struct buf *b)
{
    b->failed = true;
}
static inline bool buf_no_memory(const struct buf *b)
{
    return b->failed && !b->full;
}
static inline struct slice buf_slice(const struct buf *b)
{
    return slice_of(b->p, b->n);
}

void buf_put(struct buf *b, struct slice s) NONNULL;
void buf_putc(struct buf *b, char c) NONNULL;
void buf_put_u64(struct buf *b, uint64_t value) NONNULL; /* decimal */
void buf_printf(struct buf *b, const char *format, ...) FORMAT(2, 3) NONNULL;
void buf_vprintf(struct buf *b, const char *format, va_list args) FORMAT(2, 0);
/* Room for n more bytes to be written by the caller at the returned place, then counted with buf_grew. NULL:
 * failed. */
char *buf_reserve(struct buf *b, size_t n) NONNULL MUST_CHECK;
void buf_grew(struct buf *b, size_t n) NONNULL;
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n) NONNULL;
/* NUL-terminates (not counted) and gives the text; NULL when failed. Borrowed. */
const char *buf_cstr(struct buf *b) NONNULL;

#endif
