#include "authres/arc.h"
#include "authres/dkim_verifier.h"
#include "base/must.h"

void arc_collect(struct dkim_verifier *verifier)
{
    struct arc_chain *chain = &verifier->chain;
    arc_chain_read(&verifier->intake, chain);
    if (chain->count == 0 || chain->broken != NULL)
        return;
    verifier->sets = arena_array(&verifier->arena, chain->count, sizeof(*verifier->sets));
    if (verifier->sets == NULL)
        return;
    /* The newest first: should there be too many different body hashes, it has its own. */
    for (unsigned i = chain->count; i > 0; i--) {
        const struct arc_set *set = &chain->sets[i - 1];
        dkim_candidate_read(verifier, DKIM_FIELD_ARC_MESSAGE, set->fields[ARC_MESSAGE],
                            &verifier->sets[i - 1].message);
        dkim_candidate_read(verifier, DKIM_FIELD_ARC_SEAL, set->fields[ARC_SEAL],
                            &verifier->sets[i - 1].seal);
    }
}

/* What every check of one chain needs. */
struct checking {
    struct dkim_verifier *verifier;
    const struct authres_dns *dns;
    int64_t now_s;
    int64_t deadline_us;
};

/* 4.1.2: an ARC-Message-Signature does not sign seals. */
static bool signs_seals(const struct dkim_signature *s)
{
    for (size_t i = 0; i < s->name_count; i++)
        if (slice_eq_nocase(s->names[i], S("ARC-Seal")))
            return true;
    return false;
}

static enum err check_message(const struct checking *c, unsigned instance, bool *ret_good,
                              struct error *error)
{
    struct dkim_candidate *candidate = &c->verifier->sets[instance - 1].message;
    const struct dkim_signature *s = &candidate->signature;
    unsigned char hash[DKIM_HASH_SIZE];
    bool testing;
    unsigned bits;
    *ret_good = false;
    if (!candidate->readable || signs_seals(s) ||
        !dkim_signature_check(s, &c->verifier->intake, c->now_s, &candidate->outcome))
        return ERR_OK;
    enum err err = dkim_signature_hash(&c->verifier->intake, s->header_canon, s->names, s->name_count,
                                       s->unsigned_text, hash, error);
    if (err == ERR_OK)
        *ret_good =
            dkim_signature_verify(s, hash, c->dns, c->deadline_us, &testing, &bits).result == DKIM_PASS;
    return err;
}

static enum err check_seal(const struct checking *c, unsigned instance, bool *ret_good, struct error *error)
{
    const struct dkim_candidate *candidate = &c->verifier->sets[instance - 1].seal;
    const struct dkim_signature *s = &candidate->signature;
    unsigned char hash[DKIM_HASH_SIZE];
    bool testing;
    unsigned bits;
    *ret_good = false;
    /* 4.1.3: h= is not allowed. */
    if (!candidate->readable || tag_list_find(&s->tags, S("h")) != NULL)
        return ERR_OK;
    enum err err = arc_seal_hash(&c->verifier->chain, 1, instance, s->unsigned_text, hash, error);
    if (err == ERR_OK)
        *ret_good =
            dkim_signature_verify(s, hash, c->dns, c->deadline_us, &testing, &bits).result == DKIM_PASS;
    return err;
}

/* Step 5. */
static enum err find_oldest_pass(const struct checking *c, unsigned *ret_oldest, struct error *error)
{
    for (unsigned i = c->verifier->chain.count - 1; i > 0; i--) {
        bool good;
        enum err err = check_message(c, i, &good, error);
        if (err != ERR_OK)
            return err;
        if (!good) {
            *ret_oldest = i + 1;
            return ERR_OK;
        }
    }
    *ret_oldest = 0;
    return ERR_OK;
}

/* Steps 2 and 3; NULL: the structure is right. */
static const char *structure_fault(const struct arc_chain *chain)
{
    enum arc_status status;
    if (chain->broken != NULL)
        return chain->broken;
    if (arc_seal_status(chain->sets[chain->count - 1].fields[ARC_SEAL], &status) && status == ARC_FAIL)
        return "it had failed before";
    for (unsigned i = 0; i < chain->count; i++)
        if (!arc_seal_status(chain->sets[i].fields[ARC_SEAL], &status) ||
            status != (i == 0 ? ARC_NONE : ARC_PASS))
            return "a seal states the wrong status";
    return NULL;
}

/* Steps 4 and 6. */
static enum err check_signatures(const struct checking *c, const char **ret_fault, struct error *error)
{
    bool good;
    *ret_fault = NULL;
    enum err err = check_message(c, c->verifier->chain.count, &good, error);
    if (err == ERR_OK && !good)
        *ret_fault = "the newest message signature does not hold";
    for (unsigned i = c->verifier->chain.count; err == ERR_OK && *ret_fault == NULL && i > 0; i--) {
        err = check_seal(c, i, &good, error);
        if (!good)
            *ret_fault = "a seal does not hold";
    }
    return err;
}

static enum err tell_seals(const struct dkim_verifier *verifier, struct arena *arena,
                           struct arc_verdict *verdict, struct error *error)
{
    verdict->count = verifier->chain.count;
    verdict->seals = arena_array(arena, verdict->count, sizeof(*verdict->seals));
    for (size_t i = 0; verdict->seals != NULL && i < verdict->count; i++) {
        const struct dkim_signature *s = &verifier->sets[i].seal.signature;
        verdict->seals[i] =
            (struct arc_seal){arena_dup(arena, s->domain), arena_dup(arena, s->selector),
                              arena_dup(arena, verifier->chain.sets[i].fields[ARC_RESULTS]->value)};
    }
    return arena_failed(arena) ? fail_nomem(error) : ERR_OK;
}

enum err arc_verify(struct dkim_verifier *verifier, const struct authres_dns *dns, int64_t now_s,
                    int64_t deadline_us, struct arena *arena, struct arc_verdict *ret_verdict,
                    struct error *error)
{
    const struct checking c = {verifier, dns, now_s, deadline_us};
    struct arc_verdict verdict = {.status = ARC_NONE, .reason = ""};
    enum err err = ERR_OK;
    must(verifier->ended);
    if (verifier->chain.any) {
        verdict.reason = structure_fault(&verifier->chain);
        if (verdict.reason == NULL && verifier->sets == NULL)
            return fail_nomem(error);
        if (verdict.reason == NULL)
            err = check_signatures(&c, &verdict.reason, error);
        verdict.status = verdict.reason == NULL ? ARC_PASS : ARC_FAIL;
    }
    if (err == ERR_OK && verdict.status == ARC_PASS) {
        verdict.reason = "";
        err = find_oldest_pass(&c, &verdict.oldest_pass, error);
        if (err == ERR_OK)
            err = tell_seals(verifier, arena, &verdict, error);
    }
    if (err == ERR_OK)
        *ret_verdict = verdict;
    return err;
}
