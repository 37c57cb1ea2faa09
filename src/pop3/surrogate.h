/*
 * What stands in for a message whose headers are not ASCII, for a client that has not said UTF8 (RFC 6856
 * 2.1): other headers, after RFC 6858, around the same bodies. Bodies may be 8-bit, as MIME allows.
 *
 * An address beyond ASCII becomes a name before an address that leads nowhere; names and free text become
 * encoded words, parameters RFC 2231; what could only be spoilt is left out. The headers of all parts are
 * looked at, and of messages inside.
 * Ownership: texts are the surrogate's, pop3_surrogate_release gives them back. Errors: ERR_LIMIT, ERR_NOMEM.
 * Threads: any. Limits: SURROGATE_*. Private to the pop3 room.
 */
#ifndef POSTHORN_POP3_SURROGATE_H
#define POSTHORN_POP3_SURROGATE_H

#include "mime/structure.h"

enum {
    SURROGATE_FIELD_MAX = 64 * 1024,         /* a longer field that is not ASCII is left out */
    SURROGATE_HEADERS_MAX = 8 * 1024 * 1024, /* all new headers of a message */
};

/* Bytes at .. at + n of the message are replaced by from .. to of the texts. */
struct surrogate_header {
    size_t at, n;
    size_t from, to;
};

struct surrogate {
    size_t count; /* 0: the message can be sent as it is */
    struct surrogate_header *headers;
    struct buf texts;
    struct arena arena;
};

void pop3_surrogate_release(struct surrogate *surrogate); /* for CLEANUP */
/* *ret is released by the caller in any case. */
enum err pop3_surrogate_make(struct slice message, struct surrogate *ret, struct error *error) MUST_CHECK;

#endif
