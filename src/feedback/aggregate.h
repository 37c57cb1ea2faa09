/*
 * One aggregate report (RFC 9990) as a message: XML, packed by gzip, attached. Private to the feedback room.
 *
 * Errors: ERR_NOMEM. Threads: any.
 */
#ifndef POSTHORN_FEEDBACK_AGGREGATE_H
#define POSTHORN_FEEDBACK_AGGREGATE_H

#include "authres/sighting.h"

enum { AGGREGATE_MAX = 16 * 1024 * 1024 /* bytes of XML, and of the message */ };

struct aggregate_row {
    struct sighting_row seen;
    uint64_t count;
};

struct aggregate {
    struct slice domain;    /* whose policy it is */
    struct slice addresses; /* with commas between */
    struct slice hostname;  /* ours */
    struct dmarc_record policy;
    int64_t begin_seconds; /* since 1970; the day's first */
    int64_t end_seconds;   /* the day's last */
    const struct aggregate_row *rows;
    size_t count;
};

void aggregate_put_xml(struct buf *out, const struct aggregate *report);
enum err aggregate_put_message(struct buf *out, const struct aggregate *report,
                               struct error *error) MUST_CHECK;

#endif
