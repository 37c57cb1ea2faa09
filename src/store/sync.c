#include "store/sync.h"

#include "base/clock.h"
#include "rt/metrics.h"
#include "store/ledger.h"
#include "store/registry.h"

enum {
    SYNC_MANY = 8,          /* dirty accounts from which one syncfs is cheaper than two fdatasync each */
    SYNC_INTERVAL_MS = 500, /* of the background thread: durable within a second */
};

struct sync_point sync_point_now(struct account *account)
{
    pthread_mutex_lock(&account->mutex);
    struct sync_point point = {account->commits, packs_end(account->packs)};
    pthread_mutex_unlock(&account->mutex);
    return point;
}

static void covered(struct account *account, uint64_t commits)
{
    pthread_mutex_lock(&account->mutex);
    if (account->synced_commits < commits)
        account->synced_commits = commits;
    if (account->synced_commits == account->commits)
        store_mark_clean(account); /* under the lock, so that no commit comes between */
    pthread_mutex_unlock(&account->mutex);
}

void sync_point_reached(struct account *account, const struct sync_point *point)
{
    packs_was_synced(account->packs, point->end);
    covered(account, point->commits);
}

static bool account_broken(struct account *account)
{
    pthread_mutex_lock(&account->mutex);
    bool broken = account->broken;
    pthread_mutex_unlock(&account->mutex);
    return broken;
}

void account_set_broken(struct account *account)
{
    if (!account->broken)
        metric_count(ACCOUNTS_BROKEN, METRIC_ONE);
    account->broken = true;
}

/* What is on disk is unknown from now on: no more work on it until a restart has verified what is there. */
static void account_break(struct account *account)
{
    pthread_mutex_lock(&account->mutex);
    account_set_broken(account);
    pthread_mutex_unlock(&account->mutex);
}

static enum err sync_parts(struct account *account, struct error *error)
{
    int64_t begun = clock_mono_us();
    enum err err = ledger_sync(account->store, error);
    if (err != ERR_OK)
        return err;
    err = packs_sync(account->packs, error);
    if (err == ERR_OK)
        err = volume_database_sync(&account->database, error);
    metric_observe(SYNC, METRIC_SYNC_ACCOUNTS, clock_mono_us() - begun);
    if (err != ERR_OK) {
        metric_count(SYNC_FAILURES, METRIC_SYNC_ACCOUNTS);
        account_break(account);
    }
    return err;
}

enum err account_sync(struct account *account, struct error *error)
{
    enum err err = ERR_OK;
    uint64_t wanted = sync_point_now(account).commits;
    /* Who waits here is often served by the sync it waited for. */
    pthread_mutex_lock(&account->sync_mutex);
    pthread_mutex_lock(&account->mutex);
    bool done = account->synced_commits >= wanted;
    bool broken = account->broken;
    uint64_t commits = account->commits;
    pthread_mutex_unlock(&account->mutex);
    if (broken)
        err = fail(error, ERR_IO, NULL, "account %016llx: an earlier sync failed",
                   (unsigned long long)account->id.v);
    else if (!done)
        err = sync_parts(account, error);
    if (err == ERR_OK && !done)
        covered(account, commits);
    pthread_mutex_unlock(&account->sync_mutex);
    return err;
}

/* Exactly the accounts that are dirty now, each with a reference. *ret_accounts is malloc'ed. */
static enum err dirty_take(struct store *store, struct account ***ret_accounts, size_t *ret_count,
                           struct error *error)
{
    pthread_mutex_lock(&store->mutex);
    size_t count = 0;
    struct account **accounts = calloc(store->dirty_count + 1, sizeof(struct account *));
    for (struct account *account = store->dirty_first; accounts != NULL && account != NULL;
         account = account->dirty_next) {
        /* Being opened, or closed when clean before: only the room's own bookkeeping is unsynced. */
        if (account->phase != ACCOUNT_OPEN)
            continue;
        registry_ref_house(account);
        accounts[count++] = account;
    }
    pthread_mutex_unlock(&store->mutex);
    if (accounts == NULL)
        return fail_nomem(error);
    *ret_accounts = accounts;
    *ret_count = count;
    return ERR_OK;
}

