/*
 * Appending records. A small one is put together in memory and written at once; a large one streams from the
 * caller's memory (often a mapping) through one chunk, its fixed part written last.
 */
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "store/pack_file.h"

enum { WRITE_PIECES = 2 };

/* One part of a record, in up to two pieces. */
struct part {
    struct slice pieces[WRITE_PIECES];
    uint64_t raw;
    uint64_t stored;
    bool zstd;
};

struct writer {
    int fd;
    uint64_t offset; /* where the next byte goes */
    crypto_generichash_state *hash;
    struct codec *codec;
};

/* zstd only where it saves an eighth. */
static bool pays(uint64_t raw, uint64_t stored)
{
    return stored <= raw - raw / 8 && stored < raw;
}

/* Bytes of the header, with its blank line; all when there is none. Lenient about bare LF. */
static size_t header_length(struct slice message)
{
    size_t line = 0;
    while (line < message.n) {
        const char *p = message.p + line;
        size_t left = message.n - line;
        if (p[0] == '\n')
            return line + 1;
        if (left >= 2 && p[0] == '\r' && p[1] == '\n')
            return line + 2;
        const char *end = memchr(p, '\n', left);
        if (end == NULL)
            return message.n;
        line = (size_t)(end - message.p) + 1;
    }
    return message.n;
}

static enum err write_bytes(struct writer *w, struct slice s, struct error *error)
{
    pack_hash_add(w->hash, s.p, s.n);
    enum err code = fd_pwrite_all(w->fd, s, w->offset, error);
    w->offset += s.n;
    return code;
}

static enum err fail_zstd(struct error *error, size_t result)
{
    return fail(error, ERR_NOMEM, NULL, "zstd: %s", ZSTD_getErrorName(result));
}

/* --- small records --- */

/* A part of at most CODEC_CHUNK bytes, to `out`, which has room for ZSTD_COMPRESSBOUND(CODEC_CHUNK). */
static void put_part(struct codec *codec, struct part *part, char *out)
{
    struct slice raw = part->pieces[0];
    if (raw.n == 0) {
        raw = part->pieces[1];
    } else if (part->pieces[1].n > 0) {
        memcpy(codec->in, raw.p, raw.n);
        memcpy(codec->in + raw.n, part->pieces[1].p, part->pieces[1].n);
        raw = slice_of(codec->in, (size_t)part->raw);
    }
    size_t n =
        raw.n > 0 ? ZSTD_compress2(codec->compress, out, ZSTD_COMPRESSBOUND(CODEC_CHUNK), raw.p, raw.n) : 0;
    part->zstd = !ZSTD_isError(n) && pays(raw.n, n);
    part->stored = part->zstd ? n : raw.n;
    if (!part->zstd && raw.n > 0)
        memcpy(out, raw.p, raw.n);
}

static void fixed_finish(struct pack_fixed *fixed, const struct part *header, const struct part *body)
{
    fixed->flags = (uint8_t)((header->zstd ? PACK_HEADER_ZSTD : 0) | (body->zstd ? PACK_BODY_ZSTD : 0));
    fixed->header_raw = header->raw;
    fixed->header_stored = header->stored;
    fixed->body_raw = body->raw;
    fixed->body_stored = body->stored;
}

static enum err append_small(struct packs *packs, struct codec *codec, struct pack_fixed *fixed,
                             struct part *header, struct part *body, struct error *error)
{
    char *out = codec->scratch;
    put_part(codec, header, out + PACK_FIXED);
    char *body_at = out + PACK_FIXED + header->stored;
    put_part(codec, body, body_at);
    fixed_finish(fixed, header, body);
    crypto_generichash_state hash;
    pack_hash_begin(&hash);
    pack_hash_add(&hash, body_at, body->stored);
    pack_hash_end(&hash, fixed->body_checksum);
    pack_fixed_encode(fixed, out);
    pack_hash_begin(&hash);
    pack_hash_add(&hash, out + PACK_FIXED, header->stored);
    pack_hash_add(&hash, out, PACK_CHECKED);
    pack_hash_end(&hash, fixed->checksum);
    memcpy(out + PACK_CHECKED, fixed->checksum, PACK_CHECKSUM);
    return fd_pwrite_all(packs->tail->fd, slice_of(out, (size_t)pack_fixed_length(fixed)), packs->end, error);
}

