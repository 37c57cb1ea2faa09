#include "store/tidy.h"

#include "store/compact.h"
#include "store/prune.h"
#include "store/work.h"

static enum err pruned_at(struct account *account, int64_t *ret_time, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_time = account->meta.pruned;
    account_unlock(account);
    return ERR_OK;
}

enum err tidy_account(struct account *account, struct error *error)
{
    int64_t before = 0;
    int64_t after = 0;
    struct compact_result compacted;
    enum err err = pruned_at(account, &before, error);
    if (err == ERR_OK)
        err = account_prune(account, error);
    if (err == ERR_OK)
        err = pruned_at(account, &after, error);
    /* Records die only when what named them is pruned. */
    return err == ERR_OK && after != before ? compact_account(account, &compacted, error) : err;
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
