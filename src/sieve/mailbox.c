/* What mailboxes there are: RFC 5490, RFC 9042, RFC 8579. */
#include "sieve/match.h"

enum { METADATA_MAX = 1 << 20 };

typedef enum err exists_fn(void *context, struct slice name, bool *ret, struct error *error);

/* All of the names exist. */
static enum err all_exist(struct run *run, const struct node *node, exists_fn *exists, bool *ret,
                          struct error *error)
{
    const struct value *names = node_value(node, SLOT_NAME);
    const struct slice *texts;
    bool all = exists != NULL;
    enum err e = run_texts(run, names, &texts, error);
    for (uint32_t i = 0; i < names->count && all && e == ERR_OK; i++)
        e = exists(run->host->context, texts[i], &all, error);
    if (e == ERR_OK)
        *ret = all;
    return e;
}

enum err test_mailboxexists(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    return all_exist(run, node, run->host->mailbox_exists, ret, error);
}

enum err test_mailboxidexists(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    return all_exist(run, node, run->host->mailbox_id_exists, ret, error);
}

enum err test_specialuse(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    const struct value *uses = node_value(node, SLOT_VALUE);
    const struct slice *texts;
    struct slice mailbox;
    bool all = run->host->special_use != NULL;
    enum err e = run_argument(run, node, SLOT_NAME, &mailbox, error);
    if (e == ERR_OK)
        e = run_texts(run, uses, &texts, error);
    for (uint32_t i = 0; all && e == ERR_OK && i < uses->count; i++)
        e = run->host->special_use(run->host->context, mailbox, texts[i], &all, error);
    if (e == ERR_OK)
        *ret = all;
    return e;
}

/* --- metadata (RFC 5490 3.3, 3.4; of the server: 4) --- */

static enum err look_up(struct run *run, struct slice mailbox, struct slice entry, struct buf *out,
                        bool *ret_found, struct error *error)
{
    *ret_found = false;
    buf_clear(out);
    if (run->host->metadata == NULL)
        return ERR_OK;
    return run->host->metadata(run->host->context, mailbox, entry, out, ret_found, error);
}

static enum err try_metadata(struct run *run, const struct node *node, struct match *match, bool *ret,
                             struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF(METADATA_MAX);
    struct slice mailbox, entry;
    bool known = false;
    enum err e = run_argument(run, node, SLOT_NAME, &mailbox, error);
    if (e == ERR_OK)
        e = run_argument(run, node, SLOT_ENTRY, &entry, error);
    if (e == ERR_OK)
        e = look_up(run, mailbox, entry, &value, &known, error);
    *ret = false;
    if (e == ERR_OK && known)
        e = match_try(match, buf_slice(&value), ret, error);
    return e == ERR_OK && !*ret ? match_close(match, ret, error) : e;
}

enum err test_metadata(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(match_release) struct match match;
    enum err e = match_open(run, node, &match, error);
    return e == ERR_OK ? try_metadata(run, node, &match, ret, error) : e;
}

enum err test_metadataexists(struct run *run, const struct node *node, bool *ret, struct error *error)
{
    CLEANUP(buf_release) struct buf value = BUF(METADATA_MAX);
    const struct value *entries = node_value(node, SLOT_ENTRY);
    const struct slice *texts;
    struct slice mailbox;
    bool all = true;
    enum err e = run_argument(run, node, SLOT_NAME, &mailbox, error);
    if (e == ERR_OK)
        e = run_texts(run, entries, &texts, error);
    for (uint32_t i = 0; all && e == ERR_OK && i < entries->count; i++)
        e = look_up(run, mailbox, texts[i], &value, &all, error);
    if (e == ERR_OK)
        *ret = all;
    return e;
}
