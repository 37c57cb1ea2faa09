/*
 * Reading records. Every byte given out was checked against its checksum before.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "store/pack_file.h"

enum { READ_HEADER_FIRST = 8192 }; /* holds the fixed part and the header of nearly every message */

static void discharge(struct packs *packs, size_t n)
{
    atomic_fetch_sub(&packs->unpacked, n);
    atomic_fetch_sub(codec_pool_unpacked(volume_codecs(packs->volume)), n);
}

static enum err charge(struct packs *packs, size_t n, struct error *error)
{
    uint64_t mine = atomic_fetch_add(&packs->unpacked, n);
    uint64_t all = atomic_fetch_add(codec_pool_unpacked(volume_codecs(packs->volume)), n);
    if ((mine == 0 || mine + n <= PACKS_UNPACKED_MAX) && (all == 0 || all + n <= PACKS_UNPACKED_ALL_MAX))
        return ERR_OK;
    discharge(packs, n);
    return fail(error, ERR_LIMIT, "too much is being read at once; please try again",
                "%llu bytes of the account and %llu of all are unpacked", (unsigned long long)mine,
                (unsigned long long)all);
}

void content_release(struct content *content)
{
    if (content->owner_n > 0)
        munmap(content->owner, content->owner_n);
    else
        free(content->owner);
    if (content->charged != NULL)
        discharge(content->charged, content->owner_n);
    *content = (struct content){0};
}

/* What one packs_read works with. */
struct reader {
    struct packs *packs;
    struct pack_file *file;
    struct codec *codec;
    struct pack_place place;
    struct pack_fixed fixed;
    bool whole;
    struct error *error;
};

static enum err fail_zstd(struct reader *r, const char *part)
{
    return fail(r->error, ERR_CORRUPT, NULL, "%s does not decompress to its length", part);
}

static enum err hash_same(struct reader *r, crypto_generichash_state *hash, const uint8_t *checksum,
                          const char *part)
{
    uint8_t found[PACK_CHECKSUM];
    pack_hash_end(hash, found);
    if (memcmp(found, checksum, PACK_CHECKSUM) != 0)
        return fail(r->error, ERR_CORRUPT, NULL, "%s does not match its checksum", part);
    return ERR_OK;
}

static uint64_t content_raw(const struct reader *r)
{
    return r->fixed.header_raw + (r->whole ? r->fixed.body_raw : 0);
}

static void content_set(struct reader *r, char *bytes, void *owner, size_t owner_n,
                        struct content *ret_content)
{
    *ret_content = (struct content){.whole = slice_of(bytes, (size_t)content_raw(r)),
                                    .header_n = (size_t)r->fixed.header_raw,
                                    .owner = owner,
                                    .owner_n = owner_n};
}

/* --- small: the record is in the codec's scratch --- */

static enum err unpack_small(struct reader *r, const char *stored, uint64_t stored_n, bool zstd, char *out,
                             uint64_t raw, const char *part)
{
    if (!zstd) {
        memcpy(out, stored, stored_n);
        return ERR_OK;
    }
    size_t n = ZSTD_decompressDCtx(r->codec->decompress, out, raw, stored, stored_n);
    return !ZSTD_isError(n) && n == raw ? ERR_OK : fail_zstd(r, part);
}

static enum err small_checked(struct reader *r, const char *bytes)
{
    const struct pack_fixed *fixed = &r->fixed;
    crypto_generichash_state hash;
    pack_hash_begin(&hash);
    pack_hash_add(&hash, bytes + PACK_FIXED, fixed->header_stored);
    pack_hash_add(&hash, bytes, PACK_CHECKED);
    enum err code = hash_same(r, &hash, fixed->checksum, "header");
    if (code != ERR_OK || !r->whole)
        return code;
    pack_hash_begin(&hash);
    pack_hash_add(&hash, bytes + PACK_FIXED + fixed->header_stored, fixed->body_stored);
    return hash_same(r, &hash, fixed->body_checksum, "body");
}

