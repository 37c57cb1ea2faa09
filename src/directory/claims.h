/*
 * What a token says of itself (RFC 7519 4.1; the same names in an introspection's answer, RFC 7662 2.2), and
 * whether that lets somebody in here.
 *
 * Errors: ERR_AUTH, with the reason in the detail. Threads: any.
 */
#ifndef POSTHORN_DIRECTORY_CLAIMS_H
#define POSTHORN_DIRECTORY_CLAIMS_H

#include <jansson.h>

#include "base/arena.h"
#include "base/error.h"

enum { CLAIMS_SKEW_SECONDS = 60, CLAIMS_ACCOUNT_MAX = 1024 };

struct claim_rules {
    const char *issuer;   /* who may have made it; empty: anybody */
    const char *audience; /* for whom it must be made; empty: anybody */
    const char *account;  /* the claim that names the account */
    bool complete;        /* nobody else vouches for it: issuer and expiry must be there */
};

struct claims {
    struct slice account; /* in the arena */
    int64_t expires_us;   /* wall clock; INT64_MAX: it does not say */
};

/* An unverified e-mail address (OpenID Connect Core 5.1) is nobody's. */
enum err claims_check(json_t *object, const struct claim_rules *rules, int64_t now_us, struct arena *arena,
                      struct claims *ret_claims, struct error *error) MUST_CHECK;

#endif
