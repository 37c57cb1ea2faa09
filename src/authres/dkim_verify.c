#include "authres/dkim.h"

#include <stdlib.h>

#include "authres/dkim_verifier.h"
#include "base/must.h"

enum { CANDIDATES_ARENA_MAX = 8 << 20 };

const char *dkim_result_word(enum dkim_result result)
{
    static const char *const words[] = {
#define X(name, word) word,
        DKIM_RESULT_TABLE(X)
#undef X
    };
    must((size_t)result < ARRAY_LEN(words));
    return words[result];
}

/* --- the header --- */

void dkim_candidate_read(struct dkim_verifier *verifier, enum dkim_field kind, const struct mime_field *field,
                         struct dkim_candidate *ret_candidate)
{
    struct dkim_candidate *c = ret_candidate;
    struct dkim_signature *s = &c->signature;
    c->outcome = (struct dkim_outcome){DKIM_NEUTRAL, ""};
    c->readable = dkim_signature_read(kind, field, &verifier->arena, s, &c->outcome);
    if (c->readable && verifier->intake.malformed) {
        c->readable = false;
        c->outcome = (struct dkim_outcome){DKIM_NEUTRAL, "the message header is malformed"};
    }
    if (!c->readable || kind == DKIM_FIELD_ARC_SEAL)
        return;
    s->body = dkim_intake_want_body(&verifier->intake, s->body_canon, s->limited, s->length);
    if (s->body != DKIM_NO_BODY)
        return;
    c->readable = false;
    c->outcome = (struct dkim_outcome){DKIM_POLICY, "too many signatures"};
}

static void read_signatures(void *context)
{
    struct dkim_verifier *verifier = context;
    struct dkim_intake *intake = &verifier->intake;
    size_t there = dkim_intake_count(intake, S("DKIM-Signature"));
    size_t wanted = MIN(there, (size_t)DKIM_SIGNATURES_MAX);
    verifier->left_out = there - wanted;
    verifier->signatures =
        arena_array(&verifier->arena, MAX(wanted, (size_t)1), sizeof(*verifier->signatures));
    if (verifier->signatures == NULL)
        return;
    for (size_t i = 0; i < intake->field_count && verifier->count < wanted; i++)
        if (slice_eq_nocase(intake->fields[i].name, S("DKIM-Signature")))
            dkim_candidate_read(verifier, DKIM_FIELD_SIGNATURE, &intake->fields[i],
                                &verifier->signatures[verifier->count++]);
    arc_collect(verifier);
}

/* --- the verifier --- */

enum err dkim_verifier_create(struct dkim_verifier **ret_verifier, struct error *error)
{
    struct dkim_verifier *verifier = calloc(1, sizeof(*verifier));
    if (verifier == NULL)
        return fail_nomem(error);
    verifier->intake = DKIM_INTAKE(read_signatures, verifier);
    verifier->arena = ARENA(CANDIDATES_ARENA_MAX);
    *ret_verifier = verifier;
    return ERR_OK;
}

void dkim_verifier_destroy(struct dkim_verifier *verifier)
{
    if (verifier == NULL)
        return;
    dkim_intake_release(&verifier->intake);
    arena_release(&verifier->arena);
    free(verifier);
}

void dkim_verifier_feed(struct dkim_verifier *verifier, struct slice piece)
{
    must(!verifier->ended);
    dkim_intake_feed(&verifier->intake, piece);
}

struct slice dkim_verifier_header(const struct dkim_verifier *verifier)
{
    return buf_slice(&verifier->intake.header);
}

static enum err judge(struct dkim_verifier *verifier, struct dkim_candidate *c, const struct authres_dns *dns,
                      int64_t now_s, int64_t deadline_us, struct dkim_signature_result *result,
                      struct error *error)
{
    const struct dkim_signature *s = &c->signature;
    unsigned char hash[DKIM_HASH_SIZE];
    if (!c->readable || !dkim_signature_check(s, &verifier->intake, now_s, &c->outcome))
        return ERR_OK;
    enum err err = dkim_signature_hash(&verifier->intake, s->header_canon, s->names, s->name_count,
                                       s->unsigned_text, hash, error);
    if (err == ERR_OK)
        c->outcome = dkim_signature_verify(s, hash, dns, deadline_us, &result->testing, &result->bits);
    return err;
}

/* The algorithm's name is shown only if it is one: then it holds nothing strange. */
static struct slice known_algorithm(const struct dkim_signature *s)
{
    static const struct slice known[] = {S("rsa-sha256"), S("ed25519-sha256"), S("rsa-sha1")};
    struct slice said = tag_list_value(&s->tags, S("a"));
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (slice_eq_nocase(said, known[i]))
            return known[i];
    return slice_none();
}

static struct slice keep(struct arena *arena, struct slice text)
{
    return text.n > 0 ? arena_dup(arena, text) : slice_none();
}

enum err dkim_verifier_finish(struct dkim_verifier *verifier, const struct authres_dns *dns, int64_t now_s,
                              int64_t deadline_us, struct arena *arena, struct dkim_results *ret_results,
                              struct error *error)
{
    must(!verifier->ended);
    verifier->ended = true;
    enum err err = dkim_intake_end(&verifier->intake, error);
    if (err != ERR_OK)
        return err;
    struct dkim_results results = {.count = verifier->count, .left_out = verifier->left_out};
    results.signatures = arena_array(arena, MAX(results.count, (size_t)1), sizeof(*results.signatures));
    if (results.signatures == NULL || arena_failed(&verifier->arena))
        return fail_nomem(error);
    for (size_t i = 0; i < results.count; i++) {
        struct dkim_candidate *c = &verifier->signatures[i];
        struct dkim_signature_result *result = &results.signatures[i];
        err = judge(verifier, c, dns, now_s, deadline_us, result, error);
        if (err != ERR_OK)
            return err;
        result->outcome = c->outcome;
        result->domain = keep(arena, c->signature.domain);
        result->selector = keep(arena, c->signature.selector);
        result->identity = keep(arena, c->signature.identity);
        result->signature = keep(arena, c->signature.base64);
        result->algorithm = known_algorithm(&c->signature);
    }
    if (arena_failed(arena))
        return fail_nomem(error);
    *ret_results = results;
    return ERR_OK;
}