static enum err read_small(struct reader *r, uint64_t needed, uint64_t have, struct content *ret_content)
{
    char *bytes = r->codec->scratch;
    const struct pack_fixed *fixed = &r->fixed;
    enum err code = ERR_OK;
    if (needed > have)
        code = fd_pread_exact(r->file->fd, bytes + have, needed - have, r->place.offset + have, r->error);
    if (code == ERR_OK)
        code = small_checked(r, bytes);
    if (code != ERR_OK)
        return code;
    char *out = malloc(content_raw(r) + 1);
    if (out == NULL)
        return fail_nomem(r->error);
    code = unpack_small(r, bytes + PACK_FIXED, fixed->header_stored, fixed->flags & PACK_HEADER_ZSTD, out,
                        fixed->header_raw, "header");
    if (code == ERR_OK && r->whole)
        code = unpack_small(r, bytes + PACK_FIXED + fixed->header_stored, fixed->body_stored,
                            fixed->flags & PACK_BODY_ZSTD, out + fixed->header_raw, fixed->body_raw, "body");
    if (code != ERR_OK) {
        free(out);
        return code;
    }
    content_set(r, out, out, 0, ret_content);
    return ERR_OK;
}

/* --- large --- */

/* One part from the file into out, by chunks; what is read is hashed. */
static enum err unpack_large(struct reader *r, uint64_t offset, uint64_t stored, bool zstd, char *out,
                             uint64_t raw, crypto_generichash_state *hash, const char *part)
{
    ZSTD_outBuffer to = {.dst = out, .size = raw};
    size_t pending = 1; /* what zstd still wants: 0 when the frame is complete */
    while (stored > 0) {
        size_t n = (size_t)MIN(stored, (uint64_t)CODEC_CHUNK);
        char *at = zstd ? r->codec->in : out;
        enum err code = fd_pread_exact(r->file->fd, at, n, offset, r->error);
        if (code != ERR_OK)
            return code;
        pack_hash_add(hash, at, n);
        offset += n;
        stored -= n;
        if (!zstd) {
            out += n;
            continue;
        }
        ZSTD_inBuffer from = {.src = at, .size = n};
        while (from.pos < from.size) {
            size_t before = from.pos + to.pos;
            pending = ZSTD_decompressStream(r->codec->decompress, &to, &from);
            if (ZSTD_isError(pending) || from.pos + to.pos == before)
                return fail_zstd(r, part);
        }
    }
    if (zstd && (pending != 0 || to.pos != raw))
        return fail_zstd(r, part);
    return ERR_OK;
}

/* Verified by reading, so that a bad sector is an error here and not a signal at the mapping. */
static enum err read_mapped(struct reader *r, struct content *ret_content)
{
    enum err code = pack_record_check(r->file, r->codec, r->place.offset, &r->fixed, r->whole, r->error);
    if (code != ERR_OK)
        return code;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t start = (r->place.offset + PACK_FIXED) / page * page;
    size_t before = (size_t)(r->place.offset + PACK_FIXED - start);
    size_t n = before + (size_t)content_raw(r);
    char *map = mmap(NULL, n, PROT_READ, MAP_PRIVATE, r->file->fd, (off_t)start);
    if (map == MAP_FAILED)
        return fail_errno(r->error, "map");
    content_set(r, map + before, map, n, ret_content);
    return ERR_OK;
}

