/*
 * DKIM for a test in another language: each line of standard input is a JSON object, each line of output its
 * answer. Messages and fields are in base64, keys as PKCS #8 in base64.
 *
 *   {"do": "verify", "message": "...", "names": {"s._domainkey.a.example": "v=DKIM1; p=..."}, "step": 100}
 *   [["pass", "reason", "a.example", "s"], ...]
 *   {"do": "sign", "message": "...", "keys": [{"domain": "a.example", "selector": "s", "private": "..."}]}
 *   {"fields": "..."} or {"error": "..."}
 *   {"do": "arc", "message": "...", "names": {...}}
 *   ["pass", "reason", 2]                      the number of sets last
 *   {"do": "seal", "message": "...", "keys": [one], "results": "mail.example; spf=pass"}
 *   {"fields": "..."} or {"error": "..."}      with the status that the results tell
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "authres/arc.h"
#include "authres/dkim.h"
#include "authres/dkim_sign.h"
#include "base/base64.h"

enum { MESSAGE_MAX = 64 << 20, ARENA_BYTES = 16 << 20, NOW = 1700000000 };

static enum err records(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                        struct resolver_records *ret_records, struct error *error)
{
    const json_t *names = context;
    CLEANUP(buf_release) struct buf data = BUF(64 << 10);
    struct slice text = slice_cstr(json_string_value(json_object_getn(names, name.p, name.n)));
    (void)deadline_us;
    *ret_records = (struct resolver_records){.canonical = name, .no_name = text.p == NULL};
    if (text.p == NULL || type != RESOLVER_TXT)
        return ERR_OK;
    for (; text.n > 0; text = slice_from(text, 255)) {
        struct slice string = slice_sub(text, 0, 255);
        buf_putc(&data, (char)string.n);
        buf_put(&data, string);
    }
    ret_records->data = arena_array(arena, 1, sizeof(struct slice));
    if (ret_records->data == NULL || buf_failed(&data))
        return fail_nomem(error);
    ret_records->data[0] = arena_dup(arena, buf_slice(&data));
    ret_records->count = 1;
    return ERR_OK;
}

static void read_bytes(const json_t *object, const char *key, struct buf *out)
{
    if (!base64_decode(out, slice_cstr(json_string_value(json_object_get(object, key)))))
        abort();
}

static json_t *verify(const json_t *asked)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ARENA_BYTES);
    CLEANUP(buf_release) struct buf message = BUF(MESSAGE_MAX);
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    const struct authres_dns dns = {records, json_object_get(asked, "names")};
    struct dkim_results results;
    struct error error;
    json_t *answer = json_array();
    size_t step = (size_t)json_integer_value(json_object_get(asked, "step"));
    read_bytes(asked, "message", &message);
    if (dkim_verifier_create(&verifier, &error) != ERR_OK)
        abort();
    for (size_t at = 0; at < message.n; at += step)
        dkim_verifier_feed(verifier, slice_sub(buf_slice(&message), at, step));
    if (dkim_verifier_finish(verifier, &dns, NOW, 0, &arena, &results, &error) != ERR_OK)
        abort();
    for (size_t i = 0; i < results.count; i++) {
        const struct dkim_signature_result *r = &results.signatures[i];
        json_array_append_new(answer,
                              json_pack("[s,s,s%,s%]", dkim_result_word(r->outcome.result), r->outcome.reason,
                                        r->domain.n > 0 ? r->domain.p : "", r->domain.n,
                                        r->selector.n > 0 ? r->selector.p : "", r->selector.n));
    }
    return answer;
}

static json_t *arc(const json_t *asked)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ARENA_BYTES);
    CLEANUP(buf_release) struct buf message = BUF(MESSAGE_MAX);
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    const struct authres_dns dns = {records, json_object_get(asked, "names")};
    struct dkim_results results;
    struct arc_verdict verdict;
    struct error error;
    read_bytes(asked, "message", &message);
    if (dkim_verifier_create(&verifier, &error) != ERR_OK)
        abort();
    dkim_verifier_feed(verifier, buf_slice(&message));
    if (dkim_verifier_finish(verifier, &dns, NOW, 0, &arena, &results, &error) != ERR_OK ||
        arc_verify(verifier, &dns, NOW, 0, &arena, &verdict, &error) != ERR_OK)
        abort();
    return json_pack("[s,s,I]", arc_status_word(verdict.status), verdict.reason, (json_int_t)verdict.count);
}

static json_t *fields_answer(enum err err, struct buf *fields, const struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(1 << 20);
    if (err != ERR_OK)
        return json_pack("{s:s}", "error", error->detail);
    base64_encode(&text, buf_slice(fields));
    return json_pack("{s:s}", "fields", text.n > 0 ? buf_cstr(&text) : "");
}

static void read_signing_key(const json_t *key, struct dkim_signing_key *ret)
{
    CLEANUP(buf_release) struct buf der = BUF(DKIM_PRIVATE_MAX);
    struct error error;
    read_bytes(key, "private", &der);
    ret->domain = slice_cstr(json_string_value(json_object_get(key, "domain")));
    ret->selector = slice_cstr(json_string_value(json_object_get(key, "selector")));
    if (dkim_private_key_read(buf_slice(&der), &ret->private, &error) != ERR_OK)
        abort();
}

static json_t *seal(const json_t *asked)
{
    CLEANUP(buf_release) struct buf message = BUF(MESSAGE_MAX);
    CLEANUP(buf_release) struct buf fields = BUF(1 << 20);
    CLEANUP(arc_sealer_cleanup) struct arc_sealer *sealer = NULL;
    struct slice results = slice_cstr(json_string_value(json_object_get(asked, "results")));
    struct dkim_signing_key key;
    enum arc_status status = ARC_NONE;
    struct error error;
    read_bytes(asked, "message", &message);
    read_signing_key(json_array_get(json_object_get(asked, "keys"), 0), &key);
    if (!arc_status_in_results(results, &status))
        status = ARC_NONE;
    if (arc_sealer_create(&key, results, status, &sealer, &error) != ERR_OK)
        abort();
    arc_sealer_feed(sealer, buf_slice(&message));
    enum err err = arc_sealer_finish(sealer, NOW, &fields, &error);
    dkim_private_key_release(&key.private);
    return fields_answer(err, &fields, &error);
}

static json_t *sign(const json_t *asked)
{
    CLEANUP(buf_release) struct buf message = BUF(MESSAGE_MAX);
    CLEANUP(buf_release) struct buf fields = BUF(1 << 20);
    CLEANUP(dkim_signer_cleanup) struct dkim_signer *signer = NULL;
    struct dkim_signing_key keys[DKIM_SIGN_KEYS_MAX];
    struct error error;
    const json_t *list = json_object_get(asked, "keys");
    size_t count = MIN(json_array_size(list), (size_t)DKIM_SIGN_KEYS_MAX);
    read_bytes(asked, "message", &message);
    for (size_t i = 0; i < count; i++)
        read_signing_key(json_array_get(list, i), &keys[i]);
    if (dkim_signer_create(keys, count, &signer, &error) != ERR_OK)
        abort();
    dkim_signer_feed(signer, buf_slice(&message));
    enum err err = dkim_signer_finish(signer, NOW, &fields, &error);
    for (size_t i = 0; i < count; i++)
        dkim_private_key_release(&keys[i].private);
    return fields_answer(err, &fields, &error);
}

static const struct {
    const char *name;
    json_t *(*run)(const json_t *asked);
} jobs[] = {{"verify", verify}, {"sign", sign}, {"arc", arc}, {"seal", seal}};

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, stdin) > 0) {
        json_t *asked = json_loads(line, 0, NULL);
        struct slice what = slice_cstr(json_string_value(json_object_get(asked, "do")));
        json_t *answer = NULL;
        for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
            if (slice_eq(what, slice_cstr(jobs[i].name)))
                answer = jobs[i].run(asked);
        json_dumpf(answer, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(answer);
        json_decref(asked);
    }
    free(line);
    return 0;
}
