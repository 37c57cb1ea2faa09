/*
 * Verifying DKIM signatures (RFC 6376, 8301, 8463), and ARC chains (RFC 8617) in the same go.
 *
 * Feed the message as it arrived, in pieces of any size; the header is kept, the body only hashed. Then
 * dkim_verifier_finish, which asks the DNS, and arc_verify (arc.h) if that is wanted.
 *
 * Ownership: results live in the arena given, but for their reasons, which are constant. Errors: only
 * ERR_NOMEM; whatever is wrong with a message or its keys is a result. Threads: one at a time; finish waits
 * for the DNS until the deadline. Limits: DKIM_SIGNATURES_MAX, those of dkim_intake.h, dkim_key.h, tags.h.
 */
#ifndef POSTHORN_AUTHRES_DKIM_H
#define POSTHORN_AUTHRES_DKIM_H

#include "authres/dns.h"
#include "base/arena.h"
#include "base/error.h"

enum {
    DKIM_SIGNATURES_MAX = 10, /* looked at, from the top of the header */
    DKIM_NAMES_MAX = 256,     /* fields that one signature names in h= */
};

/* The words of RFC 8601 2.7.1. */
#define DKIM_RESULT_TABLE(X)  \
    X(NONE, "none")           \
    X(PASS, "pass")           \
    X(FAIL, "fail")           \
    X(POLICY, "policy")       \
    X(NEUTRAL, "neutral")     \
    X(TEMPERROR, "temperror") \
    X(PERMERROR, "permerror")

enum dkim_result {
#define X(name, word) DKIM_##name,
    DKIM_RESULT_TABLE(X)
#undef X
};

const char *dkim_result_word(enum dkim_result result);

struct dkim_outcome {
    enum dkim_result result;
    const char *reason; /* "" or a few constant words of ASCII: no quotes, brackets, semicolons */
};

/* One DKIM-Signature. What it said, in its spelling; empty: not there or not readable. */
struct dkim_signature_result {
    struct dkim_outcome outcome;
    struct slice domain;    /* d=, a valid name: the identity that passed */
    struct slice selector;  /* s=, a valid name */
    struct slice identity;  /* i=, local part decoded; "@" and d= if there was none */
    struct slice algorithm; /* a=, of a known one */
    struct slice signature; /* b=, base64 without blanks: header.b is the first 8 or more of it (RFC 6008) */
    unsigned bits;          /* the key's, 0: none seen */
    bool testing;           /* t=y in the key: treat the message as if it were unsigned (6376 3.6.1) */
};

struct dkim_results {
    struct dkim_signature_result *signatures; /* in the order of the header */
    size_t count;                             /* 0: "none" */
    size_t left_out;                          /* signatures beyond DKIM_SIGNATURES_MAX */
};

struct dkim_verifier;

enum err dkim_verifier_create(struct dkim_verifier **ret_verifier, struct error *error) NONNULL MUST_CHECK;
void dkim_verifier_destroy(struct dkim_verifier *verifier);
static inline void dkim_verifier_cleanup(struct dkim_verifier **verifier)
{
    dkim_verifier_destroy(*verifier);
}

void dkim_verifier_feed(struct dkim_verifier *verifier, struct slice piece) NONNULL;
/* Once, after the last piece. now_s: seconds since 1970, when the message arrived; deadline: monotonic us. */
enum err dkim_verifier_finish(struct dkim_verifier *verifier, const struct authres_dns *dns, int64_t now_s,
                              int64_t deadline_us, struct arena *arena, struct dkim_results *ret_results,
                              struct error *error) NONNULL MUST_CHECK;
/* The message's header, with its empty line; what of it fits in DKIM_HEADER_MAX. Borrowed. */
struct slice dkim_verifier_header(const struct dkim_verifier *verifier) NONNULL;

#endif
