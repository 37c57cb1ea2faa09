/*
 * Counts what was seen of domains that want reports, of DMARC or of TLS, and sends each day's when it is over
 * (UTC).
 *
 * Ownership: volume, queue and host name are borrowed. Errors: of a note, ERR_INVALID beyond the limits,
 * ERR_LIMIT when FEEDBACK_ROWS_MAX different rows are kept: then nothing is counted until a day is over. What
 * could not be sent is logged and tried again. Threads: any; one of its own. Limits: FEEDBACK_*.
 */
#ifndef POSTHORN_FEEDBACK_FEEDBACK_H
#define POSTHORN_FEEDBACK_FEEDBACK_H

#include "authres/sighting.h"
#include "fetch/fetch.h"
#include "queue/queue.h"
#include "store/volume.h"

enum {
    FEEDBACK_ROWS_MAX = 20000,       /* of all domains and days */
    FEEDBACK_REPORT_ROWS_MAX = 5000, /* of one report; the rest is left out */
    FEEDBACK_LOOK_SECONDS = 300,
};

struct feedback;

enum feedback_kind { FEEDBACK_DMARC, FEEDBACK_TLS, FEEDBACK_KINDS };

struct feedback_options {
    enum feedback_kind kind;
    struct volume *volume;
    struct queue *queue;
    const char *hostname;
    fetch_fn *fetch; /* for reports to web pages; NULL: they can't be sent */
    void *fetch_context;
    bool public_only; /* of these pages */
};

enum err feedback_open(const struct feedback_options *options, struct feedback **ret_feedback,
                       struct error *error) MUST_CHECK;
/* Looks by itself from now on. */
enum err feedback_start(struct feedback *feedback, struct error *error) MUST_CHECK;
void feedback_close(struct feedback *feedback);

/* policy, row: as sighting_put_... made them; of TLS, tls_note_put, and without a policy. */
struct feedback_note {
    struct slice domain;    /* of the policy */
    struct slice addresses; /* of those who get the report, with commas between */
    struct slice policy;
    struct slice row;
};
enum err feedback_note(struct feedback *feedback, const struct feedback_note *note, int64_t now_us,
                       struct error *error) MUST_CHECK;
/* Hands the reports of all days before now's to the queue. */
enum err feedback_send(struct feedback *feedback, int64_t now_us, struct error *error) MUST_CHECK;

#endif
