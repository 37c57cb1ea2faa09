/*
 * A reader of one line: for SMTP, POP3, ManageSieve and the like.
 *
 * The line is given without its end. `bare_lf` says that it ended in LF alone, so that a protocol that must
 * can refuse it. READER_FAILED when more than `max` bytes came without an end; then the rest of the line is
 * skipped by the next feed, so that the session can answer "line too long" and go on.
 * Ownership: the reader owns the line; it is valid while the session's `ready` runs. line_reader_release
 * frees it.
 */
#ifndef POSTHORN_RT_LINE_READER_H
#define POSTHORN_RT_LINE_READER_H

#include "rt/conn.h"

struct line_reader {
    struct reader reader;
    struct buf line;
    size_t max;
    bool bare_lf;
    bool complete; /* line holds a finished one: the next feed starts anew */
    bool skipping; /* an overlong line's rest is being passed over */
};

void line_reader_init(struct line_reader *r, size_t max);
void line_reader_release(struct line_reader *r);
static inline struct slice line_reader_line(const struct line_reader *r)
{
    return buf_slice(&r->line);
}

#endif
