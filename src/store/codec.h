/*
 * Compression contexts, kept for reuse: making one costs more than compressing a small message with it.
 *
 * Ownership: codec_take lends one, codec_give returns it. Errors: NULL without memory. Threads: the pool any;
 * a codec belongs to whoever took it. Limits: CODEC_IDLE_MAX stay in the pool, about 1 MB each.
 */
#ifndef POSTHORN_STORE_CODEC_H
#define POSTHORN_STORE_CODEC_H

#include <zstd.h>

#include <stdatomic.h>
#include <stdint.h>

#include "base/attr.h"

enum {
    CODEC_IDLE_MAX = 8,
    CODEC_CHUNK = 64 * 1024, /* bytes handled at once */
    /* Room for a small record: two parts of a chunk each, compressed or not, and what stands before them. */
    CODEC_SCRATCH = 2 * ZSTD_COMPRESSBOUND(CODEC_CHUNK) + 4096,
    CODEC_WINDOW_LOG_MAX = 23, /* a record that asks for more memory than this was not written by us */
};

struct codec {
    ZSTD_CCtx *compress;
    ZSTD_DCtx *decompress;
    char *in;      /* CODEC_CHUNK bytes */
    char *scratch; /* CODEC_SCRATCH bytes */
    struct codec *next;
};
struct codec_pool;

struct codec_pool *codec_pool_new(int level) MUST_CHECK;
void codec_pool_free(struct codec_pool *pool);
struct codec *codec_take(struct codec_pool *pool) NONNULL MUST_CHECK;
void codec_give(struct codec_pool *pool, struct codec *codec);
/* Bytes of large messages that lie unpacked in memory now; kept by who unpacks them. */
_Atomic uint64_t *codec_pool_unpacked(struct codec_pool *pool) NONNULL;

#endif
