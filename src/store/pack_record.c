/*
 * The form of a record: its fixed part and its checksums.
 */
#include "base/fdio.h"
#include "base/must.h"
#include "base/wire.h"
#include "store/pack_file.h"

#define PACK_MAGIC UINT32_C(0x31524850) /* "PHR1" */

void pack_fixed_encode(const struct pack_fixed *fixed, char ret_bytes[static PACK_FIXED])
{
    /* A buf over the caller's bytes: it has room for exactly what is put, so it never grows. */
    struct buf out = {.p = ret_bytes, .cap = PACK_FIXED, .max = PACK_FIXED};
    wire_put_u32(&out, PACK_MAGIC);
    wire_put_u32(&out, fixed->flags);
    wire_put_u64(&out, fixed->account.v);
    wire_put_u64(&out, fixed->object.v);
    wire_put_u64(&out, fixed->folder.v);
    wire_put_u32(&out, fixed->uid.v);
    wire_put_u32(&out, 0);
    wire_put_u64(&out, (uint64_t)fixed->internal_date_us);
    wire_put_u64(&out, fixed->header_raw);
    wire_put_u64(&out, fixed->header_stored);
    wire_put_u64(&out, fixed->body_raw);
    wire_put_u64(&out, fixed->body_stored);
    buf_put(&out, slice_of(fixed->body_checksum, PACK_CHECKSUM));
    buf_put(&out, slice_of(fixed->checksum, PACK_CHECKSUM));
    must(!out.failed && out.n == PACK_FIXED && out.p == ret_bytes);
}

/* A part as packs_append writes it: raw and stored lengths agree unless compressed, and then it saved some.
 */
static bool part_possible(uint64_t raw, uint64_t stored, bool zstd)
{
    if (raw > PACK_MESSAGE_MAX)
        return false;
    return zstd ? stored > 0 && stored <= ZSTD_COMPRESSBOUND(PACK_MESSAGE_MAX) : stored == raw;
}

bool pack_fixed_decode(const char bytes[static PACK_FIXED], struct account_id account,
                       struct pack_fixed *ret_fixed)
{
    struct wire_reader in = wire_reader_of(slice_of(bytes, PACK_FIXED));
    uint32_t magic = wire_get_u32(&in);
    uint32_t flags = wire_get_u32(&in);
    struct pack_fixed fixed = {.flags = (uint8_t)flags};
    fixed.account.v = wire_get_u64(&in);
    fixed.object.v = wire_get_u64(&in);
    fixed.folder.v = wire_get_u64(&in);
    fixed.uid.v = wire_get_u32(&in);
    uint32_t reserved = wire_get_u32(&in);
    fixed.internal_date_us = (int64_t)wire_get_u64(&in);
    fixed.header_raw = wire_get_u64(&in);
    fixed.header_stored = wire_get_u64(&in);
    fixed.body_raw = wire_get_u64(&in);
    fixed.body_stored = wire_get_u64(&in);
    must(wire_ok(&in));
    memcpy(fixed.body_checksum, bytes + PACK_CHECKED - PACK_CHECKSUM, PACK_CHECKSUM);
    memcpy(fixed.checksum, bytes + PACK_CHECKED, PACK_CHECKSUM);
    if (magic != PACK_MAGIC || flags > (PACK_HEADER_ZSTD | PACK_BODY_ZSTD) || reserved != 0)
        return false;
    if (fixed.account.v != account.v)
        return false;
    if (!part_possible(fixed.header_raw, fixed.header_stored, fixed.flags & PACK_HEADER_ZSTD) ||
        !part_possible(fixed.body_raw, fixed.body_stored, fixed.flags & PACK_BODY_ZSTD) ||
        fixed.header_raw + fixed.body_raw > PACK_MESSAGE_MAX)
        return false;
    *ret_fixed = fixed;
    return true;
}

void pack_hash_begin(crypto_generichash_state *hash)
{
    crypto_generichash_init(hash, NULL, 0, PACK_CHECKSUM);
}

void pack_hash_add(crypto_generichash_state *hash, const void *p, size_t n)
{
    if (n > 0)
        crypto_generichash_update(hash, p, n);
}

