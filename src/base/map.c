#include "base/map.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

struct map_entry {
    struct map_entry *next;
    void *value;
    size_t key_n;
    char key[];
};

enum { MAP_FIRST = 16 };

static unsigned char hash_key[crypto_shorthash_KEYBYTES];
static pthread_once_t hash_key_once = PTHREAD_ONCE_INIT;

static void make_hash_key(void)
{
    randombytes_buf(hash_key, sizeof(hash_key));
}

static size_t hash(struct slice key)
{
    uint64_t out;
    pthread_once(&hash_key_once, make_hash_key);
    crypto_shorthash((unsigned char *)&out, (const unsigned char *)(key.n > 0 ? key.p : ""), key.n, hash_key);
    return (size_t)out;
}

void map_release(struct map *m)
{
    for (size_t i = 0; i < m->size; i++) {
        for (struct map_entry *e = m->slots[i]; e != NULL;) {
            struct map_entry *next = e->next;
            free(e);
            e = next;
        }
    }
    free(m->slots);
    *m = (struct map){0};
}

/* The link that points to the key's entry, or to the chain's end. */
static struct map_entry **find(const struct map *m, struct slice key)
{
    struct map_entry **link = &m->slots[hash(key) & (m->size - 1)];
    while (*link != NULL && !slice_eq(slice_of((*link)->key, (*link)->key_n), key))
        link = &(*link)->next;
    return link;
}

void *map_get(const struct map *m, struct slice key)
{
    if (m->size == 0)
        return NULL;
    struct map_entry *e = *find(m, key);
    return e != NULL ? e->value : NULL;
}

static bool grow(struct map *m)
{
    struct map bigger = {.size = m->size > 0 ? m->size * 2 : MAP_FIRST, .count = m->count};
    bigger.slots = calloc(bigger.size, sizeof(struct map_entry *));
    if (bigger.slots == NULL)
        return false;
    for (size_t i = 0; i < m->size; i++) {
        for (struct map_entry *e = m->slots[i]; e != NULL;) {
            struct map_entry *next = e->next;
            struct map_entry **slot = &bigger.slots[hash(slice_of(e->key, e->key_n)) & (bigger.size - 1)];
            e->next = *slot;
            *slot = e;
            e = next;
        }
    }
    free(m->slots);
    *m = bigger;
    return true;
}

bool map_set(struct map *m, struct slice key, void *value)
{
    if (m->count >= m->size && !grow(m))
        return false;
    struct map_entry **link = find(m, key);
    if (*link == NULL) {
        struct map_entry *e = malloc(sizeof(*e) + key.n);
        if (e == NULL)
            return false;
        e->next = NULL;
        e->key_n = key.n;
        if (key.n > 0)
            memcpy(e->key, key.p, key.n);
        *link = e;
        m->count++;
    }
    (*link)->value = value;
    return true;
}

void *map_remove(struct map *m, struct slice key)
{
    if (m->size == 0)
        return NULL;
    struct map_entry **link = find(m, key);
    struct map_entry *e = *link;
    if (e == NULL)
        return NULL;
    void *value = e->value;
    *link = e->next;
    free(e);
    m->count--;
    return value;
}

void map_each(const struct map *m, void (*fn)(void *context, struct slice key, void *value), void *context)
{
    for (size_t i = 0; i < m->size; i++)
        for (struct map_entry *e = m->slots[i]; e != NULL; e = e->next)
            fn(context, slice_of(e->key, e->key_n), e->value);
}
