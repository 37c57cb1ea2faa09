#include "base/arena.h"

#include <stdlib.h>

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data, in bytes */
    _Alignas(16) char data[];
};

enum { ARENA_BLOCK = 4000, ARENA_ALIGN = 16 };

void arena_release(struct arena *a)
{
    for (struct arena_block *b = a->blocks; b != NULL;) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    *a = ARENA(a->cap);
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = a->blocks;
    if (keep == NULL || keep->size > ARENA_BLOCK) {
        arena_release(a);
        return;
    }
    for (struct arena_block *b = keep->next; b != NULL;) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    keep->next = NULL;
    a->at = keep->data;
    a->left = keep->size;
    a->used = keep->size;
    a->failed = false;
}

static bool arena_grow(struct arena *a, size_t n)
{
    size_t size = MAX(n, (size_t)ARENA_BLOCK);
    if (a->used + size > a->cap)
        size = n;
    if (size > a->cap || a->used > a->cap - size)
        return false;
    struct arena_block *b = malloc(sizeof(*b) + size);
    if (b == NULL)
        return false;
    b->next = a->blocks;
    b->size = size;
    a->blocks = b;
    a->at = b->data;
    a->left = size;
    a->used += size;
    return true;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > a->cap) {
        a->failed = true;
        return NULL;
    }
    n = MAX(n, (size_t)1); /* so that nothing, too, has an address */
    n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (n > a->left && !arena_grow(a, n)) {
        a->failed = true;
        return NULL;
    }
    void *p = a->at;
    a->at += n;
    a->left -= n;
    memset(p, 0, n);
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        a->failed = true;
        return NULL;
    }
    return arena_alloc(a, n);
}

struct slice arena_dup(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (p == NULL)
        return slice_none();
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return slice_of(p, s.n);
}
