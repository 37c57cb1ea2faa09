/*
 * The MTA-STS policies that are in force (RFC 8461 5): found by DNS, fetched by HTTPS, kept until they
 * expire.
 *
 * A policy that was seen stays in force for its max_age, whatever DNS says or does not say meanwhile: who can
 * hide the record can't switch it off. It is fetched anew when the record's id changes, and when it is old.
 * Store keeps what relay knows over a restart (docs/decisions/mta-sts.md).
 *
 * Invariants: 1. an entry has a policy, or says when to try again, or both; 2. an entry's policy is whole and
 * not changed while it is in the table, but replaced. Ownership: a found policy lives in the caller's arena.
 * Threads: any; a call blocks for one look-up and one fetch. Limits: STS_CACHE_*.
 */
#ifndef POSTHORN_SEND_STS_CACHE_H
#define POSTHORN_SEND_STS_CACHE_H

#include "fetch/fetch.h"
#include "fetch/names.h"
#include "queue/policies.h"
#include "send/sts.h"

enum {
    STS_CACHE_MAX = 10000,                  /* domains; further ones are asked each time */
    STS_CACHE_BYTES_MAX = 64 * 1024 * 1024, /* of all policies, in the same way */
    STS_CACHE_FETCHES_MAX = 16,             /* at once; who comes then waits */
    STS_CACHE_REFRESH_SECONDS = POLICIES_REFRESH_SECONDS,
    STS_CACHE_RETRY_SECONDS = 300, /* after a fetch that failed (RFC 8461 3.3) */
};
#define STS_CACHE_FETCH_US (30 * CLOCK_SECOND)

struct sts_cache;

/* As policies_get and policies_put, in the time of the one who keeps them. */
typedef enum err sts_recall_fn(void *context, struct slice domain, struct arena *arena,
                               struct kept_policy *ret_policy, struct error *error);
typedef enum err sts_keep_fn(void *context, const struct kept_policy *policy, struct error *error);

struct sts_source {
    names_fn *records;
    void *names;
    fetch_fn *fetch;
    void *fetcher;
    sts_recall_fn *recall; /* NULL: nothing is kept beyond the cache */
    sts_keep_fn *keep;
    void *keeper;
    uint16_t port;    /* of the servers of policies; 443 */
    bool private_too; /* they may be in a private network */
};
enum err sts_cache_create(const struct sts_source *source, struct sts_cache **ret_cache,
                          struct error *error) MUST_CHECK;
void sts_cache_destroy(struct sts_cache *cache);
/* The domain's policy; with mode STS_NONE when it has none, or none that can be had. ERR_NOMEM; others: what
 * is kept can't be known now, and so nothing may be sent. */
enum err sts_cache_find(struct sts_cache *cache, struct slice domain, int64_t deadline_us,
                        struct arena *arena, struct sts_policy *ret_policy, struct error *error) MUST_CHECK;

#endif
