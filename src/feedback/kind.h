/*
 * What feedback.c, which counts, and a kind of report, which is made of the counts, have to do with each
 * other. Private to the feedback room.
 */
#ifndef POSTHORN_FEEDBACK_KIND_H
#define POSTHORN_FEEDBACK_KIND_H

#include "feedback/feedback.h"

enum { FEEDBACK_DAY_SECONDS = 86400 };

/* A report that is due. */
struct feedback_due {
    int64_t day; /* since 1970, UTC */
    struct slice domain, policy;
    struct slice addresses; /* with commas between */
};
struct feedback_row {
    struct slice bytes;
    uint64_t count;
};

/* Makes the report and hands it over. ERR_INVALID: the rows say nothing, and are to be forgotten. */
typedef enum err feedback_report_fn(const struct feedback_options *options, const struct feedback_due *due,
                                    const struct feedback_row *rows, size_t count, struct error *error);
feedback_report_fn aggregate_send, tls_report_send;

/* To the queue. addresses: with commas between; at most FEEDBACK_ADDRESSES_MAX. */
enum { FEEDBACK_ADDRESSES_MAX = 3 };
enum err feedback_hand_in(const struct feedback_options *options, struct slice domain, struct slice addresses,
                          bool tls_optional, struct slice message, struct error *error) MUST_CHECK;
/* From, To, Subject and what else all reports have; id: names the report. */
void feedback_put_header(struct buf *out, const char *from, struct slice hostname, struct slice domain,
                         struct slice addresses, struct slice id);
/* RFC 1952. */
enum err feedback_gzip(struct slice text, struct buf *out, struct error *error) MUST_CHECK;

#endif
