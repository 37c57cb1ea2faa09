#include "store/codec.h"

#include <pthread.h>
#include <stdbool.h>

#include "base/must.h"

struct codec_pool {
    pthread_mutex_t lock;
    struct codec *idle;
    unsigned count;
    unsigned lent;
    int level;
    _Atomic uint64_t unpacked;
};

static void codec_free(struct codec *codec)
{
    if (codec == NULL)
        return;
    ZSTD_freeCCtx(codec->compress);
    ZSTD_freeDCtx(codec->decompress);
    free(codec->in);
    free(codec->scratch);
    free(codec);
}

static struct codec *codec_new(int level)
{
    struct codec *codec = calloc(1, sizeof(*codec));
    if (codec == NULL)
        return NULL;
    codec->compress = ZSTD_createCCtx();
    codec->decompress = ZSTD_createDCtx();
    codec->in = malloc(CODEC_CHUNK);
    codec->scratch = malloc(CODEC_SCRATCH);
    bool ready =
        codec->compress != NULL && codec->decompress != NULL && codec->in != NULL && codec->scratch != NULL &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(codec->compress, ZSTD_c_compressionLevel, level)) &&
        !ZSTD_isError(ZSTD_DCtx_setParameter(codec->decompress, ZSTD_d_windowLogMax, CODEC_WINDOW_LOG_MAX));
    if (!ready) {
        codec_free(codec);
        return NULL;
    }
    return codec;
}

struct codec_pool *codec_pool_new(int level)
{
    struct codec_pool *pool = calloc(1, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    pool->level = level;
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void codec_pool_free(struct codec_pool *pool)
{
    if (pool == NULL)
        return;
    must(pool->lent == 0);
    while (pool->idle != NULL) {
        struct codec *codec = pool->idle;
        pool->idle = codec->next;
        codec_free(codec);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

struct codec *codec_take(struct codec_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct codec *codec = pool->idle;
    if (codec != NULL) {
        pool->idle = codec->next;
        pool->count--;
    }
    pool->lent++;
    pthread_mutex_unlock(&pool->lock);
    if (codec == NULL)
        codec = codec_new(pool->level);
    if (codec == NULL) {
        pthread_mutex_lock(&pool->lock);
        pool->lent--;
        pthread_mutex_unlock(&pool->lock);
    }
    return codec;
}

void codec_give(struct codec_pool *pool, struct codec *codec)
{
    if (codec == NULL)
        return;
    ZSTD_CCtx_reset(codec->compress, ZSTD_reset_session_only);
    ZSTD_DCtx_reset(codec->decompress, ZSTD_reset_session_only);
    pthread_mutex_lock(&pool->lock);
    must(pool->lent > 0);
    pool->lent--;
    bool keep = pool->count < CODEC_IDLE_MAX;
    if (keep) {
        codec->next = pool->idle;
        pool->idle = codec;
        pool->count++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!keep)
        codec_free(codec);
}

_Atomic uint64_t *codec_pool_unpacked(struct codec_pool *pool)
{
    return &pool->unpacked;
}
