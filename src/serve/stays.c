#include "serve/stays.h"

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "base/must.h"
#include "directory/share.h"

struct stays {
    struct directory *directory;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    struct stay *first;
};

/* Nothing has changed since; only time has passed, by which app passwords expire. */
static bool is_as_it_was(const struct stay *stay, uint64_t generation)
{
    return stay->ended || (stay->holder.app_password == 0 && stay->as_of == generation);
}

/* Locked. */
static void look(struct stays *stays)
{
    uint64_t generation = directory_generation(stays->directory);
    for (struct stay *stay = stays->first; stay != NULL; stay = stay->next) {
        if (is_as_it_was(stay, generation))
            continue;
        stay->as_of = generation;
        if (sasl_holder_is_welcome(stays->directory, &stay->holder, stay->door))
            continue;
        LOG(LOG_INFO, NO_SID, "store.session_ended", F_ID("account", stay->holder.account.v),
            F_INT("door", stay->door), F_INT("app_password", stay->holder.app_password));
        stay->ended = true;
        (void)shutdown(stay->fd, SHUT_RDWR);
    }
}

void stays_look(struct stays *stays)
{
    pthread_mutex_lock(&stays->lock);
    look(stays);
    pthread_mutex_unlock(&stays->lock);
}

static void *look_again_and_again(void *context)
{
    struct stays *stays = context;
    pthread_mutex_lock(&stays->lock);
    while (!stays->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += STAYS_LOOK_SECONDS;
        (void)pthread_cond_timedwait(&stays->stop, &stays->lock, &until);
        look(stays);
    }
    pthread_mutex_unlock(&stays->lock);
    return NULL;
}

enum err stays_create(struct directory *directory, struct stays **ret_stays, struct error *error)
{
    pthread_condattr_t monotonic;
    struct stays *stays = calloc(1, sizeof(*stays));
    if (stays == NULL)
        return fail_nomem(error);
    stays->directory = directory;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&stays->lock, NULL);
    pthread_cond_init(&stays->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    int result = pthread_create(&stays->thread, NULL, look_again_and_again, stays);
    if (result != 0) {
        pthread_cond_destroy(&stays->stop);
        pthread_mutex_destroy(&stays->lock);
        free(stays);
        return fail(error, ERR_UNAVAILABLE, NULL, "thread that looks after sessions: %s", strerror(result));
    }
    *ret_stays = stays;
    return ERR_OK;
}

void stays_destroy(struct stays *stays)
{
    pthread_mutex_lock(&stays->lock);
    must(stays->first == NULL);
    stays->stopping = true;
    pthread_cond_signal(&stays->stop);
    pthread_mutex_unlock(&stays->lock);
    pthread_join(stays->thread, NULL);
    pthread_cond_destroy(&stays->stop);
    pthread_mutex_destroy(&stays->lock);
    free(stays);
}

/* The first look asks about it, too: something may have changed between log-in and now. */
void stays_enter(struct stays *stays, struct stay *stay, const struct sasl_holder *holder, enum door door,
                 int fd)
{
    *stay = (struct stay){.stays = stays, .holder = *holder, .door = door, .fd = fd};
    pthread_mutex_lock(&stays->lock);
    stay->next = stays->first;
    if (stays->first != NULL)
        stays->first->previous = stay;
    stays->first = stay;
    pthread_mutex_unlock(&stays->lock);
}

void stays_leave(struct stay *stay)
{
    if (stay->stays == NULL)
        return;
    pthread_mutex_lock(&stay->stays->lock);
    if (stay->previous != NULL)
        stay->previous->next = stay->next;
    else
        stay->stays->first = stay->next;
    if (stay->next != NULL)
        stay->next->previous = stay->previous;
    pthread_mutex_unlock(&stay->stays->lock);
    stay->stays = NULL;
}
