/*
 * Mailbox names on the wire: modified UTF-7 (RFC 3501 5.1.3) or UTF-8 (RFC 6855 3), and LIST's wildcards
 * (6.3.8).
 *
 * Inside the house a path is UTF-8 in NFC. Ownership: results go to the caller's buf. Errors: reading is
 * strict: a printable character in base64, a superfluous shift, half a surrogate pair, stray bits, or 8-bit
 * bytes are no name. Threads: any. Limits: time is linear in the name (matching: name times pattern).
 */
#ifndef POSTHORN_IMAP_MAILBOX_NAME_H
#define POSTHORN_IMAP_MAILBOX_NAME_H

#include "base/arena.h"
#include "base/buf.h"

/* What a client calls a mailbox, or a pattern, as UTF-8 in NFC. utf8: it names them in UTF-8; else a name
 * with a byte above 0x7f is UTF-8 all the same (RFC 6855 3), and every other one modified UTF-7. False:
 * neither, or there is no memory (buf_no_memory). */
bool mailbox_name_read(struct buf *out, struct slice wire, bool utf8) NONNULL MUST_CHECK;
/* False: not modified UTF-7. out may hold a part then. */
bool mailbox_name_decode(struct buf *out, struct slice wire) NONNULL MUST_CHECK;
/* utf8 must be valid; bytes that are not become U+FFFD. */
void mailbox_name_encode(struct buf *out, struct slice utf8) NONNULL;

/* "*" stands for anything, "%" for anything without '/'. "INBOX" as a first part has no case. False too when
 * memory is out. */
bool mailbox_name_matches(struct slice name, struct slice pattern) MUST_CHECK;

#endif
