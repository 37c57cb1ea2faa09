/* A whole message, in pieces of a size that it says itself; the verdicts on its signatures and its ARC chain
 * must not depend on it. */
#include "authres/arc_chain.h"
#include "authres/dkim.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every selector has the key of RFC 8463 A.2. */
static enum err answer(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                       struct resolver_records *ret_records, struct error *error)
{
    static const char text[] = "\x42v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    (void)context;
    (void)deadline_us;
    must(type == RESOLVER_TXT && name.n <= RESOLVER_NAME_MAX);
    struct resolver_records records = {.data = arena_array(arena, 1, sizeof(struct slice)), .count = 1};
    if (records.data == NULL)
        return fail_nomem(error);
    records.data[0] = slice_of(text, sizeof(text) - 1);
    *ret_records = records;
    return ERR_OK;
}

static void verify(struct slice message, size_t step, struct arena *arena, struct dkim_results *ret_results,
                   struct arc_verdict *ret_arc)
{
    const struct authres_dns dns = {answer, NULL};
    CLEANUP(dkim_verifier_cleanup) struct dkim_verifier *verifier = NULL;
    struct error error;
    must(dkim_verifier_create(&verifier, &error) == ERR_OK);
    for (size_t at = 0; at < message.n; at += step)
        dkim_verifier_feed(verifier, slice_sub(message, at, step));
    must(dkim_verifier_finish(verifier, &dns, 1528637999, 0, arena, ret_results, &error) == ERR_OK);
    must(arc_verify(verifier, &dns, 1528637999, 0, arena, ret_arc, &error) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(arena_release) struct arena arena = ARENA(16 << 20);
    struct dkim_results whole;
    struct dkim_results pieces;
    if (size == 0)
        return 0;
    struct slice message = slice_of(data + 1, size - 1);
    struct arc_verdict whole_arc;
    struct arc_verdict pieces_arc;
    enum arc_status status;
    verify(message, size, &arena, &whole, &whole_arc);
    verify(message, (size_t)data[0] + 1, &arena, &pieces, &pieces_arc);
    must(whole_arc.status == pieces_arc.status && whole_arc.count == pieces_arc.count);
    (void)!arc_status_in_results(message, &status);
    struct cursor results = cursor_of(message);
    struct arc_result result;
    while (arc_result_next(&results, &result)) {
        CLEANUP(buf_release) struct buf value = BUF(1 << 20);
        (void)!arc_result_property(&result, S("header.from"), &value);
        must(value.n <= result.properties.n);
    }
    must(whole.count == pieces.count && whole.count <= DKIM_SIGNATURES_MAX);
    for (size_t i = 0; i < whole.count; i++) {
        must(whole.signatures[i].outcome.result == pieces.signatures[i].outcome.result);
        must(whole.signatures[i].outcome.reason == pieces.signatures[i].outcome.reason);
        must(whole.signatures[i].outcome.result != DKIM_PASS || whole.signatures[i].domain.n > 0);
    }
    return 0;
}
