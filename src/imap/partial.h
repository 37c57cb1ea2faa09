/*
 * A part of a result, counted from its first or its last message: "1:100", "-1:-100" (RFC 9394 4, RFC 5267
 * 5).
 *
 * Ownership: none. Errors: the parser's problem. Threads: any. Limits: none, a part is never larger than what
 * it is a part of.
 */
#ifndef POSTHORN_IMAP_PARTIAL_H
#define POSTHORN_IMAP_PARTIAL_H

#include "imap/parser.h"

struct imap_partial {
    uint32_t first; /* as the client wrote them, either may be the greater; 0: no part is asked for */
    uint32_t last;
    bool from_end;
};

bool imap_parse_partial(struct imap_parser *p, struct imap_partial *ret) MUST_CHECK;
/* As it was asked for. */
void imap_put_partial(struct buf *out, struct imap_partial partial) NONNULL;
/* The places [*ret_from, *ret_to) that it means, of `count`, counted from 0. */
void imap_partial_places(struct imap_partial partial, uint64_t count, uint64_t *ret_from,
                         uint64_t *ret_to) NONNULL;
/* Of a set the numbers at the places [from, to), added to `out`. */
void imap_set_places(const struct uid_set *set, uint64_t from, uint64_t to, struct uid_set *out) NONNULL;

#endif
