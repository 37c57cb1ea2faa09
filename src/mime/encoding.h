/*
 * Content transfer encodings (RFC 2045 6).
 *
 * Purpose: decoding bodies in pieces, encoding what we write.
 * Ownership: none beyond the caller's structs. Errors: none; bad input gives its best reading (RFC 2045 6.7
 * and 6.8 say how). Threads: one a decoder. Limits: none.
 */
#ifndef POSTHORN_MIME_ENCODING_H
#define POSTHORN_MIME_ENCODING_H

#include "base/base64.h"

#define MIME_ENCODING_TABLE(X)              \
    X(7BIT, "7bit")                         \
    X(8BIT, "8bit")                         \
    X(BINARY, "binary")                     \
    X(QUOTED_PRINTABLE, "quoted-printable") \
    X(BASE64, "base64")                     \
    X(UNKNOWN, "")

enum mime_encoding {
#define X(name, text) MIME_ENCODING_##name,
    MIME_ENCODING_TABLE(X)
#undef X
};

/* From the value of Content-Transfer-Encoding; absent: 7bit; anything else: unknown, which decodes as is. */
enum mime_encoding mime_encoding_of(struct slice value);
const char *mime_encoding_name(enum mime_encoding encoding);

struct mime_decoder {
    enum mime_encoding encoding;
    struct base64_stream base64;
    struct buf held; /* what the end of a piece leaves undecided; small */
};

#define MIME_DECODER(which) ((struct mime_decoder){.encoding = (which), .held = BUF(4096)})
void mime_decoder_release(struct mime_decoder *decoder) NONNULL;
/* Pieces of any size; `last` with the last one (may be empty). */
void mime_decode(struct mime_decoder *decoder, struct buf *out, struct slice in, bool last) NONNULL;
/* All at once. */
void mime_decode_all(struct buf *out, enum mime_encoding encoding, struct slice in) NONNULL;

/* Lines of at most 76 characters, CRLF line ends in the output (RFC 2045 6.7, 6.8). For text, line ends of
 * the input (CRLF or LF) become CRLF; for binary they are encoded. */
void mime_encode_quoted_printable(struct buf *out, struct slice in, bool text) NONNULL;
void mime_encode_base64(struct buf *out, struct slice in) NONNULL;

#endif
