/*
 * What relay asks of store: mail for other servers, and telling what became of it. The calls are those of
 * queue/outbound.h across the border of processes; `hand` is the relay's process.
 *
 * Errors: ERR_UNAVAILABLE: store can't be reached; ERR_NOT_FOUND: it has given the entry to somebody else.
 * Threads: any.
 */
#ifndef POSTHORN_LINK_OUTBOUND_H
#define POSTHORN_LINK_OUTBOUND_H

#include "directory/destination.h"
#include "link/link.h"
#include "queue/outbound.h"
#include "queue/policies.h"

#define LINK_OUTBOUND_WAIT_US (20 * CLOCK_SECOND) /* how long store waits for something to give */

enum err link_outbound_take(struct link *link, uint64_t hand, uint64_t seen, size_t max, struct arena *arena,
                            struct outbound_batch *ret_batch, struct error *error) MUST_CHECK;
enum err link_outbound_open(struct link *link, uint64_t hand, struct queue_id entry,
                            struct outbound_message *ret_message, struct error *error) MUST_CHECK;
enum err link_outbound_done(struct link *link, uint64_t hand, struct queue_id entry,
                            const struct outbound_result *results, size_t count,
                            struct error *error) MUST_CHECK;
/* What is set for destinations, all of it. */
enum err link_destinations(struct link *link, struct arena *arena, struct destination **ret_rows,
                           size_t *ret_count, struct error *error) MUST_CHECK;
/* The server that has the rest of a split domain of ours, if the address is its; else host empty. */
enum err link_rest(struct link *link, struct slice address, struct arena *arena, struct smart_host *ret_host,
                   struct error *error) MUST_CHECK;

/* queue/policies.h, at store's time. */
enum err link_policy_get(struct link *link, struct slice domain, struct arena *arena,
                         struct kept_policy *ret_policy, struct error *error) MUST_CHECK;
enum err link_policy_put(struct link *link, const struct kept_policy *policy, struct error *error) MUST_CHECK;
enum err link_policy_old(struct link *link, struct slice after, struct arena *arena,
                         struct slice **ret_domains, size_t *ret_count, struct error *error) MUST_CHECK;
/* How a session went, for the domain's TLS report; nothing where none are written. */
enum err link_tls_note(struct link *link, const struct feedback_note *note, struct error *error) MUST_CHECK;

#endif
