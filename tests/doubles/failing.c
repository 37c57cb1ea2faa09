/*
 * A server in which one step fails: these stand in for the C library's and SQLite's calls of the same names,
 * in the program and in the libraries that it uses. The file `failing.plan` beside the program says which
 * step of which process it is; a test writes it through a mapping, while the server runs, and reads there
 * what came of it. tests/e2e/failing.py is the other side.
 *
 * The plan is mapped before the sandbox closes. Without the file, nothing ever fails.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <sqlite3.h>

#include "double.h"

enum kind { MEMORY, WRITE, READ, SYNC, DESCRIPTOR, SOCKET, SQL };

enum { PROCESSES_MAX = 1000 };

/* failing.py: HELD. What a process has allocated and not freed. */
struct held {
    _Atomic int64_t pid;
    _Atomic int64_t blocks;
    _Atomic int64_t bytes;
};

/* failing.py: PLAN */
struct plan {
    _Atomic int32_t pid;      /* whose steps count; 0: nobody's */
    _Atomic uint32_t kinds;   /* which steps count: 1 << kind */
    _Atomic int64_t fail_at;  /* which one fails, from 1; 0: none */
    _Atomic int64_t in_a_row; /* that many from there on */
    _Atomic int64_t steps;    /* that counted so far */
    _Atomic int64_t failed;   /* of them */
    _Atomic uint64_t caller;  /* of the one that failed, an address */
    _Atomic int64_t processes;
    struct held held[PROCESSES_MAX];
};

static struct plan *plan;
static struct held before_plan; /* what is allocated until there is one */
static struct held *held = &before_plan;
static int (*real_step)(sqlite3_stmt *);

__attribute__((constructor)) static void failing_start(void)
{
    real_step = (int (*)(sqlite3_stmt *))(uintptr_t)dlsym(RTLD_NEXT, "sqlite3_step");
    int fd = open_beside_program("failing.plan", O_RDWR);
    if (fd < 0)
        return;
    void *mapped = (void *)syscall(SYS_mmap, NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (mapped == MAP_FAILED)
        return;
    plan = mapped;
    int64_t place = atomic_fetch_add(&plan->processes, 1);
    if (place >= PROCESSES_MAX)
        return;
    /* No other thread runs yet. */
    plan->held[place].blocks = before_plan.blocks;
    plan->held[place].bytes = before_plan.bytes;
    held = &plan->held[place];
    held->pid = syscall(SYS_getpid);
}

/* Whether this step is one that fails. */
static bool fails(enum kind kind, void *caller)
{
    if (plan == NULL || (plan->kinds & 1U << kind) == 0 || plan->pid != (int32_t)syscall(SYS_getpid))
        return false;
    int64_t step = atomic_fetch_add(&plan->steps, 1) + 1;
    if (plan->fail_at == 0 || step < plan->fail_at || step >= plan->fail_at + plan->in_a_row)
        return false;
    plan->caller = (uint64_t)(uintptr_t)caller;
    atomic_fetch_add(&plan->failed, 1);
    return true;
}

#define FAILS(kind) fails(kind, __builtin_return_address(0))
#define FAIL_WITH(kind, number) \
    do {                        \
        if (FAILS(kind)) {      \
            errno = (number);   \
            return -1;          \
        }                       \
    } while (0)

/* --- memory --- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static void count(int64_t blocks, int64_t bytes)
{
    atomic_fetch_add(&held->blocks, blocks);
    atomic_fetch_add(&held->bytes, bytes);
}

static void *counted(void *block)
{
    if (block != NULL)
        count(1, (int64_t)malloc_usable_size(block));
    return block;
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

void *malloc(size_t size)
{
    return FAILS(MEMORY) ? no_memory() : counted(__libc_malloc(size));
}
void *calloc(size_t number, size_t size)
{
    return FAILS(MEMORY) ? no_memory() : counted(__libc_calloc(number, size));
}
void *realloc(void *old, size_t size)
{
    if (size > 0 && FAILS(MEMORY))
        return no_memory();
    int64_t before = old == NULL ? 0 : (int64_t)malloc_usable_size(old);
    void *block = __libc_realloc(old, size);
    if (block != NULL)
        count(old == NULL, (int64_t)malloc_usable_size(block) - before);
    else if (size == 0 && old != NULL)
        count(-1, -before);
    return block;
}
void free(void *block)
{
    int kept = errno;
    if (block != NULL)
        count(-1, -(int64_t)malloc_usable_size(block));
    __libc_free(block);
    errno = kept;
}
void *memalign(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}
void *aligned_alloc(size_t alignment, size_t size)
{
    return counted(__libc_memalign(alignment, size));
}
int posix_memalign(void **ret, size_t alignment, size_t size)
{
    void *block = counted(__libc_memalign(alignment, size));
    if (block == NULL)
        return ENOMEM;
    *ret = block;
    return 0;
}
void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset)
{
    if (FAILS(MEMORY)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

/* --- files --- */

static bool is_socket(int fd)
{
    struct stat status;
    int kept = errno;
    bool is = fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
    errno = kept;
    return is;
}

static int failing_open(int directory, const char *name, int flags, mode_t mode)
{
    FAIL_WITH(DESCRIPTOR, EMFILE);
    return (int)syscall(SYS_openat, directory, name, flags, mode);
}
DEFINE_OPENING(failing_open)

ssize_t write(int fd, const void *data, size_t size)
{
    if (is_socket(fd))
        FAIL_WITH(SOCKET, ECONNRESET);
    else
        FAIL_WITH(WRITE, ENOSPC);
    return syscall(SYS_write, fd, data, size);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    FAIL_WITH(WRITE, ENOSPC);
    return syscall(SYS_pwrite64, fd, data, size, offset);
}
ssize_t read(int fd, void *data, size_t size)
{
    if (is_socket(fd))
        FAIL_WITH(SOCKET, ECONNRESET);
    else
        FAIL_WITH(READ, EIO);
    return syscall(SYS_read, fd, data, size);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
    FAIL_WITH(READ, EIO);
    return syscall(SYS_pread64, fd, data, size, offset);
}
int ftruncate64(int fd, off64_t size)
{
    FAIL_WITH(WRITE, ENOSPC);
    return (int)syscall(SYS_ftruncate, fd, size);
}
int fallocate64(int fd, int mode, off64_t offset, off64_t size)
{
    FAIL_WITH(WRITE, ENOSPC);
    return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}
int unlinkat(int directory, const char *name, int flags)
{
    FAIL_WITH(WRITE, EIO);
    return (int)syscall(SYS_unlinkat, directory, name, flags);
}
int unlink(const char *name)
{
    FAIL_WITH(WRITE, EIO);
    return (int)syscall(SYS_unlinkat, AT_FDCWD, name, 0);
}
int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    FAIL_WITH(WRITE, EIO);
    return (int)syscall(SYS_renameat, from_directory, from, to_directory, to);
}
int mkdirat(int directory, const char *name, mode_t mode)
{
    FAIL_WITH(WRITE, ENOSPC);
    return (int)syscall(SYS_mkdirat, directory, name, mode);
}

