#include <stdlib.h>

#include "authres/arc_chain.h"
#include "authres/dkim_names.h"
#include "authres/dkim_signature.h"
#include "base/base64.h"
#include "base/must.h"

struct arc_sealer {
    struct dkim_intake intake;
    const struct dkim_signing_key *key;
    struct slice results;
    enum arc_status status;
    int body;
    bool ended;
};

static void want_body(void *context)
{
    struct arc_sealer *sealer = context;
    sealer->body = dkim_intake_want_body(&sealer->intake, CANON_RELAXED, false, 0);
}

enum err arc_sealer_create(const struct dkim_signing_key *key, struct slice results, enum arc_status status,
                           struct arc_sealer **ret_sealer, struct error *error)
{
    struct arc_sealer *sealer = calloc(1, sizeof(*sealer));
    if (sealer == NULL)
        return fail_nomem(error);
    *sealer = (struct arc_sealer){.key = key, .results = results, .status = status, .body = DKIM_NO_BODY};
    sealer->intake = DKIM_INTAKE(want_body, sealer);
    *ret_sealer = sealer;
    return ERR_OK;
}

void arc_sealer_destroy(struct arc_sealer *sealer)
{
    if (sealer == NULL)
        return;
    dkim_intake_release(&sealer->intake);
    free(sealer);
}

void arc_sealer_feed(struct arc_sealer *sealer, struct slice piece)
{
    must(!sealer->ended);
    dkim_intake_feed(&sealer->intake, piece);
}

/* --- the three fields --- */

static enum err put_results(const struct arc_sealer *sealer, unsigned instance, struct buf *out,
                            struct error *error)
{
    buf_printf(out, "ARC-Authentication-Results: i=%u; ", instance);
    buf_put(out, slice_trim(sealer->results));
    buf_put(out, S("\r\n"));
    if (buf_failed(out))
        return fail(error, ERR_INVALID, NULL, "%zu bytes of authentication results", sealer->results.n);
    return ERR_OK;
}

static enum err finish_field(const struct arc_sealer *sealer, const unsigned char *hash, struct buf *out,
                             struct error *error)
{
    CLEANUP(buf_release) struct buf signature = BUF(DKIM_FIELD_TEXT_MAX);
    enum err err = dkim_private_key_sign(&sealer->key->private, hash, &signature, error);
    if (err != ERR_OK)
        return err;
    dkim_base64_put(out, buf_slice(&signature));
    buf_put(out, S("\r\n"));
    return buf_failed(out) ? fail_nomem(error) : ERR_OK;
}

static enum err put_message_signature(const struct arc_sealer *sealer, unsigned instance, int64_t now_s,
                                      struct buf *out, struct error *error)
{
    const struct dkim_signing_key *key = sealer->key;
    const struct dkim_body_hash *body = &sealer->intake.bodies[sealer->body];
    struct slice names[DKIM_NAMES_MAX];
    unsigned char hash[DKIM_HASH_SIZE];
    size_t count = dkim_names_choose(&sealer->intake, true, names, ARRAY_LEN(names));
    buf_printf(out,
               "ARC-Message-Signature: i=%u; a=%s; c=relaxed/relaxed;\r\n\td=%.*s; s=%.*s;\r\n\tt=%lld; bh=",
               instance, dkim_algorithm_name(key->private.algorithm), SLICE_ARGS(key->domain),
               SLICE_ARGS(key->selector), (long long)now_s);
    base64_encode(out, slice_of(body->hash, sizeof(body->hash)));
    buf_put(out, S(";\r\n\t"));
    dkim_names_put(out, names, count);
    buf_put(out, S(";\r\n\tb="));
    if (buf_failed(out))
        return fail(error, ERR_INVALID, NULL, "a signature over %d bytes", DKIM_FIELD_TEXT_MAX);
    enum err err =
        dkim_signature_hash(&sealer->intake, CANON_RELAXED, names, count, buf_slice(out), hash, error);
    return err == ERR_OK ? finish_field(sealer, hash, out, error) : err;
}

