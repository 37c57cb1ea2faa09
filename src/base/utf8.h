/*
 * UTF-8 (RFC 3629): checking and stepping. No overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef POSTHORN_BASE_UTF8_H
#define POSTHORN_BASE_UTF8_H

#include "base/buf.h"

bool utf8_valid(struct slice s);
/* The next code point, or -1 (one byte passed) where the bytes are not UTF-8. The cursor must not be at its
 * end. */
int32_t utf8_next(struct cursor *c) NONNULL;
/* What is no code point becomes U+FFFD. */
void utf8_put(struct buf *b, uint32_t code_point) NONNULL;
/* The longest prefix of at most n bytes that cuts no sequence. Where the bytes are not UTF-8, it may cut them
 * anywhere, but is never more than 3 bytes shorter than n. */
struct slice utf8_cut(struct slice s, size_t n);
/* A copy with every bad byte as U+FFFD. */
void utf8_put_repaired(struct buf *b, struct slice s) NONNULL;

#endif