int fsync(int fd)
{
    FAIL_WITH(SYNC, EIO);
    return (int)syscall(SYS_fsync, fd);
}
int fdatasync(int fd)
{
    FAIL_WITH(SYNC, EIO);
    return (int)syscall(SYS_fdatasync, fd);
}
int syncfs(int fd)
{
    FAIL_WITH(SYNC, EIO);
    return (int)syscall(SYS_syncfs, fd);
}

/* --- between processes and with clients --- */

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    FAIL_WITH(SOCKET, ECONNRESET);
    return syscall(SYS_sendmsg, fd, message, flags);
}
ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    FAIL_WITH(SOCKET, ECONNRESET);
    return syscall(SYS_recvmsg, fd, message, flags);
}
ssize_t send(int fd, const void *data, size_t size, int flags)
{
    FAIL_WITH(SOCKET, ECONNRESET);
    return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
}
ssize_t recv(int fd, void *data, size_t size, int flags)
{
    FAIL_WITH(SOCKET, ECONNRESET);
    return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
}
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    if (is_socket(fd))
        FAIL_WITH(SOCKET, ECONNRESET);
    else
        FAIL_WITH(WRITE, ENOSPC);
    return syscall(SYS_writev, fd, parts, count);
}
int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict size, int flags)
{
    FAIL_WITH(DESCRIPTOR, EMFILE);
    return (int)syscall(SYS_accept4, fd, address, size, flags);
}
int socket(int domain, int type, int protocol)
{
    FAIL_WITH(DESCRIPTOR, EMFILE);
    return (int)syscall(SYS_socket, domain, type, protocol);
}
int socketpair(int domain, int type, int protocol, int ret_fds[2])
{
    FAIL_WITH(DESCRIPTOR, EMFILE);
    return (int)syscall(SYS_socketpair, domain, type, protocol, ret_fds);
}
int epoll_ctl(int fd, int what, int target, struct epoll_event *event)
{
    if (what == EPOLL_CTL_ADD)
        FAIL_WITH(DESCRIPTOR, ENOSPC);
    return (int)syscall(SYS_epoll_ctl, fd, what, target, event);
}

/* --- SQL --- */

int sqlite3_step(sqlite3_stmt *statement)
{
    if (FAILS(SQL))
        return SQLITE_IOERR;
    return real_step(statement);
}
