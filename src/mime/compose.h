/*
 * Messages the server writes itself: bounces, warnings, vacation replies.
 *
 * Purpose: a small writer whose output always is CRLF-terminated, 7-bit clean, and folded at 78 columns where
 * it can be (never over 998).
 * Ownership: writes to the caller's buf. Errors: the buf's own, sticky. Threads: one a composer.
 * Limits: MIME_COMPOSE_DEPTH_MAX open multiparts. CR, LF and NUL in values become spaces: no value can start
 * a field of its own.
 */
#ifndef POSTHORN_MIME_COMPOSE_H
#define POSTHORN_MIME_COMPOSE_H

#include "mime/address.h"
#include "mime/date.h"

enum { MIME_COMPOSE_DEPTH_MAX = 8, MIME_BOUNDARY_TEXT_MAX = 48 };

/* A field of free text (Subject), given in UTF-8. */
void mime_compose_text_field(struct buf *out, const char *name, struct slice utf8) NONNULL;
/* A field of structured ASCII text (Auto-Submitted, References), folded at its spaces. */
void mime_compose_field(struct buf *out, const char *name, struct slice ascii) NONNULL;
/* From, To ... : names are UTF-8; first NULL: an empty list, no field. 8-bit addresses become '?'. */
void mime_compose_addresses(struct buf *out, const char *name, const struct mime_address *first);
/* One mailbox; display may be empty; address is local@domain. */
void mime_compose_mailbox(struct buf *out, const char *name, struct slice display,
                          struct slice address) NONNULL;
void mime_compose_date(struct buf *out, const char *name, struct mime_date date) NONNULL;
/* "<unique@host>" of random bytes; also for a value of one's own. */
void mime_message_id_put(struct buf *out, struct slice host) NONNULL;

/* The bodies. Start: fields written by the functions above, no empty line yet. */
struct mime_composer {
    struct buf *out;
    size_t depth;
    char boundaries[MIME_COMPOSE_DEPTH_MAX][MIME_BOUNDARY_TEXT_MAX];
};

#define MIME_COMPOSER(buf_pointer) ((struct mime_composer){.out = (buf_pointer)})

/* Content-Type: multipart/<subtype>; boundary=...; subtype may carry parameters: "report; report-type=x". */
void mime_compose_multipart(struct mime_composer *composer, const char *subtype) NONNULL;
/* Opens the next part of the open multipart: fields may follow, then one of the bodies below. */
void mime_compose_part(struct mime_composer *composer) NONNULL;
/* text/<subtype>, UTF-8 given; us-ascii 7bit where it is so, else utf-8 quoted-printable. */
void mime_compose_text(struct mime_composer *composer, const char *subtype, struct slice utf8) NONNULL;
/* Any type, base64, with a file name (may be empty). */
void mime_compose_attachment(struct mime_composer *composer, const char *type, struct slice filename,
                             struct slice bytes) NONNULL;
/* message/delivery-status: groups of fields already in ASCII, separated by empty lines (RFC 3464 2.1). */
void mime_compose_status(struct mime_composer *composer, const char *type, struct slice ascii) NONNULL;
/* The original message: message/rfc822 when it is 7-bit clean with short lines (RFC 2046 5.2.1), else as
 * message/global in base64 (RFC 6532 3.7). */
void mime_compose_original(struct mime_composer *composer, struct slice message) NONNULL;
/* Its header only: text/rfc822-headers (RFC 6522 4), encoded if it must be. */
void mime_compose_original_header(struct mime_composer *composer, struct slice header) NONNULL;
/* Closes the innermost multipart. */
void mime_compose_end(struct mime_composer *composer) NONNULL;

#endif
