/*
 * Keeps the server's certificate in force, in relay: gets one when there is none, a new one when two thirds
 * of its time are over, or when it is for other names or another key than wanted. One that can't be had is
 * tried for again, later and later; the authority's own wish goes before that.
 *
 *   what the supervisor sends (acme_renewer_update) --> waits until due --> attempt --> issued(chain)
 *        ^                                                 |                               |
 *        +---- the supervisor has kept it, or refused it --+------------ back-off <--------+
 *
 * By DNS-01 nothing is tried before acme_renewer_now: whoever calls it sets the records (acme/answers.h).
 *
 * Ownership: settings are copied. Errors: those of an attempt are in the state, the log and the metric
 * ACME_FAILURES. Threads: one of its own; the calls any. Limits: ACME_RETRY_TABLE.
 */
#ifndef POSTHORN_ACME_RENEWER_H
#define POSTHORN_ACME_RENEWER_H

#include "acme/answers.h"
#include "acme/question.h"
#include "fetch/fetch.h"
#include "rt/settings.h"

/* Seconds after the first, second ... failure in a row; the last holds for all that follow. Authorities count
 * failed proofs by the hour. */
#define ACME_RETRY_TABLE(X) X(60) X(300) X(1800) X(7200) X(21600) X(86400)

struct acme_renewer;

struct acme_renewer_options {
    fetch_fn *fetch; /* of this process: it gives headers */
    void *fetch_context;
    /* A new chain, borrowed. What the supervisor does with it comes back by acme_renewer_update. */
    void (*issued)(void *context, struct slice chain);
    void *context;
    int64_t settle_us; /* between the opening of edge's door and the first attempt */
};
/* Edge's threads are up, and its way to relay is there. */
#define ACME_SETTLE_US (2 * CLOCK_SECOND)
/* Before the sandbox: jansson reads /dev/urandom once. */
void acme_prepare(void);
enum err acme_renewer_create(const struct acme_renewer_options *options, struct acme_renewer **ret_renewer,
                             struct error *error) MUST_CHECK;
enum err acme_renewer_start(struct acme_renewer *renewer, struct error *error) MUST_CHECK;
void acme_renewer_update(struct acme_renewer *renewer, const struct settings *settings) NONNULL;
/* No further attempt; one that is under way ends by the deadline (monotonic us), or with the process. */
void acme_renewer_stop(struct acme_renewer *renewer, int64_t deadline_us) NONNULL;
/* After a stop that was waited for, in tests. */
void acme_renewer_destroy(struct acme_renewer *renewer);

/* Edge is there: before, nobody would find a proof. */
void acme_renewer_door(struct acme_renewer *renewer) NONNULL;
void acme_renewer_state(struct acme_renewer *renewer, struct acme_state *ret_state) NONNULL;
/* As soon as can be, whatever the time. */
void acme_renewer_now(struct acme_renewer *renewer) NONNULL;
struct acme_answers *acme_renewer_answers(struct acme_renewer *renewer) NONNULL;

#endif
