/*
 * Parts as bytes: a body freed from its transfer encoding, and a message freed from bytes that IMAP can't
 * tell.
 *
 * Ownership: writes to the caller's buf; its failure is sticky. Errors: ERR_UNSUPPORTED, ERR_LIMIT (the
 * arena), ERR_NOMEM. Threads: any. Limits: those of structure.h.
 */
#ifndef POSTHORN_MIME_BINARY_H
#define POSTHORN_MIME_BINARY_H

#include "mime/structure.h"

/* Whether the part's transfer encoding is one that we can undo. */
bool mime_part_decodable(const struct mime_part *part) NONNULL;
/*
 * A decodable part's body as FETCH BINARY gives it: decoded, a container's as it is. In text whose charset
 * writes LF as one byte, every line end becomes CRLF (RFC 9051 7.5.2, RFC 2046 4.1.1). The result borrows
 * from the message when that changes nothing, else from `made`, an empty buf, of which it sets the size; so
 * the parts of a message together never make more than twice its size.
 */
struct slice mime_part_binary(const struct mime_part *part, struct buf *made) NONNULL;

/*
 * The message with every part in base64 that would lose something on its way through IMAP or the store: one
 * with a NUL (RFC 3501 4.3.1), or one declared binary with a bare LF. All else stays byte for byte.
 * *ret_changed false: there is no such part, and nothing was written. ERR_UNSUPPORTED: a NUL where no
 * encoding can be: in a header, between parts, or in a part that is encoded already.
 */
enum err mime_encode_binary(struct arena *arena, struct buf *out, struct slice message, bool *ret_changed,
                            struct error *error) NONNULL MUST_CHECK;

#endif
