/*
 * Canonicalisation (RFC 6376 3.4): the form of header fields and bodies that is hashed.
 *
 * Ownership: fields go to the caller's buf; a body goes to the caller's digest and is never held, whatever
 * its length. Errors: the buf's own; canon_body sticks to its failure until canon_body_end. Threads: one
 * each. Limits: none of its own.
 */
#ifndef POSTHORN_AUTHRES_CANON_H
#define POSTHORN_AUTHRES_CANON_H

#include <openssl/evp.h>

#include "base/buf.h"

enum canon { CANON_SIMPLE, CANON_RELAXED };

/* A field as it stands in the header, with or without its last line end; put with CRLF at its end. */
void canon_field(struct buf *out, enum canon canon, struct slice whole) NONNULL;

/* A body that is hashed piece by piece. */
struct canon_body {
    EVP_MD_CTX *digest; /* the caller's, set up */
    enum canon canon;
    bool limited;    /* l= is there */
    uint64_t limit;  /* octets that are hashed then */
    uint64_t length; /* octets of the canonical body so far */
    uint64_t lines;  /* line ends held back: they count only if more follows */
    bool cr;         /* a CR came last: its LF may follow */
    bool blank;      /* relaxed: blanks came last: they count only if text follows in the line */
    bool failed;
};

void canon_body_feed(struct canon_body *body, struct slice piece) NONNULL;
/* After the last piece. False: the digest failed. */
bool canon_body_end(struct canon_body *body) NONNULL MUST_CHECK;

#endif
