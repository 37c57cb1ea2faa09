/*
 * Base64 (RFC 4648 4), one coder for MIME, SASL, modified UTF-7 and tokens (with their own alphabets).
 */
#ifndef POSTHORN_BASE_BASE64_H
#define POSTHORN_BASE_BASE64_H

#include "base/buf.h"

/* Bytes that n bytes become, with padding, without line breaks. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)

void base64_encode(struct buf *out, struct slice in) NONNULL;
/* Without padding, with ',' for '/' (RFC 9051 6.3.x modified UTF-7). */
void base64_encode_utf7(struct buf *out, struct slice in) NONNULL;
/* Strict: the alphabet, right padding, nothing else. False: not base64; out may hold a part. */
bool base64_decode(struct buf *out, struct slice in) NONNULL MUST_CHECK;
bool base64_decode_utf7(struct buf *out, struct slice in) NONNULL MUST_CHECK;
/* With '-' and '_', without padding (RFC 4648 5, RFC 7515 2). */
void base64_encode_url(struct buf *out, struct slice in) NONNULL;
bool base64_decode_url(struct buf *out, struct slice in) NONNULL MUST_CHECK;

/* Lenient, in pieces, for bodies (RFC 2045 6.8: other characters are skipped; ends at padding). Zeroed to
 * start. */
struct base64_stream {
    uint32_t bits;
    unsigned have; /* sextets in bits */
    bool ended;
};
void base64_stream_decode(struct base64_stream *s, struct buf *out, struct slice in) NONNULL;

#endif
