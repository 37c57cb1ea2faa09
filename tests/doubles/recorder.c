/*
 * A server that tells what it does to its disk: these stand in for the C library's calls of the same names,
 * in the program and in the libraries that it uses, and note each change of a regular file, each change of a
 * name, and each sync. tests/e2e/disk.py has the format and makes of it what a power loss may have left.
 *
 * The notes go to the file `disk.log` beside the program, if there is one; it is opened before the sandbox
 * closes. A change is noted after it was made and before the call returns, a sync when it begins and when it
 * is over: what was noted before a sync's beginning is durable at its end, and nothing else is.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "double.h"

enum { LOG_FD_MIN = 800, DIRECTORIES_MAX = 1024 };

struct note {
    char kind; /* disk.py: KINDS */
    char unused[7];
    uint64_t inode;
    uint64_t offset; /* or the new size, or the other inode */
    uint64_t size;   /* of what follows */
};

static int log_fd = -1;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static char directories[DIRECTORIES_MAX][PATH_MAX]; /* by descriptor; "" unknown */

__attribute__((constructor)) static void recorder_start(void)
{
    int fd = open_beside_program("disk.log", O_WRONLY | O_APPEND);
    if (fd < 0)
        return;
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, LOG_FD_MIN);
    syscall(SYS_close, fd);
}

/* One write: with O_APPEND, notes of several processes don't mix. */
static void put(char kind, uint64_t inode, uint64_t offset, const void *data, size_t size)
{
    int kept = errno;
    struct note note = {.kind = kind, .inode = inode, .offset = offset, .size = size};
    struct iovec parts[] = {{&note, sizeof(note)}, {(void *)(uintptr_t)data, size}};
    if (log_fd >= 0 && syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof(note) + size))
        abort();
    errno = kept;
}

/* 0: not a regular file. */
static uint64_t inode_of(int fd)
{
    struct stat status;
    int kept = errno;
    int result = fstat(fd, &status);
    errno = kept;
    return result == 0 && S_ISREG(status.st_mode) ? status.st_ino : 0;
}

static void absolute(int directory, const char *name, char ret_path[static PATH_MAX])
{
    if (name[0] == '/' || directory < 0 || directory >= DIRECTORIES_MAX)
        snprintf(ret_path, PATH_MAX, "%s", name);
    else if (strcmp(name, ".") == 0)
        snprintf(ret_path, PATH_MAX, "%s", directories[directory]);
    else if (snprintf(ret_path, PATH_MAX, "%s/%s", directories[directory], name) >= PATH_MAX)
        abort();
}

static int recorded_open(int directory, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    pthread_mutex_lock(&order);
    int fd = (int)syscall(SYS_openat, directory, name, flags, mode);
    struct stat status;
    if (fd >= 0 && log_fd >= 0 && fstat(fd, &status) == 0) {
        absolute(directory, name, path);
        if (S_ISDIR(status.st_mode) && fd < DIRECTORIES_MAX)
            snprintf(directories[fd], PATH_MAX, "%s", path);
        if (S_ISREG(status.st_mode) && (flags & O_TMPFILE) != O_TMPFILE)
            put('N', status.st_ino, (uint64_t)status.st_size, path, strlen(path));
        if (S_ISREG(status.st_mode) && (flags & O_TRUNC) != 0)
            put('T', status.st_ino, 0, NULL, 0);
    }
    pthread_mutex_unlock(&order);
    return fd;
}

/* --- the C library's names --- */

DEFINE_OPENING(recorded_open)

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    uint64_t inode = inode_of(fd);
    pthread_mutex_lock(&order);
    ssize_t n = syscall(SYS_pwrite64, fd, data, size, offset);
    if (n > 0 && inode != 0)
        put('W', inode, (uint64_t)offset, data, (size_t)n);
    pthread_mutex_unlock(&order);
    return n;
}

/* At the descriptor's offset; what is appended, at the end. */
ssize_t write(int fd, const void *data, size_t size)
{
    uint64_t inode = inode_of(fd);
    if (inode == 0)
        return syscall(SYS_write, fd, data, size);
    pthread_mutex_lock(&order);
    ssize_t n = syscall(SYS_write, fd, data, size);
    int kept = errno;
    off_t end = lseek(fd, 0, SEEK_CUR);
    errno = kept;
    if (n > 0 && end >= n)
        put('W', inode, (uint64_t)(end - n), data, (size_t)n);
    pthread_mutex_unlock(&order);
    return n;
}

int ftruncate64(int fd, off64_t size)
{
    pthread_mutex_lock(&order);
    int result = (int)syscall(SYS_ftruncate, fd, size);
    if (result == 0)
        put('T', inode_of(fd), (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&order);
    return result;
}

/* A sync takes a while, and others go on writing meanwhile. */
static int recorded_sync(long call, char begin, char end, int fd, uint64_t inode, const char *path)
{
    size_t n = path != NULL ? strlen(path) : 0;
    put(begin, inode, (uint64_t)getpid() << 32 | (uint64_t)gettid(), path, n);
    int result = (int)syscall(call, fd);
    if (result == 0)
        put(end, inode, (uint64_t)getpid() << 32 | (uint64_t)gettid(), path, n);
    return result;
}
static int recorded_file_sync(long call, int fd)
{
    uint64_t inode = inode_of(fd);
    if (inode != 0)
        return recorded_sync(call, 'f', 'F', fd, inode, NULL);
    return recorded_sync(call, 'd', 'D', fd, 0, fd >= 0 && fd < DIRECTORIES_MAX ? directories[fd] : "");
}
int fsync(int fd)
{
    return recorded_file_sync(SYS_fsync, fd);
}
int fdatasync(int fd)
{
    return recorded_file_sync(SYS_fdatasync, fd);
}
int syncfs(int fd)
{
    return recorded_sync(SYS_syncfs, 's', 'S', fd, 0, NULL);
}

static int recorded_remove(int directory, const char *name, int flags)
{
    char path[PATH_MAX];
    pthread_mutex_lock(&order);
    int result = (int)syscall(SYS_unlinkat, directory, name, flags);
    if (result == 0) {
        absolute(directory, name, path);
        put((flags & AT_REMOVEDIR) != 0 ? 'R' : 'U', 0, 0, path, strlen(path));
    }
    pthread_mutex_unlock(&order);
    return result;
}
int unlinkat(int directory, const char *name, int flags)
{
    return recorded_remove(directory, name, flags);
}
int unlink(const char *name)
{
    return recorded_remove(AT_FDCWD, name, 0);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    char paths[2 * PATH_MAX];
    char path[PATH_MAX];
    pthread_mutex_lock(&order);
    int result = (int)syscall(SYS_renameat, from_directory, from, to_directory, to);
    if (result == 0) {
        absolute(from_directory, from, path);
        size_t n = strlen(path);
        memcpy(paths, path, n + 1);
        absolute(to_directory, to, path);
        memcpy(paths + n + 1, path, strlen(path));
        put('M', 0, n, paths, n + 1 + strlen(path));
    }
    pthread_mutex_unlock(&order);
    return result;
}

static int recorded_mkdir(int directory, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    pthread_mutex_lock(&order);
    int result = (int)syscall(SYS_mkdirat, directory, name, mode);
    if (result == 0) {
        absolute(directory, name, path);
        put('K', 0, 0, path, strlen(path));
    }
    pthread_mutex_unlock(&order);
    return result;
}
int mkdirat(int directory, const char *name, mode_t mode)
{
    return recorded_mkdir(directory, name, mode);
}
int mkdir(const char *name, mode_t mode)
{
    return recorded_mkdir(AT_FDCWD, name, mode);
}
