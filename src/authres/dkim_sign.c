#include "authres/dkim_sign.h"

#include <stdlib.h>

#include "authres/dkim_names.h"
#include "authres/dkim_signature.h"
#include "base/base64.h"
#include "base/must.h"

struct dkim_signer {
    struct dkim_intake intake;
    const struct dkim_signing_key *keys;
    size_t count;
    int body;
    bool ended;
};

static void want_body(void *context)
{
    struct dkim_signer *signer = context;
    signer->body = dkim_intake_want_body(&signer->intake, CANON_RELAXED, false, 0);
}

enum err dkim_signer_create(const struct dkim_signing_key *keys, size_t count,
                            struct dkim_signer **ret_signer, struct error *error)
{
    must(count > 0 && count <= DKIM_SIGN_KEYS_MAX);
    struct dkim_signer *signer = calloc(1, sizeof(*signer));
    if (signer == NULL)
        return fail_nomem(error);
    *signer = (struct dkim_signer){.keys = keys, .count = count, .body = DKIM_NO_BODY};
    signer->intake = DKIM_INTAKE(want_body, signer);
    *ret_signer = signer;
    return ERR_OK;
}

void dkim_signer_destroy(struct dkim_signer *signer)
{
    if (signer == NULL)
        return;
    dkim_intake_release(&signer->intake);
    free(signer);
}

void dkim_signer_feed(struct dkim_signer *signer, struct slice piece)
{
    must(!signer->ended);
    dkim_intake_feed(&signer->intake, piece);
}

static enum err put_signature(const struct dkim_signer *signer, const struct dkim_signing_key *key,
                              const struct slice *names, size_t count, int64_t now_s, struct buf *out,
                              struct error *error)
{
    CLEANUP(buf_release) struct buf field = BUF(DKIM_FIELD_TEXT_MAX);
    CLEANUP(buf_release) struct buf signature = BUF(DKIM_FIELD_TEXT_MAX);
    const struct dkim_body_hash *body = &signer->intake.bodies[signer->body];
    unsigned char hash[DKIM_HASH_SIZE];
    buf_printf(&field, "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n\td=%.*s; s=%.*s;\r\n\tt=%lld; bh=",
               dkim_algorithm_name(key->private.algorithm), SLICE_ARGS(key->domain),
               SLICE_ARGS(key->selector), (long long)now_s);
    base64_encode(&field, slice_of(body->hash, sizeof(body->hash)));
    buf_put(&field, S(";\r\n\t"));
    dkim_names_put(&field, names, count);
    buf_put(&field, S(";\r\n\tb="));
    if (buf_failed(&field))
        return fail(error, ERR_INVALID, NULL, "a signature over %d bytes", DKIM_FIELD_TEXT_MAX);
    enum err err =
        dkim_signature_hash(&signer->intake, CANON_RELAXED, names, count, buf_slice(&field), hash, error);
    if (err == ERR_OK)
        err = dkim_private_key_sign(&key->private, hash, &signature, error);
    if (err != ERR_OK)
        return err;
    buf_put(out, buf_slice(&field));
    dkim_base64_put(out, buf_slice(&signature));
    buf_put(out, S("\r\n"));
    return buf_failed(out) ? fail_nomem(error) : ERR_OK;
}

enum err dkim_signer_finish(struct dkim_signer *signer, int64_t now_s, struct buf *out, struct error *error)
{
    struct slice names[DKIM_NAMES_MAX];
    must(!signer->ended);
    signer->ended = true;
    enum err err = dkim_intake_end(&signer->intake, error);
    if (err != ERR_OK)
        return err;
    if (signer->intake.too_long || signer->intake.malformed || signer->body == DKIM_NO_BODY)
        return fail(error, ERR_INVALID, "the message's header cannot be signed", "a header of %zu bytes%s",
                    signer->intake.header.n, signer->intake.malformed ? ", not all of it fields" : "");
    size_t count = dkim_names_choose(&signer->intake, false, names, ARRAY_LEN(names));
    for (size_t i = 0; err == ERR_OK && i < signer->count; i++)
        err = put_signature(signer, &signer->keys[i], names, count, now_s, out, error);
    return err;
}
