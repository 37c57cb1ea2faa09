/*
 * Address lists of From, To, Cc and their like.
 *
 * Purpose: the project's only reader of RFC 5322 3.4 address lists, with the obsolete forms of 4.4, the UTF-8
 * of RFC 6532, and the broken forms of RFC 7103 7.1. What cannot be an address becomes a mailbox without
 * domain, so that nothing a person wrote is lost.
 * Ownership: results live in the arena; texts borrow from the value where they can.
 * Errors: ERR_LIMIT when the arena is full. No text is an error.
 * Threads: any.
 * Limits: MIME_ADDRESSES_MAX entries a list (the rest is left out), MIME_COMMENT_DEPTH_MAX nested comments.
 */
#ifndef POSTHORN_MIME_ADDRESS_H
#define POSTHORN_MIME_ADDRESS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum { MIME_ADDRESSES_MAX = 10000, MIME_COMMENT_DEPTH_MAX = 50 };

enum mime_address_kind {
    MIME_ADDRESS_MAILBOX,
    MIME_ADDRESS_GROUP_START, /* local holds the group's name */
    MIME_ADDRESS_GROUP_END,
};

/* p NULL: absent (NIL in an ENVELOPE). Names are unquoted and unfolded; RFC 2047 words are still encoded. */
struct mime_address {
    struct mime_address *next;
    enum mime_address_kind kind;
    struct slice name;   /* display name, or the comment that stood for one */
    struct slice route;  /* obsolete source route, "@a,@b" */
    struct slice local;  /* local part without quotes; group name */
    struct slice domain; /* as written without blanks and comments; "" when missing */
};

struct mime_addresses {
    struct mime_address *first; /* NULL: empty */
    size_t count;               /* entries, group markers included */
};

enum err mime_addresses_parse(struct arena *arena, struct slice value, struct mime_addresses *ret,
                              struct error *error) NONNULL MUST_CHECK;

/* The one address a text holds ("a@b", "A <a@b>"), with a local part and a domain; false for anything else.
 */
bool mime_address_parse_one(struct arena *arena, struct slice text,
                            struct mime_address *ret) NONNULL MUST_CHECK;

/* local@domain, the local part quoted where it must be (RFC 5322 3.2.4). */
void mime_address_put_spec(struct buf *out, const struct mime_address *address) NONNULL;
/* What a person reads: the display name in UTF-8, else the address. */
void mime_address_put_display(struct buf *out, const struct mime_address *address) NONNULL;

#endif
