/*
 * Macros in SPF records (RFC 7208 7): what they may look like, and what becomes of them.
 *
 * Threads: any. Errors: an expansion that is malformed or too long says no. Private to the authres room.
 */
#ifndef POSTHORN_AUTHRES_SPF_MACRO_H
#define POSTHORN_AUTHRES_SPF_MACRO_H

#include "base/buf.h"
#include "fetch/resolver.h"

enum { SPF_EXPANSION_MAX = 4096 /* bytes */ };

struct spf_values {
    struct slice sender; /* local@domain */
    struct slice domain; /* <domain> of the check that is under way */
    struct slice helo;
    struct slice receiver; /* our host name */
    const struct resolver_address *client;
    int64_t now_seconds; /* since 1970 */
    /* The client's name as its address says, proven (%{p}, 7.3): asked only when needed. */
    struct slice (*client_name)(void *context, struct slice domain);
    void *context;
};

/* A domain-spec: macro-string, and an end that can be a name's. */
bool spf_domain_spec_valid(struct slice text);
/* A macro-string, for modifiers that nobody knows. */
bool spf_macro_string_valid(struct slice text);
/* A domain-spec expanded and cut to a name's length from the left (7.3). */
bool spf_expand_domain(struct slice text, const struct spf_values *values,
                       struct buf *out) NONNULL MUST_CHECK;
/* An explanation (6.2): blanks, and the letters c, r and t, are allowed too. */
bool spf_expand_explanation(struct slice text, const struct spf_values *values,
                            struct buf *out) NONNULL MUST_CHECK;

#endif
