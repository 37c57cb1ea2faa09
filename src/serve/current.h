/*
 * The settings and certificates of the moment: replaced on reload, while whoever is in the middle of
 * something keeps what it began with.
 *
 * Ownership: current_get counts one more user of what it returns; current_put gives it back, and the last one
 * frees it. Threads: any.
 */
#ifndef POSTHORN_SERVE_CURRENT_H
#define POSTHORN_SERVE_CURRENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "rt/settings.h"
#include "rt/tls.h"

struct version {
    struct settings *settings;
    struct tls_context *tls; /* edge only */
    atomic_uint users;
};

struct current {
    pthread_mutex_t lock;
    struct version *version;
};

/* Both take settings and tls on success. */
enum err current_init(struct current *current, struct settings *settings, struct tls_context *tls,
                      struct error *error) MUST_CHECK;
enum err current_replace(struct current *current, struct settings *settings, struct tls_context *tls,
                         struct error *error) MUST_CHECK;
struct version *current_get(struct current *current);
void current_put(struct version *version);

#endif
