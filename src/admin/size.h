/*
 * Sizes as people write them: bytes, or with K, M, G, T for powers of 1024.
 */
#ifndef POSTHORN_ADMIN_SIZE_H
#define POSTHORN_ADMIN_SIZE_H

#include "base/slice.h"

enum { SIZE_TEXT_MAX = 24 };

/* "10G", "512k", "4096". False: not a size, or above 2^63 - 1. */
bool size_parse(struct slice text, uint64_t *ret_bytes) MUST_CHECK;
/* "10G", "1.5M", "17": rounded down. */
void size_text(uint64_t bytes, char ret_text[static SIZE_TEXT_MAX]);

#endif
