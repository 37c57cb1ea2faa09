#include "store/tidy.h"

#include "base/log.h"
#include "store/compact.h"
#include "store/prune.h"
#include "store/registry.h"
#include "store/work.h"

struct tidier {
    struct store *store;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    bool stopping;
};

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

static bool stopping(struct tidier *tidier)
{
    pthread_mutex_lock(&tidier->mutex);
    bool stop = tidier->stopping;
    pthread_mutex_unlock(&tidier->mutex);
    return stop;
}

struct gathering {
    struct account_id *ids;
    size_t count;
};

/* Accounts in use, or changed lately; one that nobody opens can wait. */
static void gather_one(void *context, struct slice key, void *value)
{
    struct gathering *gathering = context;
    const struct account *account = value;
    (void)key;
    if (account->phase == ACCOUNT_OPEN && (account->refs > 0 || account->dirty))
        gathering->ids[gathering->count++] = account->id;
}

/* A reference if it is still open: nothing is opened for tidying, and only one account held at a time. */
static struct account *still_open(struct store *store, struct account_id id)
{
    pthread_mutex_lock(&store->mutex);
    struct account *account = map_get(&store->accounts, map_key_u64(&id.v));
    if (account != NULL && account->phase != ACCOUNT_OPEN)
        account = NULL;
    if (account != NULL)
        registry_ref_house(account);
    pthread_mutex_unlock(&store->mutex);
    return account;
}

static void round_make(struct tidier *tidier)
{
    struct store *store = tidier->store;
    struct gathering gathering = {0};
    pthread_mutex_lock(&store->mutex);
    gathering.ids = calloc(store->accounts.count + 1, sizeof(*gathering.ids));
    if (gathering.ids != NULL)
        map_each(&store->accounts, gather_one, &gathering);
    pthread_mutex_unlock(&store->mutex);
    for (size_t i = 0; i < gathering.count && !stopping(tidier); i++) {
        struct account *account = still_open(store, gathering.ids[i]);
        if (account == NULL)
            continue;
        struct error error;
        if (tidy_account(account, &error) != ERR_OK)
            LOG(LOG_DEBUG, NO_SID, "store.tidy", F_INT("account", account->id.v), F_ERR(&error));
        registry_unref_house(account);
    }
    free(gathering.ids);
}

static void *tidier_run(void *context)
{
    struct tidier *tidier = context;
    pthread_setname_np(pthread_self(), "store-tidy");
    pthread_mutex_lock(&tidier->mutex);
    while (!tidier->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += TIDY_INTERVAL_S;
        int waited = pthread_cond_timedwait(&tidier->wake, &tidier->mutex, &until);
        if (tidier->stopping || waited == 0)
            continue;
        pthread_mutex_unlock(&tidier->mutex);
        round_make(tidier);
        pthread_mutex_lock(&tidier->mutex);
    }
    pthread_mutex_unlock(&tidier->mutex);
    return NULL;
}

static void tidier_free(struct tidier *tidier)
{
    pthread_mutex_destroy(&tidier->mutex);
    pthread_cond_destroy(&tidier->wake);
    free(tidier);
}

enum err tidier_start(struct store *store, struct tidier **ret_tidier, struct error *error)
{
    struct tidier *tidier = calloc(1, sizeof(*tidier));
    if (tidier == NULL)
        return fail_nomem(error);
    tidier->store = store;
    pthread_mutex_init(&tidier->mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&tidier->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&tidier->thread, NULL, tidier_run, tidier);
    if (failed != 0) {
        tidier_free(tidier);
        return fail(error, ERR_UNAVAILABLE, NULL, "can't start the tidying thread: %s", strerror(failed));
    }
    *ret_tidier = tidier;
    return ERR_OK;
}

void tidier_stop(struct tidier *tidier)
{
    if (tidier == NULL)
        return;
    pthread_mutex_lock(&tidier->mutex);
    tidier->stopping = true;
    pthread_cond_signal(&tidier->wake);
    pthread_mutex_unlock(&tidier->mutex);
    pthread_join(tidier->thread, NULL);
    tidier_free(tidier);
}
