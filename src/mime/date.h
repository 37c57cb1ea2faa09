/*
 * Dates of mail: the project's only date code.
 *
 * Purpose: RFC 5322 3.3 date-time with the obsolete zones of 4.3 and common breakage; IMAP's date-time and
 * date (RFC 9051 9); RFC 3339 for JSON and logs.
 * Ownership: none. Errors: a reader returns false for what is no date. Threads: any; no locale, no TZ.
 * Limits: years 1 to 9999.
 */
#ifndef POSTHORN_MIME_DATE_H
#define POSTHORN_MIME_DATE_H

#include "base/buf.h"

struct mime_date {
    int64_t seconds;      /* since 1970-01-01 00:00:00 UTC */
    int32_t zone_minutes; /* east of UTC, of the writer's clock; -1439 .. 1439 */
};

/* The value of a Date field. A missing time reads as 00:00:00, a missing or unknown zone as +0000. */
bool mime_date_parse(struct slice text, struct mime_date *ret) NONNULL MUST_CHECK;
/* "Wed, 17 Jul 1996 02:44:25 -0700" */
void mime_date_put(struct buf *out, struct mime_date date) NONNULL;

/* RFC 9051 date-time without its quotes: "17-Jul-1996 02:44:25 -0700", one-digit days as " 7" or "7". Strict.
 */
bool mime_date_parse_internal(struct slice text, struct mime_date *ret) NONNULL MUST_CHECK;
/* " 7-Jul-1996 02:44:25 -0700" */
void mime_date_put_internal(struct buf *out, struct mime_date date) NONNULL;

/* RFC 9051 date without quotes, "1-Feb-1994", as days since 1970-01-01. Strict. */
bool mime_date_parse_day(struct slice text, int32_t *ret_day) NONNULL MUST_CHECK;
/* The day the writer's calendar showed (SENTSINCE and SINCE disregard time and zone, RFC 9051 6.4.4). */
int32_t mime_date_day(struct mime_date date);

/* RFC 3339 "1996-07-17T02:44:25-07:00"; the reader takes fractions (dropped), "Z", lower case. */
bool mime_date_parse_rfc3339(struct slice text, struct mime_date *ret) NONNULL MUST_CHECK;
void mime_date_put_rfc3339(struct buf *out, struct mime_date date) NONNULL;

#endif
