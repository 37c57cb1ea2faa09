/* Messages that were seen before (RFC 7352). */
#include "mime/encoded_word.h"
#include "mime/header.h"
#include "sieve/hash.h"
#include "sieve/loop.h"

/* *ret p NULL: the message has no such id. */
static enum err unique_id(struct run *run, const struct node *node, struct slice *ret, struct error *error)
{
    struct slice name = S("message-id");
    struct slice header;
    struct mime_field field;
    enum err e = ERR_OK;
    if (node_has(node, SLOT_UNIQUE))
        e = run_argument(run, node, SLOT_UNIQUE, &name, error);
    if (e != ERR_OK || node_choice(node, SLOT_UNIQUE, UNIQUE_HEADER) == UNIQUE_ID) {
        *ret = name;
        return e;
    }
    *ret = slice_none();
    e = loop_header(run, &header, error);
    if (e == ERR_OK && mime_field_find(header, name, &field)) {
        buf_clear(&run->decoded);
        mime_words_decode(&run->decoded, field.value);
        *ret = run->decoded.n > 0 ? buf_slice(&run->decoded) : S("");
    }
    return e;
}

static enum err make_id(struct run *run, const struct node *node, struct slice unique, struct slice *ret,
                        struct error *error)
{
    crypto_generichash_state state;
    struct slice handle;
    enum err e = run_argument(run, node, SLOT_HANDLE, &handle, error);
    if (e != ERR_OK)
        return e;
    hash_start(&state);
    hash_text(&state, handle.p != NULL ? 'H' : 'N', handle);
    hash_text(&state, 'U', unique);
    return hash_end(&state, run, ret, error);
}

/* To be remembered when the run ends well; of tests with the same id, the last one counts. */
static enum err track(struct run *run, struct slice id, uint64_t seconds, struct error *error)
{
    size_t i = 0;
    while (i < run->tracked_count && !slice_eq(run->tracked[i].id, id))
        i++;
    if (i == SIEVE_TRACKED_MAX)
        return run_fail(run, error, "more than %d different duplicate tests", SIEVE_TRACKED_MAX);
    run->tracked[i] = (struct sieve_tracked){id, seconds};
    run->tracked_count = MAX(run->tracked_count, i + 1);
    return ERR_OK;
}

enum err test_duplicate(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    const uint64_t seconds =
        MIN(node_number(node, SLOT_PERIOD, SIEVE_TRACKED_SECONDS), (uint64_t)SIEVE_TRACKED_SECONDS_MAX);
    struct slice unique, id;
    bool seen = false;
    enum err e = unique_id(run, node, &unique, error);
    *ret = false;
    if (e != ERR_OK || unique.p == NULL || seconds == 0)
        return e;
    e = make_id(run, node, unique, &id, error);
    if (e == ERR_OK && run->host->duplicate != NULL)
        e = run->host->duplicate(run->host->context, id, &seen, error);
    if (e == ERR_OK && (!seen || node_has(node, SLOT_TOUCH)))
        e = track(run, id, seconds, error);
    if (e == ERR_OK)
        *ret = seen;
    return e;
}
