/*
 * Replies of who is away (RFC 5230): whether one is due, and how it looks. Of this room only.
 */
#ifndef POSTHORN_SIEVE_VACATION_H
#define POSTHORN_SIEVE_VACATION_H

#include "sieve/run.h"

enum { VACATION_SUBJECT_MAX = 1000, VACATION_REPLY_MAX = 4 << 20 };

/* The arguments of a vacation with their variables. p NULL: not given. */
struct vacation {
    struct slice subject;
    struct slice from;
    struct slice reason;
    struct slice handle;
    const struct slice *addresses;
    size_t address_count;
    bool mime;
};

/* Why no reply is due (RFC 5230 4.5, 4.6; RFC 3834 2); NULL: one is. */
const char *vacation_refusal(struct run *run, const struct vacation *vacation);
/* The reply as a whole message. */
void vacation_compose(struct run *run, const struct vacation *vacation, struct buf *out);

#endif
