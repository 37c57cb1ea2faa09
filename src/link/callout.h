/*
 * Is there such an address? Asked by edge of relay, at RCPT, about an address in a domain of ours that is
 * split with another server (directory/domain_rest.h): relay asks that server.
 *
 * Edge names the address only: which server is asked, relay hears from store. Both ends have the shape of
 * callout_fn. Errors: ERR_UNAVAILABLE: relay is not there; others of whoever answers: then nobody knows.
 * Threads: any; a call blocks for CALLOUT_WAIT_US at most, with CALLOUT_MARGIN_US on top when relay hangs.
 */
#ifndef POSTHORN_LINK_CALLOUT_H
#define POSTHORN_LINK_CALLOUT_H

#include "base/clock.h"
#include "link/link.h"

#define CALLOUT_WAIT_US (25 * CLOCK_SECOND)
#define CALLOUT_MARGIN_US CLOCK_SECOND

#define CALLOUT_ANSWER_TABLE(X)                                      \
    X(TAKEN, "taken")     /* it is there */                          \
    X(REFUSED, "refused") /* the other server says that it is not */ \
    X(UNKNOWN, "unknown") /* it did not answer, or not clearly: later it may */
enum callout_answer {
#define X(name, text) CALLOUT_##name,
    CALLOUT_ANSWER_TABLE(X)
#undef X
        CALLOUT_ANSWERS
};

typedef enum err callout_fn(void *context, struct slice address, enum callout_answer *ret_answer,
                            struct error *error);

/* A callout_fn whose context is a struct ipc_client that leads to relay. */
callout_fn callout_ask;
/* An ipc_serve_fn's part: false when the request is something else. */
struct callout_service {
    callout_fn *answer;
    void *context;
};
bool callout_serve(const struct callout_service *service, const struct ipc_message *request,
                   struct buf *reply_body, struct ipc_message *reply);

#endif
