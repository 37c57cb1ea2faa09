#include "send/sts_keeper.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/must.h"

enum { ROUND_ARENA_MAX = 1024 * 1024, POLICY_ARENA_MAX = 2 * 1024 * 1024 };
#define DNS_US (30 * CLOCK_SECOND)

struct keeper {
    struct sts_cache *cache;
    struct link *link;
};

enum err sts_keeper_recall(void *context, struct slice domain, struct arena *arena,
                           struct kept_policy *ret_policy, struct error *error)
{
    return link_policy_get(context, domain, arena, ret_policy, error);
}

enum err sts_keeper_keep(void *context, const struct kept_policy *policy, struct error *error)
{
    return link_policy_put(context, policy, error);
}

/* Finding a policy that is old is fetching it; a fetch that fails is logged there. */
static void refresh(const struct keeper *keeper, struct slice domain)
{
    CLEANUP(arena_release) struct arena arena = ARENA(POLICY_ARENA_MAX);
    struct sts_policy policy;
    struct error error;
    if (sts_cache_find(keeper->cache, domain, clock_mono_us() + DNS_US, &arena, &policy, &error) != ERR_OK)
        LOG(LOG_WARN, NO_SID, "send.sts_refresh", F_STR("domain", domain), F_ERR(&error));
}

static void refresh_all(const struct keeper *keeper)
{
    char after[POLICIES_NAME_MAX + 1] = "";
    for (;;) {
        CLEANUP(arena_release) struct arena arena = ARENA(ROUND_ARENA_MAX);
        struct slice *domains;
        size_t count;
        struct error error;
        enum err err = link_policy_old(keeper->link, slice_cstr(after), &arena, &domains, &count, &error);
        if (err != ERR_OK)
            LOG(LOG_WARN, NO_SID, "send.sts_old", F_ERR(&error));
        if (err != ERR_OK || count == 0)
            return;
        for (size_t i = 0; i < count; i++)
            refresh(keeper, domains[i]);
        snprintf(after, sizeof(after), "%.*s", SLICE_ARGS(domains[count - 1]));
    }
}

static void *keeper_main(void *context)
{
    const struct keeper *keeper = context;
    for (;;) {
        nanosleep(&(struct timespec){.tv_sec = STS_KEEPER_SECONDS}, NULL);
        refresh_all(keeper);
    }
    return NULL;
}

enum err sts_keeper_start(struct sts_cache *cache, struct link *link, struct error *error)
{
    pthread_t thread;
    struct keeper *keeper = malloc(sizeof(*keeper));
    if (keeper == NULL)
        return fail_nomem(error);
    *keeper = (struct keeper){cache, link};
    if (pthread_create(&thread, NULL, keeper_main, keeper) != 0) {
        free(keeper);
        return fail(error, ERR_UNAVAILABLE, NULL, "can't start the thread that keeps policies fresh");
    }
    pthread_detach(thread);
    return ERR_OK;
}