static enum err unpack(struct reader *r, struct content *ret_content)
{
    const struct pack_fixed *fixed = &r->fixed;
    size_t n = (size_t)content_raw(r);
    char *out = mmap(NULL, n + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (out == MAP_FAILED)
        return fail_errno(r->error, "map");
    char bytes[PACK_FIXED];
    uint64_t at = r->place.offset + PACK_FIXED;
    crypto_generichash_state hash;
    pack_hash_begin(&hash);
    enum err code = unpack_large(r, at, fixed->header_stored, fixed->flags & PACK_HEADER_ZSTD, out,
                                 fixed->header_raw, &hash, "header");
    pack_fixed_encode(fixed, bytes);
    pack_hash_add(&hash, bytes, PACK_CHECKED);
    if (code == ERR_OK)
        code = hash_same(r, &hash, fixed->checksum, "header");
    if (code == ERR_OK && r->whole) {
        ZSTD_DCtx_reset(r->codec->decompress, ZSTD_reset_session_only);
        pack_hash_begin(&hash);
        code = unpack_large(r, at + fixed->header_stored, fixed->body_stored, fixed->flags & PACK_BODY_ZSTD,
                            out + fixed->header_raw, fixed->body_raw, &hash, "body");
        if (code == ERR_OK)
            code = hash_same(r, &hash, fixed->body_checksum, "body");
    }
    if (code != ERR_OK) {
        munmap(out, n + 1);
        return code;
    }
    content_set(r, out, out, n + 1, ret_content);
    return ERR_OK;
}

static enum err read_unpacked(struct reader *r, struct content *ret_content)
{
    size_t n = (size_t)content_raw(r) + 1; /* as unpack maps it */
    enum err code = charge(r->packs, n, r->error);
    if (code != ERR_OK)
        return code;
    code = unpack(r, ret_content);
    if (code == ERR_OK)
        ret_content->charged = r->packs;
    else
        discharge(r->packs, n);
    return code;
}

/* --- both --- */

static enum err record_read(struct reader *r, struct object_id object, struct content *ret_content)
{
    char *bytes = r->codec->scratch;
    uint64_t first = MIN(r->place.length, (uint64_t)(r->whole ? CODEC_SCRATCH : READ_HEADER_FIRST));
    if (r->place.length < PACK_FIXED)
        return fail(r->error, ERR_CORRUPT, NULL, "the place is too short for a record");
    enum err code = fd_pread_exact(r->file->fd, bytes, first, r->place.offset, r->error);
    if (code != ERR_OK)
        return code;
    code = pack_fixed_expect(r->packs, bytes, r->place, object, &r->fixed, r->error);
    if (code != ERR_OK)
        return code;
    uint64_t needed = r->whole ? r->place.length : PACK_FIXED + r->fixed.header_stored;
    /* A small compressed part may stand for a large one, which belongs on pages of its own. */
    if (needed <= CODEC_SCRATCH && content_raw(r) <= 2 * CODEC_SCRATCH)
        return read_small(r, needed, first, ret_content);
    bool plain = (r->fixed.flags & (r->whole ? PACK_HEADER_ZSTD | PACK_BODY_ZSTD : PACK_HEADER_ZSTD)) == 0;
    return plain ? read_mapped(r, ret_content) : read_unpacked(r, ret_content);
}

enum err packs_read(struct packs *packs, struct pack_place place, struct object_id object,
                    enum content_part part, struct content *ret_content, struct error *error)
{
    struct reader r = {.packs = packs, .place = place, .whole = part == CONTENT_WHOLE, .error = error};
    enum err code = pack_file_hold(packs, place.pack, &r.file, error);
    if (code != ERR_OK)
        return code;
    r.codec = codec_take(volume_codecs(packs->volume));
    code = r.codec != NULL ? record_read(&r, object, ret_content) : fail_nomem(error);
    codec_give(volume_codecs(packs->volume), r.codec);
    pack_file_release(packs, r.file);
    if (code != ERR_OK)
        return error_context(error, "pack %u offset %llu", place.pack, (unsigned long long)place.offset);
    return ERR_OK;
}

enum err packs_verify(struct packs *packs, struct pack_place place, struct object_id object,
                      struct error *error)
{
    struct pack_file *file = NULL;
    enum err code = pack_file_hold(packs, place.pack, &file, error);
    if (code != ERR_OK)
        return code;
    struct codec *codec = codec_take(volume_codecs(packs->volume));
    if (codec == NULL) {
        code = fail_nomem(error);
    } else {
        char bytes[PACK_FIXED];
        struct pack_fixed fixed;
        code = fd_pread_exact(file->fd, bytes, sizeof(bytes), place.offset, error);
        if (code == ERR_OK)
            code = pack_fixed_expect(packs, bytes, place, object, &fixed, error);
        if (code == ERR_OK)
            code = pack_record_check(file, codec, place.offset, &fixed, true, error);
    }
    codec_give(volume_codecs(packs->volume), codec);
    pack_file_release(packs, file);
    if (code != ERR_OK)
        return error_context(error, "pack %u offset %llu", place.pack, (unsigned long long)place.offset);
    return ERR_OK;
}
