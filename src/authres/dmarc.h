/*
 * DMARC (RFC 9989): is the author's domain one of those that SPF or DKIM have proven, and if not, what does
 * that domain want to be done?
 *
 * Ownership: the answer's texts borrow from the query and from the arena. Errors: there is always a result.
 * Threads: as the dns allows; blocks until the deadline at most. Limits: DMARC_WALK_MAX questions a walk.
 */
#ifndef POSTHORN_AUTHRES_DMARC_H
#define POSTHORN_AUTHRES_DMARC_H

#include "authres/dmarc_record.h"
#include "authres/dns.h"

enum { DMARC_WALK_MAX = 8 /* 4.10 */ };

/* RFC 8601 2.7, RFC 9989 7 */
#define DMARC_RESULT_TABLE(X) \
    X(NONE, "none")           \
    X(PASS, "pass")           \
    X(FAIL, "fail")           \
    X(TEMPERROR, "temperror") \
    X(PERMERROR, "permerror")
enum dmarc_result {
#define X(name, text) DMARC_RESULT_##name,
    DMARC_RESULT_TABLE(X)
#undef X
        DMARC_RESULTS
};

enum dmarc_method { DMARC_SPF, DMARC_DKIM };
enum dmarc_proof { PROOF_NONE, PROOF_TEMPERROR, PROOF_PASS };

/* A domain that SPF or DKIM speaks of. */
struct dmarc_identifier {
    enum dmarc_method method;
    enum dmarc_proof proof;
    struct slice domain;
};

struct dmarc_query {
    struct slice author; /* domain of From, A-labels */
    const struct dmarc_identifier *identifiers;
    size_t count;
    unsigned dice; /* 0 to 99, for `pct` */
    int64_t deadline_us;
};

struct dmarc_answer {
    enum dmarc_result result;
    enum dmarc_policy policy;   /* of the record, for this author */
    enum dmarc_policy wanted;   /* what is to be done: the policy after `t` and `pct`, if it failed; or would
                                  be, if   it fails when SPF and DKIM have their results (temperror) */
    struct slice policy_domain; /* where the record is; empty: there is none */
    struct dmarc_record record; /* when there is one */
    struct slice reason;        /* of an error; else empty */
    bool spf_aligned, dkim_aligned; /* and passed */
    /* Why it is not done although it failed (arc_comment_put); empty: it is. dmarc_check leaves it so. */
    struct slice overridden;
};

const char *dmarc_result_name(enum dmarc_result result);
struct dmarc_answer dmarc_check(const struct authres_dns *dns, const struct dmarc_query *query,
                                struct arena *arena);

#endif
