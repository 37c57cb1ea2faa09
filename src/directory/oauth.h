/*
 * For whom is this token? Asked of an identity provider: its keys verify a signed token here (RFC 7517,
 * 7519), or it is asked about each token (introspection, RFC 7662).
 *
 * Keys are fetched when first needed and again after OAUTH_KEYS_SECONDS; a token by an unknown key makes them
 * be fetched at once, but only once in OAUTH_ROTATION_SECONDS, since anybody can make such a token. While the
 * provider is away the old ones do for OAUTH_KEYS_STALE_SECONDS. What an introspection said is remembered for
 * OAUTH_CACHE_SECONDS, no longer than the token lives; so a revoked token may do for that long.
 *
 * At most OAUTH_CHECKS_AT_ONCE wait for the provider; one more is told to come later, so that a slow provider
 * holds few threads, and nobody who logs in by other means.
 *
 * Ownership: the options' texts are borrowed. Errors: ERR_AUTH it lets nobody in; ERR_UNAVAILABLE nobody can
 * say now. Threads: any; a check may block for OAUTH_TIMEOUT_US.
 */
#ifndef POSTHORN_DIRECTORY_OAUTH_H
#define POSTHORN_DIRECTORY_OAUTH_H

#include "fetch/fetch.h"

enum {
    OAUTH_CHECKS_AT_ONCE = 8,
    OAUTH_KEYS_SECONDS = 3600,
    OAUTH_KEYS_STALE_SECONDS = 24 * 3600,
    OAUTH_ROTATION_SECONDS = 60,
    OAUTH_RETRY_SECONDS = 5, /* after a provider that could not be asked for its keys */
    OAUTH_CACHE_SECONDS = 60,
    OAUTH_CACHE_MAX = 10000, /* tokens */
};
#define OAUTH_TIMEOUT_US (10 * CLOCK_SECOND)

struct oauth_options {
    const char *jwks;          /* URL; empty: introspection */
    const char *introspection; /* URL */
    const char *client;        /* who we are to the introspection; empty: nobody in particular */
    const char *secret;
    const char *issuer;   /* empty: any */
    const char *audience; /* empty: any */
    const char *claim;    /* what names the account */
    fetch_fn *fetch;
    void *fetch_context;
};

struct oauth;
enum err oauth_create(const struct oauth_options *options, struct oauth **ret_oauth,
                      struct error *error) MUST_CHECK;
void oauth_destroy(struct oauth *oauth);
/* The name of the account, in the arena. */
enum err oauth_check(struct oauth *oauth, struct slice token, struct arena *arena, struct slice *ret_account,
                     struct error *error) MUST_CHECK;

#endif
