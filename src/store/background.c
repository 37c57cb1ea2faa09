#include "store/background.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "store/registry.h"

struct background {
    struct store *store;
    struct background_work work;
    pthread_t thread;
    atomic_bool stopping;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
};

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

static bool turn(struct background *background, struct account_id id)
{
    struct account *account = registry_open_already(background->store, id);
    bool more = false;
    if (account == NULL)
        return false;
    struct error error;
    const struct background_work *work = &background->work;
    if (work->turn(work->context, account, &background->stopping, &more, &error) != ERR_OK) {
        LOG(LOG_DEBUG, NO_SID, "store.background", F_CSTR("work", work->name), F_ID("account", id.v),
            F_ERR(&error));
        more = false;
    }
    registry_unref_house(account);
    return more;
}

static void round_make(struct background *background)
{
    struct store *store = background->store;
    struct gathering gathering = {0};
    pthread_mutex_lock(&store->mutex);
    gathering.ids = calloc(store->accounts.count + 1, sizeof(*gathering.ids));
    if (gathering.ids != NULL)
        map_each(&store->accounts, gather_one, &gathering);
    pthread_mutex_unlock(&store->mutex);
    while (gathering.count > 0) {
        size_t more = 0;
        for (size_t i = 0; i < gathering.count && !atomic_load(&background->stopping); i++)
            if (turn(background, gathering.ids[i]))
                gathering.ids[more++] = gathering.ids[i];
        gathering.count = more;
    }
    free(gathering.ids);
    if (background->work.round_end != NULL)
        background->work.round_end(background->work.context, &background->stopping);
}

static void *background_run(void *context)
{
    struct background *background = context;
    pthread_setname_np(pthread_self(), background->work.name);
    if (background->work.nice != 0) /* where that is not allowed, it runs as others do */
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), background->work.nice);
    pthread_mutex_lock(&background->mutex);
    while (!atomic_load(&background->stopping)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += background->work.interval_s;
        int waited = pthread_cond_timedwait(&background->wake, &background->mutex, &until);
        if (atomic_load(&background->stopping) || waited == 0)
            continue;
        pthread_mutex_unlock(&background->mutex);
        round_make(background);
        pthread_mutex_lock(&background->mutex);
    }
    pthread_mutex_unlock(&background->mutex);
    return NULL;
}

static void background_free(struct background *background)
{
    pthread_mutex_destroy(&background->mutex);
    pthread_cond_destroy(&background->wake);
    if (background->work.release != NULL)
        background->work.release(background->work.context);
    free(background);
}

enum err background_start(struct store *store, const struct background_work *work,
                          struct background **ret_background, struct error *error)
{
    struct background *background = calloc(1, sizeof(*background));
    if (background == NULL) {
        if (work->release != NULL)
            work->release(work->context);
        return fail_nomem(error);
    }
    background->store = store;
    background->work = *work;
    atomic_init(&background->stopping, false);
    pthread_mutex_init(&background->mutex, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&background->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int failed = pthread_create(&background->thread, NULL, background_run, background);
    if (failed != 0) {
        background_free(background);
        return fail(error, ERR_UNAVAILABLE, NULL, "can't start the thread %s: %s", work->name,
                    strerror(failed));
    }
    *ret_background = background;
    return ERR_OK;
}

void background_stop(struct background *background)
{
    if (background == NULL)
        return;
    pthread_mutex_lock(&background->mutex);
    atomic_store(&background->stopping, true);
    pthread_cond_signal(&background->wake);
    pthread_mutex_unlock(&background->mutex);
    pthread_join(background->thread, NULL);
    background_free(background);
}
