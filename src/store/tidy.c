#include "store/tidy.h"

#include "store/compact.h"
#include "store/prune.h"
#include "store/work.h"

/* Where its packs stand, to be compared before and after. */
static enum err state_read(struct account *account, int64_t *ret_pruned, bool *ret_due, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    const struct account_meta *meta = &account->meta;
    *ret_pruned = meta->pruned;
    *ret_due = meta->purged_bytes >= MAX(COMPACT_DUE_BYTES, meta->bytes / COMPACT_DUE_PART);
    account_unlock(account);
    return ERR_OK;
}

enum err tidy_account(struct account *account, struct error *error)
{
    int64_t before = 0;
    int64_t after = 0;
    bool due = false;
    struct compact_result compacted;
    enum err err = state_read(account, &before, &due, error);
    if (err == ERR_OK)
        err = account_prune(account, error);
    if (err == ERR_OK)
        err = state_read(account, &after, &due, error);
    return err == ERR_OK && (due || after != before)
               ? compact_account(account, COMPACT_WORTH, &compacted, error)
               : err;
}

static enum err turn(void *context, struct account *account, const atomic_bool *stopping, bool *ret_more,
                     struct error *error)
{
    (void)context;
    (void)stopping;
    *ret_more = false;
    return tidy_account(account, error);
}

enum err tidier_start(struct store *store, struct background **ret_tidier, struct error *error)
{
    const struct background_work work = {.name = "store-tidy", .interval_s = TIDY_INTERVAL_S, .turn = turn};
    return background_start(store, &work, ret_tidier, error);
}
