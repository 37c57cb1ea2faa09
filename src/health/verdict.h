/*
 * What is wrong with the house, by its numbers: a table of checks, each of which finds one thing or nothing.
 *
 * A failing house answers /health with 503; a warning wants a person in the next days. Threads: any.
 */
#ifndef POSTHORN_HEALTH_VERDICT_H
#define POSTHORN_HEALTH_VERDICT_H

#include "rt/metrics.h"

enum verdict_level { VERDICT_OK, VERDICT_WARNING, VERDICT_FAILING };

/* check's name here, name outside */
#define VERDICT_TABLE(X)                    \
    X(process_down, "process-down")         \
    X(process_restarts, "process-restarts") \
    X(accounts_broken, "accounts-broken")   \
    X(queue_broken, "queue-broken")         \
    X(sync_failed, "sync-failed")           \
    X(disk_space, "disk-space")             \
    X(disk_inodes, "disk-inodes")           \
    X(certificate, "certificate")           \
    X(acme, "acme")                         \
    X(queue_stuck, "queue-stuck")

enum {
#define X(name, text) +1
    VERDICTS_MAX = VERDICT_TABLE(X),
#undef X
    VERDICT_TEXT_MAX = 200,
    VERDICT_RESTARTS = 3,          /* within five minutes: a warning */
    VERDICT_CERTIFICATE_DAYS = 14, /* before it expires: a warning */
    VERDICT_STUCK_SECONDS = 600,   /* a message that is not filed: a warning */
    VERDICT_LOW_PERCENT = 10,      /* of room on the disk: a warning */
    VERDICT_FULL_PERCENT = 2,      /* the house fails */
};

#define VERDICT_DISK_ENOUGH (INT64_C(20) << 30) /* bytes free: however large the disk is */

struct verdict {
    const char *what;
    enum verdict_level level;
    char text[VERDICT_TEXT_MAX];
};

const char *verdict_level_name(enum verdict_level level);
/* before: five minutes ago. now_seconds: since 1970. Gives the worst level, and *ret_count verdicts. */
enum verdict_level verdict_judge(const struct metrics_sample *now, const struct metrics_sample *before,
                                 int64_t now_seconds, struct verdict ret_verdicts[static VERDICTS_MAX],
                                 size_t *ret_count);

#endif
