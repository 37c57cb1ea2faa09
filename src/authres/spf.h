/*
 * SPF (RFC 7208): may this client send mail under this name? check_host() with all mechanisms, macros and
 * limits.
 *
 * Ownership: the answer's texts live in the arena. Errors: there is always a result; what went wrong is in
 * `reason`. Threads: as the dns allows; blocks until the query's deadline at most. Limits: SPF_* (4.6.4).
 */
#ifndef POSTHORN_AUTHRES_SPF_H
#define POSTHORN_AUTHRES_SPF_H

#include "authres/dns.h"

enum {
    SPF_LOOKUPS_MAX = 10,      /* terms that ask the DNS */
    SPF_VOID_LOOKUPS_MAX = 2,  /* questions of those without an answer */
    SPF_NAMES_MAX = 10,        /* names of one "mx" (more: an error), or of the client (more are left out) */
    SPF_EXPLANATION_MAX = 300, /* bytes that are told to the client */
};

/* RFC 8601 2.7.2 */
#define SPF_RESULT_TABLE(X)   \
    X(NONE, "none")           \
    X(NEUTRAL, "neutral")     \
    X(PASS, "pass")           \
    X(FAIL, "fail")           \
    X(SOFTFAIL, "softfail")   \
    X(TEMPERROR, "temperror") \
    X(PERMERROR, "permerror")
enum spf_result {
#define X(name, text) SPF_RESULT_##name,
    SPF_RESULT_TABLE(X)
#undef X
        SPF_RESULTS
};

struct spf_query {
    struct resolver_address client;
    struct slice sender; /* local@domain; for HELO and the null sender postmaster@ and the HELO name */
    struct slice helo;
    struct slice receiver; /* our host name */
    int64_t deadline_us;   /* monotonic */
    int64_t now_seconds;   /* since 1970 */
};

struct spf_answer {
    enum spf_result result;
    struct slice domain;      /* that was asked for */
    struct slice term;        /* that decided; empty: none */
    struct slice reason;      /* of an error; else empty */
    struct slice explanation; /* the domain's own words on a fail, printable ASCII; may be empty */
};

const char *spf_result_name(enum spf_result result);
/* For the domain of query->sender. */
struct spf_answer spf_check(const struct authres_dns *dns, const struct spf_query *query,
                            struct arena *arena);

#endif
