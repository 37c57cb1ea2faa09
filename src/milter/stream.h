/*
 * A connection to a milter: whole packets, with deadlines.
 *
 * Ownership: the stream owns its descriptor. Errors: ERR_TIMEOUT, ERR_CLOSED, ERR_INVALID for a packet beyond
 * MILTER_PACKET_MAX; after any, the stream is of no use. Threads: one at a time.
 */
#ifndef POSTHORN_MILTER_STREAM_H
#define POSTHORN_MILTER_STREAM_H

#include "base/error.h"
#include "milter/protocol.h"

struct milter_stream {
    int fd; /* -1: none */
    struct buf in;
    size_t used; /* bytes of `in` that were given out */
};

/* Takes fd. */
void milter_stream_init(struct milter_stream *stream, int fd);
void milter_stream_close(struct milter_stream *stream);
/* deadline: monotonic us. */
enum err milter_stream_send(struct milter_stream *stream, struct slice bytes, int64_t deadline_us,
                            struct error *error) MUST_CHECK;
/* *ret_data is borrowed until the next call. */
enum err milter_stream_receive(struct milter_stream *stream, int64_t deadline_us, char *ret_character,
                               struct slice *ret_data, struct error *error) MUST_CHECK;

#endif
