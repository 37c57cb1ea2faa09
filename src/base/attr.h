/*
 * Compiler attributes and local ownership.
 *
 * What a compiler can check is no prose: functions say here that their result counts, that a
 * pointer is never NULL, that a string is a format.
 */
#ifndef POSTHORN_BASE_ATTR_H
#define POSTHORN_BASE_ATTR_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define FORMAT(fmt, first) __attribute__((format(printf, fmt, first)))
#define NONNULL __attribute__((nonnull))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))

/* A local that is released when its scope ends: `CLEANUP(buf_release) struct buf out = ...`. */
#define CLEANUP(release) __attribute__((cleanup(release)))

/* Hand a pointer over: its value, leaving NULL behind for the cleanup to find. */
#define take(pointer)                           \
    ({                                          \
        __typeof__(pointer) taken_ = (pointer); \
        (pointer) = NULL;                       \
        taken_;                                 \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Each argument is evaluated once; the names are unique, so that they nest. */
#define MIN(a, b) CHOOSE_(<, a, b, __COUNTER__)
#define MAX(a, b) CHOOSE_(>, a, b, __COUNTER__)
#define CHOOSE_(order, a, b, number) CHOOSE_NAMED_(order, a, b, number)
#define CHOOSE_NAMED_(order, a, b, number)                                               \
    ({                                                                                   \
        __typeof__((a) + (b)) left_##number##_ = (a);                                    \
        __typeof__((a) + (b)) right_##number##_ = (b);                                   \
        left_##number##_ order right_##number##_ ? left_##number##_ : right_##number##_; \
    })

#endif
