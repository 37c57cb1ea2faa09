/* Any bytes as a message with binary parts: what comes out has no NUL, and no part's bytes are lost. */
#include "base/must.h"
#include "mime/binary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct mime_part *parse(struct arena *arena, struct slice message)
{
    struct error error;
    struct mime_part *root;
    must(mime_parse(arena, message, &root, &error) == ERR_OK);
    return root;
}

static struct slice bytes_of(struct buf *out, const struct mime_part *part)
{
    buf_clear(out);
    mime_decode_all(out, part->encoding, part->body);
    must(!buf_failed(out));
    return buf_slice(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(3 * MIME_STRUCTURE_ARENA_MAX);
    CLEANUP(buf_release) struct buf out = BUF(3 * size + 100000);
    CLEANUP(buf_release) struct buf before = BUF(2 * size + 16);
    CLEANUP(buf_release) struct buf after = BUF(3 * size + 100000);
    struct slice message = slice_of(data, size);
    struct error error;
    bool changed;
    if (size == 0 || mime_encode_binary(&arena, &out, message, &changed, &error) != ERR_OK || !changed)
        return 0;
    must(memchr(out.p, 0, out.n) == NULL);
    const struct mime_part *old_root = parse(&arena, message);
    const struct mime_part *new_root = parse(&arena, buf_slice(&out));
    const struct mime_part *old_part = old_root;
    const struct mime_part *new_part = new_root;
    while (old_part != NULL) {
        must(new_part != NULL && old_part->kind == new_part->kind);
        if (old_part->kind == MIME_LEAF)
            must(slice_eq(bytes_of(&before, old_part), bytes_of(&after, new_part)));
        CLEANUP(buf_release) struct buf made = BUF(0);
        struct slice bytes = mime_part_binary(old_part, &made);
        must(!buf_failed(&made) && bytes.n <= 2 * old_part->body.n);
        must(made.n == 0 || old_part->kind == MIME_LEAF);
        old_part = mime_part_walk(old_root, old_part);
        new_part = mime_part_walk(new_root, new_part);
    }
    must(new_part == NULL);
    return 0;
}
