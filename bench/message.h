/*
 * Messages that look like mail and are the same for the same seed and number: words from a vocabulary, so
 * that compression and search find what they find in text.
 *
 * Errors: out's sticky failure. Threads: any.
 */
#ifndef POSTHORN_BENCH_MESSAGE_H
#define POSTHORN_BENCH_MESSAGE_H

#include "base/buf.h"

struct message_kind {
    uint32_t seed;
    uint64_t size;      /* bytes, about */
    bool mixed;         /* of 8 messages, two have an HTML alternative and one an attachment */
    const char *sender; /* NUL-terminated addresses */
    const char *recipient;
};

/* One in this many messages has the word "needle" in its text. */
enum { MESSAGE_NEEDLE_EVERY = 1000 };

/* Header and body with CRLF; no line begins with a dot. */
void message_write(const struct message_kind *kind, uint64_t number, struct buf *out) NONNULL;

#endif
