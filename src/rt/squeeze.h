/*
 * A stream compressed both ways with raw DEFLATE (RFC 1951), as COMPRESS of IMAP has it (RFC 4978).
 *
 * What a stream that rests holds is little: the compressor is made anew for the next words, from the last
 * SQUEEZE_KEPT bytes it said; the decompressor too, where the peer ended on a whole byte between two blocks
 * (any flush of zlib's but Z_PARTIAL_FLUSH does), from the up to 32 KB that the peer may refer to.
 *
 *   RESTING --put, take--> AWAKE --rest--> RESTING
 *
 * Ownership: squeeze_free. Errors: as enum io. Threads: one at a time. Limits: what is taken at once is the
 * caller's; nothing is read ahead of it but zlib's own window.
 */
#ifndef POSTHORN_RT_SQUEEZE_H
#define POSTHORN_RT_SQUEEZE_H

#include "base/buf.h"
#include "rt/tls_stream.h"

enum { SQUEEZE_KEPT = 2048 };

struct squeeze;

struct squeeze *squeeze_new(void);    /* NULL: no memory */
void squeeze_free(struct squeeze *s); /* NULL is fine */
/* Compresses the text behind what is in out, so that the peer can read all of it now. False: out of memory,
 * and the stream is of no use any more. */
bool squeeze_put(struct squeeze *s, struct buf *out, struct slice text) NONNULL MUST_CHECK;
/*
 * Decompresses, up to n bytes to `to`. IO_DONE: some came, perhaps there are more; IO_WANT_INPUT: all of `in`
 * is used up and gave nothing more; IO_END: the peer has ended its stream, what is not used lies behind it;
 * IO_FAILED: it is no DEFLATE, or there is no memory.
 */
enum io squeeze_take(struct squeeze *s, struct slice in, size_t *ret_used, char *to, size_t n,
                     size_t *ret_n) NONNULL MUST_CHECK;
/*
 * The peer ends its stream behind what was taken last: by a last block, or by the flush that ended its words
 * (an empty block up to a whole byte; Z_PARTIAL_FLUSH gives none). IO_DONE: it has, and what is not used lies
 * behind the stream; IO_WANT_INPUT: the rest of it must come; IO_FAILED: it goes on.
 */
enum io squeeze_end(struct squeeze *s, struct slice in, size_t *ret_used) NONNULL MUST_CHECK;
/* Nothing is under way: gives memory back. */
void squeeze_rest(struct squeeze *s) NONNULL;
/* For tests: bytes held, but for zlib's own. *ret_awake: zlib's states, 0 to 2. */
size_t squeeze_held(const struct squeeze *s, unsigned *ret_awake) NONNULL;

#endif
