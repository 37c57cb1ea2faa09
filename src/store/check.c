#include "store/check.h"

#include "store/check_run.h"
#include "store/compact.h"
#include "store/registry.h"

/* What a repair moved or salvaged leaves dead space behind. */
static enum err tidy(struct store *store, struct account_id id, struct error *error)
{
    struct account *account = NULL;
    struct compact_result compacted;
    enum err err = store_account(store, id, &account, error);
    if (err != ERR_OK)
        return err;
    err = compact_account(account, &compacted, error);
    account_unref(account);
    return err;
}

enum err check_account(struct store *store, struct account_id id, const struct check_options *options,
                       struct check_result *ret_result, struct error *error)
{
    struct account *holder = NULL;
    struct check_result result;
    enum err err = registry_hold(store, id, &holder, error);
    if (err != ERR_OK)
        return err;
    err = check_run(store_volume(store), id, options, &result, error);
    registry_let_go(holder);
    if (err == ERR_OK && options->repair)
        err = tidy(store, id, error);
    if (err == ERR_OK)
        *ret_result = result;
    return err;
}
