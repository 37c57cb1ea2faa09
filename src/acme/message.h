/*
 * What an authority answers (RFC 8555 7.1): JSON of a stranger, read into what is used of it.
 *
 * Ownership: texts live in the arena, with a NUL behind each. Errors: false for what is malformed, or lacks
 * what is needed. Threads: any. Limits: ACME_*; lists are cut there, and an order with more authorizations is
 * refused.
 */
#ifndef POSTHORN_ACME_MESSAGE_H
#define POSTHORN_ACME_MESSAGE_H

#include "base/arena.h"

enum {
    ACME_AUTHORIZATIONS_MAX = 64,
    ACME_OFFERS_MAX = 16,  /* ways to prove one name */
    ACME_TOKEN_MAX = 256,  /* bytes */
    ACME_DETAIL_MAX = 300, /* of what went wrong */
    ACME_ANSWER_URL_MAX = 2048,
};

#define ACME_STATUS_TABLE(X)    \
    X(PENDING, "pending")       \
    X(READY, "ready")           \
    X(PROCESSING, "processing") \
    X(VALID, "valid")           \
    X(INVALID, "invalid")       \
    X(EXPIRED, "expired")       \
    X(REVOKED, "revoked")       \
    X(DEACTIVATED, "deactivated")
enum acme_status {
#define X(name, text) ACME_##name,
    ACME_STATUS_TABLE(X)
#undef X
};

struct acme_directory {
    struct slice new_nonce, new_account, new_order;
    bool wants_account; /* one that was given otherwise */
};

/* RFC 7807, RFC 8555 6.7. */
struct acme_problem {
    struct slice type;   /* "badNonce", "rateLimited"; of others' words all of it; empty: there is none */
    struct slice detail; /* one line, printable */
};

struct acme_order {
    enum acme_status status;
    struct slice authorizations[ACME_AUTHORIZATIONS_MAX];
    size_t count;
    struct slice finalize;
    struct slice certificate; /* empty: not yet */
    struct acme_problem problem;
};

struct acme_offer {
    struct slice type; /* "http-01" */
    struct slice url;
    struct slice token;
    struct acme_problem problem;
};
struct acme_authorization {
    enum acme_status status;
    struct slice name; /* without "*." */
    bool wildcard;
    struct acme_offer offers[ACME_OFFERS_MAX];
    size_t count;
};

bool acme_read_directory(struct slice json, struct arena *arena, struct acme_directory *ret) MUST_CHECK;
bool acme_read_order(struct slice json, struct arena *arena, struct acme_order *ret) MUST_CHECK;
bool acme_read_authorization(struct slice json, struct arena *arena,
                             struct acme_authorization *ret) MUST_CHECK;
/* Never fails: an answer without a problem in it gives an empty one. */
struct acme_problem acme_read_problem(struct slice json, struct arena *arena);
/* RFC 8555 8.3: what base64url is made of. */
bool acme_token_valid(struct slice token);

/* A header's value; empty: it is not there. headers: as fetch_answer has them. */
struct slice acme_header(struct slice headers, struct slice name);
/* Seconds of Retry-After (RFC 9110 10.2.3), a number or a date; 0: none. now: seconds since 1970. */
int64_t acme_retry_after(struct slice headers, int64_t now);

#endif
