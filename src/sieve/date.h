/*
 * Parts of a date (RFC 5260 4.2). Of this room only.
 */
#ifndef POSTHORN_SIEVE_DATE_H
#define POSTHORN_SIEVE_DATE_H

#include "mime/date.h"

/* "+0130" (RFC 5260 4.1). */
bool zone_parse(struct slice text, int32_t *ret_minutes) NONNULL MUST_CHECK;
/* False: there is no such part; nothing was written. */
bool date_part_put(struct slice name, struct mime_date date, struct buf *out) NONNULL MUST_CHECK;

#endif
