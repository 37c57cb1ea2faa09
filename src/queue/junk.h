/*
 * Whether a message that is filed goes into its recipient's Junk: what the judges of the whole house said
 * (envelope.junk) holds; else the account's own classifier is asked (store/junk.h). The account's scripts
 * come after, and may decide otherwise.
 *
 * Errors: none: what can't be judged is not junk. Threads: any.
 */
#ifndef POSTHORN_QUEUE_JUNK_H
#define POSTHORN_QUEUE_JUNK_H

#include "queue/entry.h"

/* prefix: the trace fields; the field that says why is put behind them. What the house wrote is never junk.
 */
bool junk_filing(struct account *account, const struct entry *entry, struct buf *prefix);

#endif
