/*
 * mailto URIs (RFC 2368, RFC 6068) as a way to notify (RFC 5436). Of this room only.
 *
 * Ownership: what is read lives in the arena. Errors: false for a text that is no such URI, or whose
 * addresses are none. Threads: any. Limits: named here; a URI that passes one is none.
 */
#ifndef POSTHORN_SIEVE_MAILTO_H
#define POSTHORN_SIEVE_MAILTO_H

#include "base/arena.h"
#include "mime/address.h"

enum {
    MAILTO_MAX = 8192,         /* bytes */
    MAILTO_RECIPIENTS_MAX = 8, /* To and Cc together */
    MAILTO_FIELDS_MAX = 16,    /* other fields; what is ignored does not count */
    MAILTO_ARENA_MAX = 256 * 1024,
};

struct mailto_field {
    struct slice name;
    struct slice value;
};

struct mailto {
    struct mime_address *to; /* in order through next; NULL: none */
    struct mime_address *cc;
    size_t recipient_count;
    struct slice subject; /* UTF-8 as the others; p NULL: not given */
    struct slice body;
    struct mailto_field fields[MAILTO_FIELDS_MAX];
    size_t field_count;
};

bool mailto_parse(struct arena *arena, struct slice uri, struct mailto *ret) NONNULL MUST_CHECK;

#endif
