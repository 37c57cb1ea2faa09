#include "store/tidy.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/compact.h"
#include "store/expire.h"
#include "store/ledger.h"
#include "store/prune.h"
#include "store/registry.h"
#include "store/work.h"

/* Where its packs stand, to be compared before and after. */
static enum err state_read(struct account *account, int64_t *ret_pruned, bool *ret_due, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_pruned = account->meta.pruned;
    *ret_due = compact_is_due(account);
    account_unlock(account);
    return ERR_OK;
}

/* What changes while it is looked at is noted, and moves the next visit up. */
static enum err visit_begin(struct account *account, bool now, bool *ret_due, struct error *error)
{
    const struct account_limits limits = store_limits(account->store, account->id);
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    *ret_due = now || account->due_us <= clock_wall_us();
    if (*ret_due) {
        if (limits.undelete_keep_s != UNDELETE_KEEP_UNKNOWN)
            account->limits = limits;
        account->due_us = INT64_MAX;
        account->due_noted = account->due_soon = false;
    }
    account_unlock(account);
    return ERR_OK;
}

static enum err visit_end(struct account *account, int64_t next, int64_t *ret_due, struct error *error)
{
    enum err err = account_lock(account, error);
    if (err != ERR_OK)
        return err;
    account->due_us = MIN(account->due_us, due_after_visit(clock_wall_us(), next));
    *ret_due = account->due_us;
    account_unlock(account);
    return ERR_OK;
}

static enum err expire(struct account *account, bool now, int64_t *ret_due, struct error *error)
{
    bool due = false;
    int64_t next = INT64_MAX;
    enum err err = visit_begin(account, now, &due, error);
    if (err != ERR_OK || !due)
        return err;
    err = account_expire(account, &next, error);
    return err == ERR_OK ? visit_end(account, next, ret_due, error) : err;
}

enum err tidy_account(struct account *account, bool now, int64_t *ret_due, struct error *error)
{
    int64_t before = 0;
    int64_t after = 0;
    bool due = false;
    struct compact_result compacted;
    *ret_due = 0;
    enum err err = state_read(account, &before, &due, error);
    if (err == ERR_OK)
        err = expire(account, now, ret_due, error);
    if (err == ERR_OK)
        err = account_prune(account, error);
    if (err == ERR_OK)
        err = state_read(account, &after, &due, error);
    return err == ERR_OK && (now || due || after != before)
               ? compact_account(account, COMPACT_WORTH, &compacted, error)
               : err;
}

/* --- the thread --- */

struct tidier {
    struct store *store;
    struct due *due; /* NULL: not open yet, or it can't be */
};

/* Its data may be gone; what is damaged is not looked at for a day. */
static enum err visit(struct store *store, struct due *due, struct account_id id, struct error *error)
{
    struct account *account = NULL;
    struct error why;
    int64_t next = 0;
    enum err err = registry_open_house(store, id, &account, &why);
    if (err == ERR_NOT_FOUND)
        return due_forget(due, id, error);
    if (err == ERR_OK) {
        err = tidy_account(account, true, &next, &why);
        registry_unref_house(account);
    }
    if (err != ERR_OK)
        LOG(LOG_DEBUG, NO_SID, "store.visit", F_ID("account", id.v), F_ERR(&why));
    return due_set(due, id, err == ERR_OK ? next : clock_wall_us() + CLOCK_DAY, error);
}

enum err tidy_due(struct store *store, struct due *due, const atomic_bool *stopping, struct error *error)
{
    struct account_id ids[DUE_VISITS_MAX];
    size_t count = 0;
    enum err err = due_collect(due, error);
    if (err == ERR_OK)
        err = due_find(due, clock_wall_us(), ids, &count, error);
    for (size_t i = 0; err == ERR_OK && i < count && !atomic_load(stopping); i++)
        err = visit(store, due, ids[i], error);
    return err;
}

static enum err turn(void *context, struct account *account, const atomic_bool *stopping, bool *ret_more,
                     struct error *error)
{
    const struct tidier *tidier = context;
    int64_t due = 0;
    (void)stopping;
    *ret_more = false;
    enum err err = tidy_account(account, false, &due, error);
    return err == ERR_OK && due > 0 && tidier->due != NULL ? due_set(tidier->due, account->id, due, error)
                                                           : err;
}

static void round_end(void *context, const atomic_bool *stopping)
{
    struct tidier *tidier = context;
    struct error error;
    enum err err = ERR_OK;
    ledger_settle_all(tidier->store, stopping);
    if (tidier->due == NULL)
        err = due_open(tidier->store, &tidier->due, &error);
    if (err == ERR_OK)
        err = tidy_due(tidier->store, tidier->due, stopping, &error);
    if (err != ERR_OK)
        LOG(LOG_WARN, NO_SID, "store.due", F_ERR(&error));
}

static void release(void *context)
{
    struct tidier *tidier = context;
    due_close(tidier->due);
    free(tidier);
}

enum err tidier_start(struct store *store, struct background **ret_tidier, struct error *error)
{
    struct tidier *tidier = calloc(1, sizeof(*tidier));
    if (tidier == NULL)
        return fail_nomem(error);
    tidier->store = store;
    const struct background_work work = {.name = "store-tidy",
                                         .interval_s = TIDY_INTERVAL_S,
                                         .turn = turn,
                                         .round_end = round_end,
                                         .release = release,
                                         .context = tidier};
    return background_start(store, &work, ret_tidier, error);
}
