/*
 * The reader of a BDAT chunk (RFC 3030): so many bytes, as they are, into a sink. In text (not BINARYMIME)
 * bare CR and LF are remembered as in dot_reader.h; `last` carries a CR at the end of a chunk over to the
 * next.
 */
#ifndef POSTHORN_SMTP_CHUNK_READER_H
#define POSTHORN_SMTP_CHUNK_READER_H

#include "smtp/dot_reader.h"

struct chunk_reader {
    struct reader reader;
    uint64_t left;
    bool bare;
    char last;
    dot_sink_fn *sink;
    void *context;
};

/* For a new message. */
void chunk_reader_init(struct chunk_reader *r, dot_sink_fn *sink, void *context);
/* For its next chunk. */
static inline void chunk_reader_expect(struct chunk_reader *r, uint64_t size)
{
    r->left = size;
}

#endif
