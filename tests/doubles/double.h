/* What the doubles share: their file beside the program, and the C library's calls that open files. */
#ifndef POSTHORN_TESTS_DOUBLE_H
#define POSTHORN_TESTS_DOUBLE_H

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The file of this name beside the program; -1: there is none. */
static inline int open_beside_program(const char *file, int flags)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n <= 0)
        return -1;
    path[n] = 0;
    char *name = strrchr(path, '/') + 1;
    if ((size_t)(name - path) + strlen(file) + 1 > sizeof(path))
        return -1;
    memcpy(name, file, strlen(file) + 1);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, 0);
}

#define TAKE_MODE(mode, flags)                     \
    mode_t mode = 0;                               \
    if (((flags) & (O_CREAT | O_TMPFILE)) != 0) {  \
        va_list more;                              \
        va_start(more, flags);                     \
        mode = (mode_t)va_arg(more, unsigned int); \
        va_end(more);                              \
    }

/* The C library's ways to open a file, FORTIFY's names (for flags without O_CREAT) among them. */
#define DEFINE_OPENING(opened)                                    \
    int open64(const char *name, int flags, ...)                  \
    {                                                             \
        TAKE_MODE(mode, flags)                                    \
        return opened(AT_FDCWD, name, flags, mode);               \
    }                                                             \
    int openat64(int directory, const char *name, int flags, ...) \
    {                                                             \
        TAKE_MODE(mode, flags)                                    \
        return opened(directory, name, flags, mode);              \
    }                                                             \
    int __open64_2(const char *name, int flags);                  \
    int __open64_2(const char *name, int flags)                   \
    {                                                             \
        return opened(AT_FDCWD, name, flags, 0);                  \
    }                                                             \
    int __openat64_2(int directory, const char *name, int flags); \
    int __openat64_2(int directory, const char *name, int flags)  \
    {                                                             \
        return opened(directory, name, flags, 0);                 \
    }

#endif