/* --- large records --- */

/* Whether zstd would pay, judged by the start of the longest piece. */
static bool part_promises(struct codec *codec, const struct part *part)
{
    struct slice sample = part->pieces[0].n > part->pieces[1].n ? part->pieces[0] : part->pieces[1];
    sample = slice_sub(sample, 0, CODEC_CHUNK);
    if (sample.n == 0)
        return false;
    size_t n = ZSTD_compress2(codec->compress, codec->scratch, CODEC_SCRATCH, sample.p, sample.n);
    return !ZSTD_isError(n) && pays(sample.n, n);
}

static enum err stream_plain(struct writer *w, struct slice s, struct error *error)
{
    /* In chunks, so that hashing and writing touch the same cached bytes. */
    while (s.n > 0) {
        struct slice chunk = slice_sub(s, 0, CODEC_CHUNK);
        enum err code = write_bytes(w, chunk, error);
        if (code != ERR_OK)
            return code;
        s = slice_from(s, chunk.n);
    }
    return ERR_OK;
}

static enum err stream_zstd(struct writer *w, struct slice s, bool last, struct error *error)
{
    ZSTD_inBuffer in = {.src = s.n > 0 ? s.p : "", .size = s.n};
    for (;;) {
        ZSTD_outBuffer out = {.dst = w->codec->scratch, .size = CODEC_SCRATCH};
        size_t left =
            ZSTD_compressStream2(w->codec->compress, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return fail_zstd(error, left);
        enum err code = write_bytes(w, slice_of(w->codec->scratch, out.pos), error);
        if (code != ERR_OK)
            return code;
        if (last ? left == 0 : in.pos == in.size)
            return ERR_OK;
    }
}

static enum err stream_part(struct writer *w, struct part *part, struct error *error)
{
    uint64_t start = w->offset;
    enum err code = ERR_OK;
    if (part->zstd)
        ZSTD_CCtx_setPledgedSrcSize(w->codec->compress, part->raw);
    for (int i = 0; code == ERR_OK && i < WRITE_PIECES; i++)
        code = part->zstd ? stream_zstd(w, part->pieces[i], i == WRITE_PIECES - 1, error)
                          : stream_plain(w, part->pieces[i], error);
    part->stored = w->offset - start;
    return code;
}

static enum err append_large(struct packs *packs, struct codec *codec, struct pack_fixed *fixed,
                             struct part *header, struct part *body, struct error *error)
{
    crypto_generichash_state hash;
    crypto_generichash_state header_hash;
    struct writer w = {.fd = packs->tail->fd, .offset = packs->end + PACK_FIXED, .codec = codec};
    body->zstd = part_promises(codec, body);
    /* A large body stored as it is can be mapped together with its header, if that is stored so too. */
    header->zstd = (body->zstd || body->raw <= CODEC_CHUNK) && part_promises(codec, header);
    pack_hash_begin(&header_hash);
    w.hash = &header_hash;
    enum err code = stream_part(&w, header, error);
    if (code != ERR_OK)
        return code;
    pack_hash_begin(&hash);
    w.hash = &hash;
    code = stream_part(&w, body, error);
    if (code != ERR_OK)
        return code;
    fixed_finish(fixed, header, body);
    pack_hash_end(&hash, fixed->body_checksum);
    char bytes[PACK_FIXED];
    pack_fixed_encode(fixed, bytes);
    pack_hash_add(&header_hash, bytes, PACK_CHECKED);
    pack_hash_end(&header_hash, fixed->checksum);
    pack_fixed_encode(fixed, bytes);
    return fd_pwrite_all(packs->tail->fd, slice_of(bytes, sizeof(bytes)), packs->end, error);
}

/* --- both --- */

/* Makes sure of a pack with room for `most` bytes; a record larger than a pack gets one to itself. */
static enum err tail_ready(struct packs *packs, uint64_t most, struct error *error)
{
    if (packs->broken)
        return fail(error, ERR_IO, NULL, "packs: an earlier sync failed");
    if (packs->tail != NULL && !packs->turn && (packs->end == 0 || packs->end + most <= PACK_SIZE_MAX))
        return ERR_OK;
    return packs_tail_new(packs, error);
}

static void tail_grew(struct packs *packs, uint64_t length, struct pack_place *ret_place)
{
    pthread_mutex_lock(&packs->lock);
    *ret_place = (struct pack_place){.pack = packs->tail->number, .offset = packs->end, .length = length};
    packs->end += length;
    pthread_mutex_unlock(&packs->lock);
}

/* What a failed append left behind the end is written over by the next, or cut off at the next open. */
static void tail_cut(struct packs *packs)
{
    if (ftruncate(packs->tail->fd, (off_t)packs->end) < 0)
        return;
}

enum err packs_append(struct packs *packs, const struct pack_record *record, struct pack_place *ret_place,
                      struct error *error)
{
    must(record->object.v != 0);
    if (record->prefix.n > PACK_MESSAGE_MAX || record->body.n > PACK_MESSAGE_MAX - record->prefix.n)
        return fail(error, ERR_LIMIT, "the message is too large", "more than %llu bytes",
                    (unsigned long long)PACK_MESSAGE_MAX);
    size_t n = header_length(record->body);
    struct part header = {.pieces = {record->prefix, slice_sub(record->body, 0, n)},
                          .raw = record->prefix.n + n};
    struct part body = {.pieces = {slice_from(record->body, n)}, .raw = record->body.n - n};
    struct pack_fixed fixed = {.account = packs->account,
                               .object = record->object,
                               .folder = record->folder,
                               .uid = record->uid,
                               .internal_date_us = record->internal_date_us};
    enum err code = tail_ready(packs, PACK_FIXED + header.raw + body.raw, error);
    if (code != ERR_OK)
        return code;
    struct codec *codec = codec_take(volume_codecs(packs->volume));
    if (codec == NULL)
        return fail_nomem(error);
    if (header.raw <= CODEC_CHUNK && body.raw <= CODEC_CHUNK)
        code = append_small(packs, codec, &fixed, &header, &body, error);
    else
        code = append_large(packs, codec, &fixed, &header, &body, error);
    codec_give(volume_codecs(packs->volume), codec);
    if (code != ERR_OK) {
        tail_cut(packs);
        return error_context(error, "append to pack %u", packs->tail->number);
    }
    tail_grew(packs, pack_fixed_length(&fixed), ret_place);
    return ERR_OK;
}

static enum err record_copy(struct packs *packs, struct codec *codec, const struct pack_file *file,
                            struct pack_place from, struct error *error)
{
    uint64_t at = from.offset;
    uint64_t to = packs->end;
    uint64_t left = from.length;
    while (left > 0) {
        size_t n = (size_t)MIN(left, (uint64_t)CODEC_CHUNK);
        enum err code = fd_pread_exact(file->fd, codec->in, n, at, error);
        if (code == ERR_OK)
            code = fd_pwrite_all(packs->tail->fd, slice_of(codec->in, n), to, error);
        if (code != ERR_OK)
            return code;
        at += n;
        to += n;
        left -= n;
    }
    return ERR_OK;
}

enum err packs_move(struct packs *packs, struct pack_place from, struct object_id object,
                    struct pack_place *ret_place, struct error *error)
{
    enum err code = packs_verify(packs, from, object, error);
    if (code != ERR_OK)
        return code;
    code = tail_ready(packs, from.length, error);
    if (code != ERR_OK)
        return code;
    struct pack_file *file = NULL;
    code = pack_file_hold(packs, from.pack, &file, error);
    if (code != ERR_OK)
        return code;
    struct codec *codec = codec_take(volume_codecs(packs->volume));
    code = codec != NULL ? record_copy(packs, codec, file, from, error) : fail_nomem(error);
    codec_give(volume_codecs(packs->volume), codec);
    pack_file_release(packs, file);
    if (code != ERR_OK) {
        tail_cut(packs);
        return error_context(error, "move from pack %u offset %llu", from.pack,
                             (unsigned long long)from.offset);
    }
    tail_grew(packs, from.length, ret_place);
    return ERR_OK;
}
