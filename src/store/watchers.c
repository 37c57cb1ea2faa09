#include "store/watchers.h"

#include <stdlib.h>

void watchers_add(struct watchers *watchers, struct loop *loop, struct place place)
{
    if (watchers->count == watchers->cap) {
        size_t cap = watchers->cap > 0 ? watchers->cap * 2 : 8;
        struct watcher *items = reallocarray(watchers->items, cap, sizeof(*items));
        if (items == NULL) {
            loop_notify(loop, place); /* under the locks, which is slower, not wrong: it never calls back */
            return;
        }
        watchers->items = items;
        watchers->cap = cap;
    }
    watchers->items[watchers->count++] = (struct watcher){loop, place};
}

void watchers_tell(struct watchers *watchers)
{
    for (size_t i = 0; i < watchers->count; i++)
        loop_notify(watchers->items[i].loop, watchers->items[i].place);
    free(watchers->items);
    *watchers = (struct watchers){0};
}
