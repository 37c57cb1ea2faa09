#include "serve/current.h"

#include "base/must.h"

static struct version *version_create(struct settings *settings, struct tls_context *tls)
{
    struct version *version = calloc(1, sizeof(*version));
    if (version == NULL)
        return NULL;
    version->settings = settings;
    version->tls = tls;
    atomic_init(&version->users, 1);
    return version;
}

enum err current_init(struct current *current, struct settings *settings, struct tls_context *tls,
                      struct error *error)
{
    struct version *version = version_create(settings, tls);
    if (version == NULL)
        return fail_nomem(error);
    current->version = version;
    must(pthread_mutex_init(&current->lock, NULL) == 0);
    return ERR_OK;
}

enum err current_replace(struct current *current, struct settings *settings, struct tls_context *tls,
                         struct error *error)
{
    struct version *version = version_create(settings, tls);
    if (version == NULL)
        return fail_nomem(error);
    pthread_mutex_lock(&current->lock);
    struct version *old = current->version;
    current->version = version;
    pthread_mutex_unlock(&current->lock);
    current_put(old);
    return ERR_OK;
}

struct version *current_get(struct current *current)
{
    pthread_mutex_lock(&current->lock);
    struct version *version = current->version;
    atomic_fetch_add(&version->users, 1);
    pthread_mutex_unlock(&current->lock);
    return version;
}

void current_put(struct version *version)
{
    unsigned before = atomic_fetch_sub(&version->users, 1);
    must(before > 0);
    if (before > 1)
        return;
    settings_free(version->settings);
    if (version->tls != NULL)
        tls_context_unref(version->tls);
    free(version);
}
