/*
 * ENVELOPE, BODY and BODYSTRUCTURE as they go over the wire (RFC 9051 7.5.2, RFC 3501 7.4.2).
 *
 * Purpose: made once at delivery and stored, copied into FETCH responses.
 * Strings are quoted; those with 8-bit bytes, CR, LF, NUL, or longer than MIME_QUOTED_MAX are literals
 * "{n}\r\n...". Header values are unfolded, NULs dropped, and otherwise given as written (RFC 2047 encoded).
 * Ownership: writes to the caller's buf; it must have room for MIME_IMAP_TEXT_MAX.
 * Errors: ERR_NOMEM; the buf's own are sticky. Threads: any.
 * Limits: MIME_ENVELOPE_HEADER_MAX bytes of a header are read for an envelope; a body structure longer than
 * MIME_BODYSTRUCTURE_MAX is written lean: no parameters, no envelopes of inner messages.
 */
#ifndef POSTHORN_MIME_IMAP_TEXT_H
#define POSTHORN_MIME_IMAP_TEXT_H

#include "mime/structure.h"

enum {
    MIME_QUOTED_MAX = 1000,
    MIME_ENVELOPE_HEADER_MAX = 256 << 10,
    MIME_BODYSTRUCTURE_MAX = 4 << 20,
    MIME_IMAP_TEXT_MAX = 8 << 20, /* a buf of this size never overflows */
};

/* A string or literal; p NULL: NIL. */
void mime_put_nstring(struct buf *out, struct slice value) NONNULL;

/* "(date subject from sender reply-to to cc bcc in-reply-to message-id)" of a message's header. */
enum err mime_put_envelope(struct buf *out, struct slice header, struct error *error) NONNULL MUST_CHECK;
/* The body structure; extensible: BODYSTRUCTURE, else BODY. */
enum err mime_put_bodystructure(struct buf *out, const struct mime_part *part, bool extensible,
                                struct error *error) NONNULL MUST_CHECK;

#endif
