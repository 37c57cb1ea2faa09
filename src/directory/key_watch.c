#include "directory/key_watch.h"

#include <pthread.h>
#include <stdlib.h>

#include "authres/dkim_key.h"
#include "base/log.h"
#include "base/must.h"

enum { LOOK_ARENA_MAX = 16 * 1024 * 1024 };

struct key_watch {
    struct directory *directory;
    struct authres_dns dns;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    pthread_t thread;
    bool stopping;
};

static bool is_published(const struct authres_dns *dns, const struct domain_key *key)
{
    struct dkim_outcome why;
    return dkim_key_is_published(dns, key->domain, key->selector, key->record,
                                 clock_mono_us() + KEY_WATCH_DNS_US, &why);
}

enum err key_watch_look(struct directory *directory, const struct authres_dns *dns, size_t *ret_activated,
                        struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(LOOK_ARENA_MAX);
    struct domain_key *keys;
    size_t count = 0;
    size_t activated = 0;
    enum err e = domain_key_pending(directory, &arena, &keys, &count, error);
    for (size_t i = 0; e == ERR_OK && i < count; i++) {
        if (!is_published(dns, &keys[i]))
            continue;
        e = domain_key_activate(directory, keys[i].domain, keys[i].selector, error);
        if (e == ERR_NOT_FOUND) { /* removed meanwhile */
            e = ERR_OK;
            continue;
        }
        if (e != ERR_OK)
            break;
        activated++;
        LOG(LOG_INFO, NO_SID, "directory.key_activated", F_STR("domain", keys[i].domain),
            F_STR("selector", keys[i].selector));
    }
    *ret_activated = activated;
    return e;
}

static void *look_again_and_again(void *context)
{
    struct key_watch *watch = context;
    int64_t pause = KEY_WATCH_FIRST_SECONDS;
    pthread_mutex_lock(&watch->lock);
    while (!watch->stopping) {
        struct timespec until;
        struct error error;
        size_t activated;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += pause;
        (void)pthread_cond_timedwait(&watch->stop, &watch->lock, &until);
        if (watch->stopping)
            break;
        pthread_mutex_unlock(&watch->lock);
        if (key_watch_look(watch->directory, &watch->dns, &activated, &error) != ERR_OK)
            LOG(LOG_ERROR, NO_SID, "directory.key_watch_failed", F_ERR(&error));
        pause = KEY_WATCH_SECONDS;
        pthread_mutex_lock(&watch->lock);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static void watch_free(struct key_watch *watch)
{
    pthread_cond_destroy(&watch->stop);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}

enum err key_watch_start(struct directory *directory, const struct authres_dns *dns,
                         struct key_watch **ret_watch, struct error *error)
{
    pthread_condattr_t monotonic;
    struct key_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return fail_nomem(error);
    watch->directory = directory;
    watch->dns = *dns;
    must(pthread_condattr_init(&monotonic) == 0);
    must(pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0);
    must(pthread_mutex_init(&watch->lock, NULL) == 0);
    must(pthread_cond_init(&watch->stop, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    int result = pthread_create(&watch->thread, NULL, look_again_and_again, watch);
    if (result != 0) {
        watch_free(watch);
        return fail(error, ERR_UNAVAILABLE, NULL, "thread for keys that wait: %s", strerror(result));
    }
    *ret_watch = watch;
    return ERR_OK;
}

void key_watch_stop(struct key_watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->stopping = true;
    pthread_cond_signal(&watch->stop);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    watch_free(watch);
}
