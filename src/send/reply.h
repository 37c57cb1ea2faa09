/*
 * Replies of SMTP (RFC 5321 4.2): code, enhanced status code (RFC 2034), text; several lines are one reply.
 *
 * Errors: REPLY_BAD for what is no reply. Limits: REPLY_* below. Threads: any.
 */
#ifndef POSTHORN_SEND_REPLY_H
#define POSTHORN_SEND_REPLY_H

#include "base/buf.h"

enum {
    REPLY_LINE_MAX = 4096, /* bytes; RFC 5321 4.5.3.1.5 has 512 */
    REPLY_LINES_MAX = 200,
    REPLY_STATUS_MAX = 12, /* "5.123.123" and a NUL */
};

enum reply_progress { REPLY_MORE, REPLY_DONE, REPLY_BAD };

struct reply {
    unsigned code;
    char status[REPLY_STATUS_MAX]; /* empty: none was given */
    struct buf text;               /* its lines without codes, a line feed between them */
};
#define REPLY ((struct reply){.text = BUF(REPLY_LINE_MAX * REPLY_LINES_MAX)})
void reply_release(struct reply *reply); /* for CLEANUP */

/* Takes a whole reply off the input, when it is there. The reply is written anew. */
enum reply_progress reply_parse(struct slice input, struct reply *reply, size_t *ret_used);
static inline bool reply_is(const struct reply *reply, unsigned hundreds)
{
    return reply->code / 100 == hundreds;
}
/* "550 5.1.1 no such person": for people, one line. */
void reply_put(const struct reply *reply, struct buf *out);

#endif
