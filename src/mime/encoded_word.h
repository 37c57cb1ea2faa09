/*
 * RFC 2047 encoded words in header text.
 *
 * Purpose: reading to UTF-8, in the best reading of bad input (adjacent words joined even inside a character,
 * 8-bit bytes outside words guessed, a word within other text decoded), and writing.
 * Ownership: writes to the caller's buf. Errors: none but the buf's. Threads: any.
 * Limits: linear time; a word may be longer than the RFC's 75 bytes.
 */
#ifndef POSTHORN_MIME_ENCODED_WORD_H
#define POSTHORN_MIME_ENCODED_WORD_H

#include "base/buf.h"

/* Unfolds, decodes, trims: an unstructured value or a display name in valid UTF-8 without line ends or
 * control characters. */
void mime_words_decode(struct buf *out, struct slice raw) NONNULL;
/* The same; false: some of it is in an unknown charset or means nothing in its own (charset.h, `bad`). */
bool mime_words_convert(struct buf *out, struct slice raw) NONNULL;
/* Unfolded and without encoding, the octets themselves (RFC 5255 4.6 (a)). */
void mime_words_octets(struct buf *out, struct slice raw) NONNULL;
/* UTF-8 text as ASCII: as it is when it is printable ASCII and reads the same, else in encoded words of at
 * most 64 bytes, separated by single spaces (a place to fold). In a phrase, specials count too. */
void mime_words_encode(struct buf *out, struct slice utf8, bool phrase) NONNULL;

#endif
