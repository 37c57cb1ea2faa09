/*
 * How mail for other servers stands in relay: asked by store, for people. Both ends have the shape of what
 * they are a part of, so that tests leave the channel out.
 *
 * Ownership: texts live in the arena. Errors: ERR_UNAVAILABLE: relay can't be reached. Threads: any. Limits:
 * LANES_PAGE_MAX rows an answer; what is behind them is asked for by their last key.
 */
#ifndef POSTHORN_LINK_LANES_H
#define POSTHORN_LINK_LANES_H

#include "base/arena.h"
#include "rt/ipc.h"

enum { LANES_PAGE_MAX = 50 };

struct lane_state {
    struct slice name; /* as queue/destinations.h has it */
    struct slice addresses;
    uint32_t taken;       /* messages in relay, that wait there */
    uint32_t sending;     /* threads that are at it */
    uint32_t limit;       /* connections that it bears, as far as is known */
    uint64_t messages;    /* that were sent, since there was something for it */
    uint64_t connections; /* over so many */
    uint64_t blocked_us;  /* it is left alone for so long; 0: it is not */
    struct slice answer;  /* the last one, in the peer's words */
    struct slice tls;     /* of the last session; empty: in the clear, or there was none */
};
/* Rows in the order of their keys, those behind `after` (name, a line end, addresses). */
typedef void lanes_fn(void *context, struct slice after, struct arena *arena,
                      struct lane_state ret_rows[static LANES_PAGE_MAX], size_t *ret_count);

/* relay: a struct ipc_client. All of them. */
enum err lanes_ask(struct ipc_client *relay, struct arena *arena, struct lane_state **ret_rows,
                   size_t *ret_count, struct error *error) MUST_CHECK;

struct lanes_service {
    lanes_fn *list; /* NULL: nothing is sent */
    void *context;
};
/* False: another question. */
bool lanes_serve(const struct lanes_service *service, const struct ipc_message *request,
                 struct buf *reply_body, struct ipc_message *reply);

#endif