static enum err sync_each(struct account **accounts, size_t count, struct error *error)
{
    enum err first = ERR_OK;
    for (size_t i = 0; i < count; i++) {
        struct error later;
        enum err err = account_sync(accounts[i], first == ERR_OK ? error : &later);
        if (first == ERR_OK)
            first = err;
    }
    return first;
}

static enum err sync_volume(struct store *store, struct account **accounts, size_t count, struct error *error)
{
    struct sync_point *points = calloc(count, sizeof(*points));
    if (points == NULL)
        return sync_each(accounts, count, error);
    enum err err = ERR_OK;
    for (size_t i = 0; i < count; i++) {
        points[i] = sync_point_now(accounts[i]);
        /* syncfs tells of an error only once, perhaps to another sync before this one. */
        if (account_broken(accounts[i]))
            err = fail(error, ERR_IO, NULL, "account %016llx: an earlier sync failed",
                       (unsigned long long)accounts[i]->id.v);
    }
    int64_t begun = clock_mono_us();
    enum err synced = ledger_sync(store, err == ERR_OK ? error : &(struct error){0});
    if (synced == ERR_OK)
        synced = volume_sync(store->volume, err == ERR_OK ? error : &(struct error){0});
    metric_observe(SYNC, METRIC_SYNC_ACCOUNTS, clock_mono_us() - begun);
    if (synced != ERR_OK)
        metric_count(SYNC_FAILURES, METRIC_SYNC_ACCOUNTS);
    for (size_t i = 0; i < count; i++) {
        if (synced != ERR_OK)
            account_break(accounts[i]);
        else if (!account_broken(accounts[i]))
            sync_point_reached(accounts[i], &points[i]);
    }
    free(points);
    return err == ERR_OK ? synced : err;
}

enum err store_sync(struct store *store, struct error *error)
{
    struct account **accounts = NULL;
    size_t count = 0;
    enum err err = dirty_take(store, &accounts, &count, error);
    if (err != ERR_OK)
        return err;
    if (count >= SYNC_MANY)
        err = sync_volume(store, accounts, count, error);
    else
        err = sync_each(accounts, count, error);
    for (size_t i = 0; i < count; i++)
        registry_unref_house(accounts[i]);
    free(accounts);
    return err;
}

/* --- the background thread --- */

static void tick(struct store *store)
{
    struct error ignored; /* a failure marks the account, and its next user is told */
    if (store_sync(store, &ignored) == ERR_OK)
        registry_close_surplus(store);
}

static void *syncer_run(void *context)
{
    struct store *store = context;
    pthread_setname_np(pthread_self(), "store-sync");
    pthread_mutex_lock(&store->mutex);
    while (!store->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += SYNC_INTERVAL_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&store->wake, &store->mutex, &until);
        if (store->stopping || store->dirty_count == 0)
            continue;
        pthread_mutex_unlock(&store->mutex);
        tick(store);
        pthread_mutex_lock(&store->mutex);
    }
    pthread_mutex_unlock(&store->mutex);
    return NULL;
}

enum err syncer_start(struct store *store, struct error *error)
{
    int result = pthread_create(&store->syncer, NULL, syncer_run, store);
    if (result != 0)
        return fail(error, ERR_UNAVAILABLE, NULL, "starting the syncing thread: %s", strerror(result));
    store->syncer_runs = true;
    return ERR_OK;
}

void syncer_stop(struct store *store)
{
    pthread_mutex_lock(&store->mutex);
    store->stopping = true;
    pthread_cond_broadcast(&store->wake);
    pthread_mutex_unlock(&store->mutex);
    if (store->syncer_runs)
        pthread_join(store->syncer, NULL);
}
