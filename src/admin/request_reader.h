/*
 * A reader of one request: a line of JSON, and the bytes that follow it when a number stands at its end.
 *
 * Ownership: the reader owns both, valid while the session's `ready` runs; request_reader_release. Limits:
 * ADMIN_REQUEST_MAX, ADMIN_ATTACHED_MAX (READER_FAILED).
 */
#ifndef POSTHORN_ADMIN_REQUEST_READER_H
#define POSTHORN_ADMIN_REQUEST_READER_H

#include "rt/line_reader.h"

struct request_reader {
    struct reader reader;
    struct line_reader line;
    struct slice request; /* the line without the number */
    struct buf attached;
    uint64_t awaited;  /* bytes still to come */
    bool line_is_read; /* the line has come, the bytes have not */
};

void request_reader_init(struct request_reader *r);
void request_reader_release(struct request_reader *r);
static inline struct slice request_reader_line(const struct request_reader *r)
{
    return r->request;
}
static inline struct slice request_reader_attached(const struct request_reader *r)
{
    return buf_slice(&r->attached);
}
/* Cuts `{...} 4711` into the object and the number; without one it is 0. False: a number that is too large.
 */
bool request_split(struct slice line, struct slice *ret_request, uint64_t *ret_attached) MUST_CHECK;

#endif