void pack_hash_end(crypto_generichash_state *hash, uint8_t ret_checksum[static PACK_CHECKSUM])
{
    crypto_generichash_final(hash, ret_checksum, PACK_CHECKSUM);
}

static enum err hash_add_file(crypto_generichash_state *hash, int fd, struct codec *codec, uint64_t offset,
                              uint64_t length, struct error *error)
{
    while (length > 0) {
        size_t n = (size_t)MIN(length, (uint64_t)CODEC_CHUNK);
        enum err code = fd_pread_exact(fd, codec->in, n, offset, error);
        if (code != ERR_OK)
            return code;
        pack_hash_add(hash, codec->in, n);
        offset += n;
        length -= n;
    }
    return ERR_OK;
}

enum err pack_hash_check(int fd, struct codec *codec, uint64_t offset, uint64_t length, struct slice tail,
                         const uint8_t checksum[static PACK_CHECKSUM], struct error *error)
{
    crypto_generichash_state hash;
    pack_hash_begin(&hash);
    enum err code = hash_add_file(&hash, fd, codec, offset, length, error);
    if (code != ERR_OK)
        return code;
    pack_hash_add(&hash, tail.p, tail.n);
    uint8_t found[PACK_CHECKSUM];
    pack_hash_end(&hash, found);
    if (memcmp(found, checksum, PACK_CHECKSUM) != 0)
        return fail(error, ERR_CORRUPT, NULL, "checksum differs");
    return ERR_OK;
}

enum err pack_record_check(const struct pack_file *file, struct codec *codec, uint64_t offset,
                           const struct pack_fixed *fixed, bool body, struct error *error)
{
    char bytes[PACK_FIXED];
    pack_fixed_encode(fixed, bytes);
    enum err code = pack_hash_check(file->fd, codec, offset + PACK_FIXED, fixed->header_stored,
                                    slice_of(bytes, PACK_CHECKED), fixed->checksum, error);
    if (code != ERR_OK || !body)
        return code;
    return pack_hash_check(file->fd, codec, offset + PACK_FIXED + fixed->header_stored, fixed->body_stored,
                           slice_none(), fixed->body_checksum, error);
}

enum err pack_fixed_expect(const struct packs *packs, const char bytes[static PACK_FIXED],
                           struct pack_place place, struct object_id object, struct pack_fixed *ret_fixed,
                           struct error *error)
{
    struct pack_fixed fixed;
    if (!pack_fixed_decode(bytes, packs->account, &fixed))
        return fail(error, ERR_CORRUPT, NULL, "no record of this account");
    if (pack_fixed_length(&fixed) != place.length)
        return fail(error, ERR_CORRUPT, NULL, "a record of another length");
    if (fixed.object.v != object.v || object.v == 0)
        return fail(error, ERR_CORRUPT, NULL, "another object's record");
    *ret_fixed = fixed;
    return ERR_OK;
}

enum err pack_fill(const struct packs *packs, const struct pack_file *file, struct pack_place hole,
                   struct error *error)
{
    struct pack_fixed fixed = {.account = packs->account};
    char bytes[PACK_FIXED];
    crypto_generichash_state hash;
    if (hole.length < PACK_FIXED || hole.length - PACK_FIXED > PACK_MESSAGE_MAX)
        return fail(error, ERR_LIMIT, NULL, "no filler has this length");
    struct codec *codec = codec_take(volume_codecs(packs->volume));
    if (codec == NULL)
        return fail_nomem(error);
    fixed.body_raw = fixed.body_stored = hole.length - PACK_FIXED;
    pack_hash_begin(&hash);
    enum err code = hash_add_file(&hash, file->fd, codec, hole.offset + PACK_FIXED, fixed.body_stored, error);
    codec_give(volume_codecs(packs->volume), codec);
    if (code != ERR_OK)
        return code;
    pack_hash_end(&hash, fixed.body_checksum);
    pack_fixed_encode(&fixed, bytes);
    pack_hash_begin(&hash);
    pack_hash_add(&hash, bytes, PACK_CHECKED);
    pack_hash_end(&hash, fixed.checksum);
    pack_fixed_encode(&fixed, bytes);
    return fd_pwrite_all(file->fd, slice_of(bytes, PACK_FIXED), hole.offset, error);
}
