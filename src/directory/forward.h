/*
 * Forwarding: an account's mail goes on to other addresses, ours or outside, with or without a copy that
 * stays.
 *
 * Nobody's mail is lost and nobody gets it twice: whoever can't be reached by a forward (an address of ours
 * that is no more, a circle) keeps the message, also without keep_copy; an account, or an address outside,
 * that several ways lead to is met once. Ownership: results live in the arena. Errors: ERR_NOT_FOUND,
 * ERR_INVALID, ERR_LIMIT. Threads: any. Limits: FORWARD*.
 */
#ifndef POSTHORN_DIRECTORY_FORWARD_H
#define POSTHORN_DIRECTORY_FORWARD_H

#include "directory/directory.h"

enum {
    FORWARD_TARGETS_MAX = 20, /* of one account */
    FORWARD_STOPS_MAX = 200,  /* accounts that forward, on the way of one message; the next ones keep it */
};

struct forward {
    struct slice *targets; /* as shown */
    size_t target_count;   /* 0: nothing is forwarded */
    bool keep_copy;
    int64_t since_us; /* when it was set, wall time; not read by forward_set */
};
/* No targets: off. ERR_NOT_FOUND: no such account, or a target of ours that is none. */
enum err forward_set(struct directory *directory, struct slice address, const struct forward *forward,
                     struct error *error) MUST_CHECK;
enum err forward_get(struct directory *directory, struct account_id id, struct arena *arena,
                     struct forward *ret_forward, struct error *error) MUST_CHECK;

/* Where a routed message goes in the end. */
struct forward_step {
    struct slice by;       /* the address of the account that sends it on */
    struct slice *targets; /* outside */
    size_t target_count;
};
struct forward_plan {
    struct account_id *accounts; /* that it is filed into */
    size_t account_count;
    struct forward_step *steps; /* those with targets outside */
    size_t step_count;
};
struct forward_question {
    const struct route *route;
    const struct slice *been; /* addresses that the message says it was delivered to already: they keep it */
    size_t been_count;
    int64_t again_since_us; /* who began to forward after that keeps a copy, as he may not have forwarded it
                             * the first time; INT64_MAX: it is the first time */
};
enum err forward_plan(struct directory *directory, const struct forward_question *question,
                      struct arena *arena, struct forward_plan *ret_plan, struct error *error) MUST_CHECK;

/* The sender under whom a message that came to `ours` goes on to the outside: rewritten (srs.h), unless it is
 * empty or ours anyway; `ours` itself where it can't be. */
enum err forward_sender(struct directory *directory, struct slice sender, struct slice ours,
                        struct arena *arena, struct slice *ret_sender, struct error *error) MUST_CHECK;

#endif
