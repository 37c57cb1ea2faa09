/*
 * How far a long command has come, told from time to time (RFC 9585).
 *
 * Ownership: none. Errors: the buf's. Threads: one at a time. Limits: one line every IMAP_PROGRESS_US.
 */
#ifndef POSTHORN_IMAP_PROGRESS_H
#define POSTHORN_IMAP_PROGRESS_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/language.h"

#define IMAP_PROGRESS_US (10 * CLOCK_SECOND)
#define IMAP_PROGRESS_TEXT "Still at work"

struct imap_progress {
    uint64_t done; /* messages */
    uint64_t goal; /* 0: not known */
    int64_t due;   /* monotonic; 0: it has not begun */
    struct tongue tongue;
};

/* One more message is done. True: "* OK [INPROGRESS ("a1" 454 1000)] ..." was put and should go out now. */
bool imap_progress_step(struct imap_progress *progress, struct slice tag, struct buf *out) NONNULL;

#endif
