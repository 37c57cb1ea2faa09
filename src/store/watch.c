#include "store/watch.h"

#include <stdlib.h>

#include "store/account.h"
#include "store/watchers.h"

struct watch {
    struct account *account;
    struct loop *loop;
    struct place place;
    struct watch *next; /* of the account, under its mutex */
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

void watches_gather(struct account *account, struct change_no change, struct watchers *watchers)
{
    atomic_store(&account->told_change, change.v);
    for (const struct watch *watch = account->watches; watch != NULL; watch = watch->next)
        watchers_add(watchers, watch->loop, watch->place);
}
