/*
 * Walking over the records of a pack, and finding the next one behind damage.
 */
#include "base/fdio.h"
#include "base/must.h"
#include "store/pack_file.h"

struct scan {
    struct packs *packs;
    struct pack_file *file;
    struct codec *codec;
    uint64_t size; /* of the file */
    bool verify;
};

enum probe { PROBE_WHOLE, PROBE_BODY_DAMAGED, PROBE_NONE };

/* What stands at an offset. ret_claimed: the length that a fixed part there says, when it could be one, else
 * 0. What can't be read counts as damaged: a bad sector must not hide what lies behind it. */
static enum probe probe(const struct scan *s, uint64_t offset, struct pack_fixed *ret_fixed,
                        uint64_t *ret_claimed, const char **ret_problem)
{
    char bytes[PACK_FIXED];
    struct error error;
    *ret_claimed = 0;
    *ret_problem = "no record stands here";
    if (s->size - offset < PACK_FIXED ||
        fd_pread_exact(s->file->fd, bytes, PACK_FIXED, offset, &error) != ERR_OK)
        return PROBE_NONE;
    if (!pack_fixed_decode(bytes, s->packs->account, ret_fixed))
        return PROBE_NONE;
    uint64_t length = pack_fixed_length(ret_fixed);
    if (length > s->size - offset) {
        *ret_problem = "the record is cut off";
        return PROBE_NONE;
    }
    *ret_claimed = length;
    *ret_problem = "the header does not match its checksum";
    if (pack_record_check(s->file, s->codec, offset, ret_fixed, false, &error) != ERR_OK)
        return PROBE_NONE;
    *ret_problem = "the body does not match its checksum";
    if (s->verify && pack_record_check(s->file, s->codec, offset, ret_fixed, true, &error) != ERR_OK)
        return PROBE_BODY_DAMAGED;
    return PROBE_WHOLE;
}

static bool stands(const struct scan *s, uint64_t offset)
{
    struct pack_fixed fixed;
    uint64_t claimed;
    const char *problem;
    return probe(s, offset, &fixed, &claimed, &problem) != PROBE_NONE;
}

/* The first record at or behind an offset; the file's size when there is none. */
static uint64_t search(const struct scan *s, uint64_t offset)
{
    static const char magic[] = "PHR1";
    enum { MAGIC = sizeof(magic) - 1 };
    struct error error;
    while (s->size - offset >= PACK_FIXED) {
        size_t n = (size_t)MIN(s->size - offset, (uint64_t)CODEC_CHUNK);
        /* In the scratch: probing reads through the codec's chunk. */
        if (fd_pread_exact(s->file->fd, s->codec->scratch, n, offset, &error) != ERR_OK) {
            offset += n;
            continue;
        }
        struct slice window = slice_of(s->codec->scratch, n);
        size_t at = 0;
        for (;;) {
            ssize_t found = slice_find(slice_from(window, at), slice_of(magic, MAGIC));
            if (found < 0)
                break;
            at += (size_t)found;
            if (stands(s, offset + at))
                return offset + at;
            at++;
        }
        /* A magic may lie across the windows' border. */
        offset += n > MAGIC ? n - (MAGIC - 1) : n;
    }
    return s->size;
}

static enum err scan_from(const struct scan *s, uint64_t offset, pack_scan_fn *each, void *context,
                          struct error *error)
{
    while (offset < s->size) {
        struct pack_fixed fixed = {0};
        uint64_t claimed = 0;
        const char *problem = NULL;
        enum probe found = probe(s, offset, &fixed, &claimed, &problem);
        struct pack_scan scan = {.place = {.pack = s->file->number, .offset = offset}};
        if (found == PROBE_NONE) {
            uint64_t behind = offset + claimed;
            bool trusted = claimed > 0 && (behind == s->size || stands(s, behind));
            scan.place.length = (trusted ? behind : search(s, offset + 1)) - offset;
        } else {
            scan.place.length = claimed;
            scan.record = (struct pack_record){.object = fixed.object,
                                               .folder = fixed.folder,
                                               .uid = fixed.uid,
                                               .internal_date_us = fixed.internal_date_us};
            scan.raw_length = fixed.header_raw + fixed.body_raw;
        }
        scan.damaged = found != PROBE_WHOLE;
        scan.problem = scan.damaged ? problem : NULL;
        enum err code = each(context, &scan, error);
        if (code != ERR_OK)
            return code;
        offset += scan.place.length;
    }
    return ERR_OK;
}

enum err pack_file_scan(struct packs *packs, struct pack_file *file, uint64_t from, bool verify,
                        pack_scan_fn *each, void *context, struct error *error)
{
    struct scan s = {.packs = packs, .file = file, .verify = verify};
    enum err code = pack_file_size(file, &s.size, error);
    if (code != ERR_OK)
        return code;
    s.codec = codec_take(volume_codecs(packs->volume));
    if (s.codec == NULL)
        return fail_nomem(error);
    code = scan_from(&s, from, each, context, error);
    codec_give(volume_codecs(packs->volume), s.codec);
    return code;
}

enum err packs_scan(struct packs *packs, bool verify, pack_scan_fn *each, void *context, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(PACKS_MAX * sizeof(struct pack_figures) + 4096);
    struct pack_figures *figures = NULL;
    size_t count = 0;
    enum err code = packs_list(packs, &arena, &figures, &count, error);
    for (size_t i = 0; code == ERR_OK && i < count; i++) {
        struct pack_file *file = NULL;
        code = pack_file_hold(packs, figures[i].pack, &file, error);
        if (code != ERR_OK)
            return code;
        code = pack_file_scan(packs, file, 0, verify, each, context, error);
        pack_file_release(packs, file);
    }
    return code;
}
