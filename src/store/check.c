#include "store/check.h"

#include "store/check_run.h"
#include "store/compact.h"
#include "store/registry.h"
#include "store/search_check.h"

/* The search index against the messages. It is derived, so what is wrong with it is never lost. */
static enum err check_index(struct account *account, const struct check_options *options,
                            struct check_result *result, struct error *error)
{
    const char *problem = NULL;
    enum err err = search_check(account, options->repair, &problem, error);
    if (err != ERR_OK || problem == NULL)
        return err;
    const struct check_finding finding = {
        .what = "search index", .where = "search.db", .problem = problem, .repaired = options->repair};
    result->findings++;
    result->repaired += options->repair;
    if (options->report != NULL)
        options->report(options->context, &finding);
    return ERR_OK;
}

/* What needs the account to be open. What a repair moved or salvaged leaves dead space behind. */
static enum err check_open(struct store *store, struct account_id id, const struct check_options *options,
                           struct check_result *result, struct error *error)
{
    struct account *account = NULL;
    struct compact_result compacted;
    enum err err = store_account(store, id, &account, error);
    if (err != ERR_OK)
        return err;
    if (options->repair)
        err = compact_account(account, COMPACT_WORTH, &compacted, error);
    if (err == ERR_OK)
        err = check_index(account, options, result, error);
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
    /* A damaged account that is not to be repaired is not opened either. */
    if (err == ERR_OK && (options->repair || result.findings == 0))
        err = check_open(store, id, options, &result, error);
    if (err == ERR_OK)
        *ret_result = result;
    return err;
}
