/*
 * Which fields a signature of ours covers, and how our fields are written. Inside this room only.
 */
#ifndef POSTHORN_AUTHRES_DKIM_NAMES_H
#define POSTHORN_AUTHRES_DKIM_NAMES_H

#include "authres/dkim_intake.h"

/* For h= of a message: each field once for every time it is there, some once more, DKIM-Signature only if
 * `foreign`. At most max; how many. */
size_t dkim_names_choose(const struct dkim_intake *intake, bool foreign, struct slice *ret_names,
                         size_t max) NONNULL;
/* "h=a:b:c", folded to short lines. */
void dkim_names_put(struct buf *out, const struct slice *names, size_t count);
/* Base64 folded to short lines. */
void dkim_base64_put(struct buf *out, struct slice base64) NONNULL;

#endif
