/*
 * ARC chains (RFC 8617): what earlier handlers say they have seen, verified; and a set of ours added.
 *
 * Verifying: after dkim_verifier_finish (dkim.h), by the same verifier. Sealing: feed the message as it will
 * leave, signatures and all; arc_sealer_finish gives the three fields to put before it.
 *
 * Ownership: texts live in the arena; a sealer borrows key and results until it is destroyed. Errors:
 * ERR_NOMEM; for sealing ERR_INVALID: a header that can't be sealed. Whatever is wrong with a chain, the DNS
 * included, is ARC_FAIL (5.2.1). Threads: one at a time. Limits: ARC_SETS_MAX (4.2.1), ARC_RESULTS_MAX, those
 * of dkim_intake.h.
 */
#ifndef POSTHORN_AUTHRES_ARC_H
#define POSTHORN_AUTHRES_ARC_H

#include "authres/dkim_sign.h"
#include "base/arena.h"

enum {
    ARC_SETS_MAX = 50,
    ARC_RESULTS_MAX = 16 << 10, /* bytes of results that are sealed */
};

/* The words of cv= and of the method "arc" (4.4). */
#define ARC_STATUS_TABLE(X) \
    X(NONE, "none")         \
    X(PASS, "pass")         \
    X(FAIL, "fail")
enum arc_status {
#define X(name, word) ARC_##name,
    ARC_STATUS_TABLE(X)
#undef X
};
const char *arc_status_word(enum arc_status status);

/* --- verifying --- */

struct arc_seal {
    struct slice domain;   /* d= of the set's ARC-Seal */
    struct slice selector; /* s= */
    struct slice results;  /* what its ARC-Authentication-Results say */
};
struct arc_verdict {
    enum arc_status status;
    const char *reason;     /* of FAIL: a few constant words */
    struct arc_seal *seals; /* of PASS: instance 1 first */
    size_t count;
    unsigned oldest_pass; /* header.oldest-pass (5.2 step 5): 0, all message signatures hold */
};

struct authres_dns;
struct dkim_verifier;
enum err arc_verify(struct dkim_verifier *verifier, const struct authres_dns *dns, int64_t now_s,
                    int64_t deadline_us, struct arena *arena, struct arc_verdict *ret_verdict,
                    struct error *error) NONNULL MUST_CHECK;

/* --- sealing --- */

/* What Authentication-Results (its value) say of "arc"; false: nothing. */
bool arc_status_in_results(struct slice results, enum arc_status *ret_status) NONNULL MUST_CHECK;

struct arc_sealer;
/* results: the value of the Authentication-Results field of its arrival, our name first. status: of the chain
 * when it arrived. */
enum err arc_sealer_create(const struct dkim_signing_key *key, struct slice results, enum arc_status status,
                           struct arc_sealer **ret_sealer, struct error *error) NONNULL MUST_CHECK;
void arc_sealer_destroy(struct arc_sealer *sealer);
static inline void arc_sealer_cleanup(struct arc_sealer **sealer)
{
    arc_sealer_destroy(*sealer);
}
void arc_sealer_feed(struct arc_sealer *sealer, struct slice piece) NONNULL;
/* Once, after the last piece. Adds the set, or nothing: the chain is marked as failed already or full, or it
 * is there and `status` says ARC_NONE, that nobody looked. */
enum err arc_sealer_finish(struct arc_sealer *sealer, int64_t now_s, struct buf *out,
                           struct error *error) NONNULL MUST_CHECK;

#endif
