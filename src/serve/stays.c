#include "serve/stays.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/must.h"
#include "directory/app_password.h"

enum { ENTRY_SCRATCH_MAX = 64 * 1024 };

struct stays {
    struct directory *directory;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t stop;
    bool stopping;
    struct stay *first;
};

/* When the directory can't say, he stays. */
static bool may_stay(struct stays *stays, const struct stay *stay)
{
    CLEANUP(arena_release) struct arena scratch = ARENA(ENTRY_SCRATCH_MAX);
    struct account_entry entry;
    struct error error;
    if (stay->app_password != 0 && !app_password_is_valid(stays->directory, stay->app_password))
        return false;
    enum err err = account_entry_get(stays->directory, stay->account, &scratch, &entry, &error);
    return err == ERR_OK ? entry.enabled && (entry.doors & stay->door) != 0 : err != ERR_NOT_FOUND;
}

/* all: else only those that time may end. Locked. */
static void look(struct stays *stays, bool all)
{
    for (struct stay *stay = stays->first; stay != NULL; stay = stay->next) {
        if (stay->ended || (!all && stay->app_password == 0) || may_stay(stays, stay))
            continue;
        LOG(LOG_INFO, NO_SID, "store.session_ended", F_ID("account", stay->account.v),
            F_INT("door", stay->door), F_INT("app_password", stay->app_password));
        stay->ended = true;
        (void)shutdown(stay->fd, SHUT_RDWR);
    }
}

void stays_look(struct stays *stays)
{
    pthread_mutex_lock(&stays->lock);
    look(stays, true);
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
        look(stays, false);
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
        return fail(error, ERR_UNAVAILABLE, NULL, "thread for sessions: %s", strerror(result));
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

enum err stays_enter(struct stays *stays, struct stay *stay, const struct sasl_holder *holder, enum door door,
                     int fd, struct error *error)
{
    *stay = (struct stay){
        .account = holder->account, .door = (unsigned)door, .app_password = holder->app_password, .fd = -1};
    stay->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (stay->fd < 0)
        return fail_errno(error, "a session's second descriptor");
    stay->stays = stays;
    pthread_mutex_lock(&stays->lock);
    stay->next = stays->first;
    if (stays->first != NULL)
        stays->first->previous = stay;
    stays->first = stay;
    pthread_mutex_unlock(&stays->lock);
    return ERR_OK;
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
    fd_close(&stay->fd);
    stay->stays = NULL;
}