static enum err put_seal(const struct arc_sealer *sealer, const struct arc_chain *chain, unsigned from,
                         unsigned instance, enum arc_status status, int64_t now_s, struct buf *out,
                         struct error *error)
{
    const struct dkim_signing_key *key = sealer->key;
    unsigned char hash[DKIM_HASH_SIZE];
    buf_printf(out, "ARC-Seal: i=%u; a=%s; t=%lld; cv=%s;\r\n\td=%.*s; s=%.*s;\r\n\tb=", instance,
               dkim_algorithm_name(key->private.algorithm), (long long)now_s, arc_status_word(status),
               SLICE_ARGS(key->domain), SLICE_ARGS(key->selector));
    if (buf_failed(out))
        return fail_nomem(error);
    enum err err = arc_seal_hash(chain, from, instance, buf_slice(out), hash, error);
    return err == ERR_OK ? finish_field(sealer, hash, out, error) : err;
}

/* The fields are made in the order in which they depend on each other, and put the other way round. */
static enum err put_set(const struct arc_sealer *sealer, struct arc_chain *chain, enum arc_status status,
                        int64_t now_s, struct buf *out, struct error *error)
{
    CLEANUP(buf_release) struct buf results = BUF(ARC_RESULTS_MAX + 64);
    CLEANUP(buf_release) struct buf message = BUF(DKIM_FIELD_TEXT_MAX);
    CLEANUP(buf_release) struct buf seal = BUF(DKIM_FIELD_TEXT_MAX);
    unsigned instance = chain->count + 1;
    enum err err = put_results(sealer, instance, &results, error);
    if (err == ERR_OK)
        err = put_message_signature(sealer, instance, now_s, &message, error);
    if (err != ERR_OK)
        return err;
    const struct mime_field ours[] = {{.whole = buf_slice(&results)}, {.whole = buf_slice(&message)}};
    chain->sets[instance - 1].fields[ARC_RESULTS] = &ours[0];
    chain->sets[instance - 1].fields[ARC_MESSAGE] = &ours[1];
    /* 5.1.2: the seal of a failed chain covers its own set alone. */
    err = put_seal(sealer, chain, status == ARC_FAIL ? instance : 1, instance, status, now_s, &seal, error);
    if (err != ERR_OK)
        return err;
    buf_put(out, buf_slice(&seal));
    buf_put(out, buf_slice(&message));
    buf_put(out, buf_slice(&results));
    return buf_failed(out) ? fail_nomem(error) : ERR_OK;
}

enum err arc_sealer_finish(struct arc_sealer *sealer, int64_t now_s, struct buf *out, struct error *error)
{
    struct arc_chain chain;
    enum arc_status newest;
    must(!sealer->ended);
    sealer->ended = true;
    enum err err = dkim_intake_end(&sealer->intake, error);
    if (err != ERR_OK)
        return err;
    if (sealer->intake.too_long || sealer->intake.malformed || sealer->body == DKIM_NO_BODY)
        return fail(error, ERR_INVALID, "the message's header cannot be sealed", "a header of %zu bytes%s",
                    sealer->intake.header.n, sealer->intake.malformed ? ", not all of it fields" : "");
    arc_chain_read(&sealer->intake, &chain);
    const struct mime_field *last = chain.count > 0 ? chain.sets[chain.count - 1].fields[ARC_SEAL] : NULL;
    if (chain.count == ARC_SETS_MAX || (chain.any && sealer->status == ARC_NONE) ||
        (last != NULL && arc_seal_status(last, &newest) && newest == ARC_FAIL))
        return ERR_OK;
    enum arc_status status = !chain.any ? ARC_NONE : chain.broken != NULL ? ARC_FAIL : sealer->status;
    return put_set(sealer, &chain, status, now_s, out, error);
}
