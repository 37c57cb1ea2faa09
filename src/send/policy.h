/*
 * How a session with one host of a domain must be secured: by DANE where DNSSEC proves it (RFC 7672), else by
 * the domain's MTA-STS policy (RFC 8461), else as it comes (RFC 7435: better than nothing). What an
 * administrator has set goes before all of it.
 *
 * Ownership: all lives in the arena. Errors: ERR_AUTH: the host must not be used; ERR_UNSUPPORTED: not
 * for a message that requires TLS; others: it could not be found out, and so it must not be used now.
 * Threads: any.
 */
#ifndef POSTHORN_SEND_POLICY_H
#define POSTHORN_SEND_POLICY_H

#include "send/dane.h"
#include "send/hosts.h"
#include "send/sts.h"
#include "send/terms.h"

#define POLICY_LEVEL_TABLE(X)                                                                          \
    X(MAY, "")                            /* TLS if it can be had, else none */                        \
    X(ENCRYPTED, "DANE")                  /* TLS, with whomever */                                     \
    X(DANE, "DANE")                       /* TLS, with whom the TLSA records name */                   \
    X(STS, "MTA-STS")                     /* TLS, with a certificate of an authority for this host */  \
    X(REQUIRED, "REQUIRETLS")             /* the same, since the sender demands it (RFC 8689 4.2.1) */ \
    X(SET, "as set for this destination") /* TLS, as an administrator wants it (terms.h) */
enum policy_level {
#define X(name, text) POLICY_##name,
    POLICY_LEVEL_TABLE(X)
#undef X
        POLICY_LEVELS
};
enum { POLICY_ALIASES_MAX = 3 };

struct policy {
    enum policy_level level;
    bool trial;   /* MTA-STS of mode testing: tried as if it were demanded, and told of (RFC 8461 5) */
    bool unnamed; /* and it does not name the host */
    bool clear;   /* without TLS, though it is offered */
    struct tls_expectation expectation;
    const char *aliases[POLICY_ALIASES_MAX];
};

struct policy_question {
    struct resolver *resolver;
    uint16_t port;
    struct slice domain;          /* of the recipient */
    const struct hosts *hosts;    /* the domain's */
    const struct sts_policy *sts; /* the domain's; mode STS_NONE: it has none */
    struct slice name;            /* the host */
    const struct resolver_host *host;
    const struct terms *terms; /* what is set for it; NULL: nothing */
    int64_t deadline_us;
    bool required; /* TLS, by the sender: with whom DNSSEC or a policy vouch for, and nobody else */
};
enum err policy_find(const struct policy_question *question, struct arena *arena, struct policy *ret_policy,
                     struct error *error) MUST_CHECK;
/* A session that is as this level demands is good enough for REQUIRETLS: the host's name is proven, and who
 * it is. */
bool policy_is_proof(const struct policy *policy);
/* What demands it, for people; empty: nothing does. */
const char *policy_name(const struct policy *policy);

#endif
