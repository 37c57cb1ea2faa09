/* Whom a commit tells: places, gathered under the account's locks and told after them. For this room. */
#ifndef POSTHORN_STORE_WATCHERS_H
#define POSTHORN_STORE_WATCHERS_H

#include "rt/loop.h"
#include "store/message.h"

struct watchers {
    struct watcher {
        struct loop *loop;
        struct place place;
    } * items;
    size_t count;
    size_t cap;
};
void watchers_add(struct watchers *watchers, struct loop *loop, struct place place);
/* After unlocking. Frees the list. */
void watchers_tell(struct watchers *watchers);

/* watch.c: those who watch the whole account. account->mutex held. */
void watches_gather(struct account *account, struct change_no change, struct watchers *watchers);

#endif
