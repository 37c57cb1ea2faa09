/*
 * The MTA-STS policies that relay has seen (RFC 8461 5), kept for it so that a restart forgets none: each
 * protects its domain until it expires, whatever DNS says meanwhile.
 *
 * policies.db: a row a domain. What the text means, relay knows (send/sts.h). Errors: ERR_INVALID beyond the
 * limits; ERR_LIMIT: POLICIES_MAX others are in force. Threads: any. Limits: POLICIES_*.
 */
#ifndef POSTHORN_QUEUE_POLICIES_H
#define POSTHORN_QUEUE_POLICIES_H

#include "base/arena.h"
#include "store/volume.h"

enum {
    POLICIES_MAX = 100000, /* domains */
    POLICIES_TEXT_MAX = 64 * 1024,
    POLICIES_NAME_MAX = 253,
    POLICIES_ID_MAX = 32,
    POLICIES_OLD_MAX = 100, /* names at once */
    POLICIES_REFRESH_SECONDS = 86400,
};

struct policies;

struct kept_policy {
    struct slice domain;
    struct slice id; /* of the record that told of it */
    struct slice text;
    int64_t fetched_us, expires_us; /* wall time */
};

enum err policies_open(struct volume *volume, struct policies **ret_policies, struct error *error) MUST_CHECK;
void policies_close(struct policies *policies);
/* In the place of what was kept of the domain. Durable on return. */
enum err policies_put(struct policies *policies, const struct kept_policy *policy, int64_t now_us,
                      struct error *error) MUST_CHECK;
/* ERR_NOT_FOUND: none is kept, or it has expired. */
enum err policies_get(struct policies *policies, struct slice domain, int64_t now_us, struct arena *arena,
                      struct kept_policy *ret_policy, struct error *error) MUST_CHECK;
/* Names of those in force that are to be fetched anew, behind `after` in their order: older than a day, or
 * than half of their time. At most POLICIES_OLD_MAX. */
enum err policies_old(struct policies *policies, struct slice after, int64_t now_us, struct arena *arena,
                      struct slice **ret_domains, size_t *ret_count, struct error *error) MUST_CHECK;

#endif
