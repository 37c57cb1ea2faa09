#include "store/open_folder.h"

enum { CAP_LEAST = 64 };

struct uid_list *uid_list_new(size_t cap)
{
    struct uid_list *list = calloc(1, sizeof(*list));
    if (list == NULL)
        return NULL;
    list->refs = 1;
    list->cap = MAX(cap, CAP_LEAST);
    list->uids = calloc(list->cap, sizeof(*list->uids));
    if (list->uids == NULL) {
        free(list);
        return NULL;
    }
    return list;
}

void uid_list_unref(struct uid_list *list)
{
    if (list == NULL || --list->refs > 0)
        return;
    free(list->uids);
    free(list);
}

bool uid_list_append(struct uid_list *list, uint32_t uid)
{
    if (list->count == list->cap) {
        uint32_t *uids = reallocarray(list->uids, list->cap * 2, sizeof(*uids));
        if (uids == NULL)
            return false;
        list->uids = uids;
        list->cap *= 2;
    }
    list->uids[list->count++] = uid;
    return true;
}

size_t uid_list_find(const struct uid_list *list, uint32_t uid)
{
    size_t low = 0;
    size_t high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->uids[middle] < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct uid_list *uid_list_without(const struct uid_list *list, size_t count, const struct uid_set *removed)
{
    struct uid_list *copy = uid_list_new(count);
    if (copy == NULL)
        return NULL;
    size_t range = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t uid = list->uids[i];
        while (range < removed->count && removed->ranges[range].last < uid)
            range++;
        if (range == removed->count || uid < removed->ranges[range].first)
            copy->uids[copy->count++] = uid;
    }
    return copy;
}

struct uid_list *uid_list_with(const struct uid_list *list, size_t count, const struct uid_set *added)
{
    struct uid_list *copy = uid_list_new(count + (size_t)uid_set_size(added));
    if (copy == NULL)
        return NULL;
    size_t i = 0;
    for (size_t range = 0; range < added->count; range++) {
        for (uint64_t uid = added->ranges[range].first; uid <= added->ranges[range].last; uid++) {
            while (i < count && list->uids[i] < uid)
                copy->uids[copy->count++] = list->uids[i++];
            copy->uids[copy->count++] = (uint32_t)uid;
        }
    }
    while (i < count)
        copy->uids[copy->count++] = list->uids[i++];
    return copy;
}
