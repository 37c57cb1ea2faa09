#include "store/watch.h"

#include <stdlib.h>

#include "store/account.h"
#include "store/watchers.h"

struct watch {
    struct account *account;
    struct loop *loop;
    struct place place;
    struct watch *next; /* of the account, under its mutex; so are the following */
    bool acting;
    pthread_t actor;
    /* Only the actor writes these, in its commits: the session reads them without the mutex. */
    struct {
        uint64_t first, last;
    } own[WATCH_OWN_MAX];
    size_t own_count;
};

enum err account_watch(struct account *account, struct loop *loop, struct place place,
                       struct watch **ret_watch, struct error *error)
{
    struct watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL)
        return fail_nomem(error);
    *watch = (struct watch){.account = account_ref(account), .loop = loop, .place = place};
    pthread_mutex_lock(&account->mutex);
    atomic_store(&account->told_change, (uint64_t)account->meta.change);
    watch->next = account->watches;
    account->watches = watch;
    pthread_mutex_unlock(&account->mutex);
    *ret_watch = watch;
    return ERR_OK;
}

void account_unwatch(struct watch *watch)
{
    struct account *account = watch->account;
    pthread_mutex_lock(&account->mutex);
    struct watch **link = &account->watches;
    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    pthread_mutex_unlock(&account->mutex);
    free(watch);
    account_unref(account);
}

struct account *watch_account(const struct watch *watch)
{
    return watch->account;
}

struct change_no watch_change(const struct watch *watch)
{
    return (struct change_no){atomic_load(&watch->account->told_change)};
}

static void note_own(struct watch *watch, uint64_t change)
{
    if (watch->own_count > 0 && watch->own[watch->own_count - 1].last + 1 == change) {
        watch->own[watch->own_count - 1].last = change;
    } else if (watch->own_count < WATCH_OWN_MAX) {
        watch->own[watch->own_count].first = change;
        watch->own[watch->own_count++].last = change;
    }
}

void watch_act(struct watch *watch)
{
    pthread_mutex_lock(&watch->account->mutex);
    watch->acting = true;
    watch->actor = pthread_self();
    pthread_mutex_unlock(&watch->account->mutex);
}

void watch_rest(struct watch *watch)
{
    pthread_mutex_lock(&watch->account->mutex);
    watch->acting = false;
    pthread_mutex_unlock(&watch->account->mutex);
}

bool watch_is_own(const struct watch *watch, struct change_no change)
{
    for (size_t i = 0; i < watch->own_count; i++)
        if (change.v >= watch->own[i].first && change.v <= watch->own[i].last)
            return true;
    return false;
}

void watch_forget_own(struct watch *watch)
{
    watch->own_count = 0;
}

void watches_gather(struct account *account, struct change_no change, struct watchers *watchers)
{
    atomic_store(&account->told_change, change.v);
    for (struct watch *watch = account->watches; watch != NULL; watch = watch->next) {
        if (watch->acting && pthread_equal(watch->actor, pthread_self()))
            note_own(watch, change.v);
        watchers_add(watchers, watch->loop, watch->place);
    }
}
