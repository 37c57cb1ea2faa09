/*
 * What other servers say about addresses, kept for a while: the servers that have the rest of a domain of
 * ours. One that does not answer is left alone for a moment, so that few wait for it.
 *
 * Of each answer only a digest of address and server is kept, in a table of fixed size: a newer answer may
 * take the place of an older one. Ownership: callouts_create gives it; it ends with the process. Errors:
 * those of the source. Threads: any. Limits: CALLOUTS_*.
 */
#ifndef POSTHORN_SEND_CALLOUTS_H
#define POSTHORN_SEND_CALLOUTS_H

#include "base/clock.h"
#include "link/callout.h"
#include "link/outbound.h"

enum {
    CALLOUTS_KEPT_MAX = 8192,     /* answers */
    CALLOUTS_AT_ONCE_MAX = 16,    /* questions under way; one more is "unknown" at once */
    CALLOUTS_ARENA_MAX = 1 << 20, /* bytes for one question */
};
#define CALLOUTS_TAKEN_US (6 * CLOCK_HOUR)      /* an address that was there */
#define CALLOUTS_REFUSED_US (10 * CLOCK_MINUTE) /* it may be set up soon */
#define CALLOUTS_SILENT_US (30 * CLOCK_SECOND)  /* a server that did not answer */

struct callouts_source {
    /* The server that an address of ours belongs to; host empty: none but this one. */
    enum err (*rest)(void *context, struct slice address, struct arena *arena, struct smart_host *ret_host,
                     struct error *error);
    /* What that one says, until the deadline (monotonic us). An error: nobody was there. */
    enum err (*ask)(void *context, const struct smart_host *host, struct slice address, int64_t deadline_us,
                    enum callout_answer *ret_answer, struct error *error);
    void *context;
};
struct callouts;
enum err callouts_create(const struct callouts_source *source, struct callouts **ret_callouts,
                         struct error *error) MUST_CHECK;
void callouts_free(struct callouts *callouts);
/* A callout_fn whose context is a struct callouts. */
callout_fn callouts_answer;

#endif
