/*
 * Whether an ARC chain speaks for an author whom DMARC can't prove: a sealer whom the administrator trusts
 * saw the author proven when the message came to it (RFC 8617 7.2.1).
 *
 * A seal counts when what it sealed is still what came: its own message signature holds, or all who came
 * after it are trusted, too. Else anybody could put another text under a chain that holds.
 *
 * Ownership: all is borrowed. Errors: none but the buf's. Threads: any. Limits: ARC_COMMENT_MAX.
 */
#ifndef POSTHORN_AUTHRES_ARC_TRUST_H
#define POSTHORN_AUTHRES_ARC_TRUST_H

#include "authres/arc.h"

enum { ARC_COMMENT_MAX = 500 /* bytes; of more seals the oldest are left out */ };

/* trusted: domains (base/name_list.h), each with those below it. author: domain of From. The seal's domain;
 * p NULL: nobody speaks for him. */
struct slice arc_vouching(const struct arc_verdict *verdict, struct slice trusted,
                          struct slice author) NONNULL;
/* "arc=pass as[2].d=b.example as[2].s=x as[1].d= ... remote-ip[1]=192.0.2.1", as a report wants it (7.2.2).
 */
void arc_comment_put(struct buf *out, const struct arc_verdict *verdict) NONNULL;

#endif
