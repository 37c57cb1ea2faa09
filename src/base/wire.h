/*
 * Small binary records: between processes, and for blobs in the store. Little-endian, length-prefixed.
 *
 * Errors: writing uses the buf's sticky failure. Reading is sticky too: past the end every value is zero or
 * empty and wire_ok says false. Nothing is trusted: a length is checked against what is there.
 */
#ifndef POSTHORN_BASE_WIRE_H
#define POSTHORN_BASE_WIRE_H

#include "base/buf.h"

void wire_put_u8(struct buf *b, uint8_t v) NONNULL;
void wire_put_u32(struct buf *b, uint32_t v) NONNULL;
void wire_put_u64(struct buf *b, uint64_t v) NONNULL;
void wire_put_varint(struct buf *b, uint64_t v) NONNULL;    /* LEB128 */
void wire_put_slice(struct buf *b, struct slice s) NONNULL; /* varint length, bytes */

struct wire_reader {
    struct cursor c;
    bool failed;
};

static inline struct wire_reader wire_reader_of(struct slice s)
{
    return (struct wire_reader){cursor_of(s), false};
}
uint8_t wire_get_u8(struct wire_reader *r) NONNULL;
uint32_t wire_get_u32(struct wire_reader *r) NONNULL;
uint64_t wire_get_u64(struct wire_reader *r) NONNULL;
uint64_t wire_get_varint(struct wire_reader *r) NONNULL;
struct slice wire_get_slice(struct wire_reader *r) NONNULL; /* borrowed from the input */
/* Nothing was missing so far. */
static inline bool wire_ok(const struct wire_reader *r)
{
    return !r->failed;
}
/* Nothing was missing and nothing is left. */
static inline bool wire_end(const struct wire_reader *r)
{
    return !r->failed && cursor_done(&r->c);
}

#endif
