#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rt/sandbox_parts.h"

/*
 * An allow-list for each role. A call that is on no list fails with EPERM. Calls that only an intruder would
 * make end the process, so that the attempt is seen and the hole cannot be tried again at leisure.
 *
 * Decisions:
 * - Executable memory: nobody may make any, but store may map a file as read and execute, never also write
 * and never anonymous, because iconv loads its charset modules when a message names the charset.
 * - clone3 takes its flags by pointer, where a filter cannot look: ENOSYS makes glibc use clone, whose flags
 *   are checked: threads only.
 * - open in edge and relay ends the process even for reading. What libraries read late has been read before
 *   (sandbox.c). Sanitizers read /proc to symbolize a report: for their builds alone it fails with EACCES.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ACTION_OPEN SCMP_ACT_ERRNO(EACCES)
#else
#define ACTION_OPEN SCMP_ACT_KILL_PROCESS
#endif

enum { EDGE = 1 << ROLE_EDGE, RELAY = 1 << ROLE_RELAY, STORE = 1 << ROLE_STORE, ALL = EDGE | RELAY | STORE };

struct call {
    int number;
    unsigned roles;
};
#define C(name, roles)        \
    {                         \
        SCMP_SYS(name), roles \
    }

static const struct call allowed[] = {
    /* descriptors */
    C(read, ALL),
    C(write, ALL),
    C(readv, ALL),
    C(writev, ALL),
    C(pread64, ALL),
    C(pwrite64, ALL),
    C(close, ALL),
    C(lseek, ALL),
    C(dup, ALL),
    C(dup3, ALL),
    C(fcntl, ALL),
    C(fstat, ALL),
    C(pipe2, ALL),
    C(memfd_create, ALL),
    C(ftruncate, ALL),
    /* waiting */
    C(poll, ALL),
    C(ppoll, ALL),
    C(epoll_create1, ALL),
    C(epoll_ctl, ALL),
    C(epoll_wait, ALL),
    C(epoll_pwait, ALL),
    C(eventfd2, ALL),
    C(timerfd_create, ALL),
    C(timerfd_settime, ALL),
    C(nanosleep, ALL),
    C(clock_nanosleep, ALL),
    C(clock_gettime, ALL),
    C(clock_getres, ALL),
    C(gettimeofday, ALL),
    C(time, ALL),
    C(restart_syscall, ALL),
    /* sockets that were given */
    C(recvmsg, ALL),
    C(sendmsg, ALL),
    C(recvfrom, ALL),
    C(sendto, ALL),
    C(recvmmsg, ALL),
    C(sendmmsg, ALL),
    C(shutdown, ALL),
    C(getsockname, ALL),
    C(getpeername, ALL),
    C(getsockopt, ALL),
    C(setsockopt, ALL),
    C(accept4, EDGE | STORE),
    C(connect, RELAY),
    C(bind, RELAY), /* a resolver's questions leave from ports nobody can guess; TCP's are Landlock's */
    /* memory */
    C(munmap, ALL),
    C(mremap, ALL),
    C(madvise, ALL),
    C(brk, ALL),
    C(mlock, ALL),
    C(munlock, ALL),
    C(msync, STORE),
    C(mincore, ALL),
    /* threads and signals */
    C(futex, ALL),
    C(set_robust_list, ALL),
    C(rseq, ALL),
    C(set_tid_address, ALL),
    C(membarrier, ALL),
    C(sched_yield, ALL),
    C(sched_getaffinity, ALL),
    C(setpriority, STORE), /* of its background threads */
    C(rt_sigaction, ALL),
    C(rt_sigprocmask, ALL),
    C(rt_sigreturn, ALL),
    C(rt_sigtimedwait, ALL),
    C(sigaltstack, ALL),
    C(exit, ALL),
    C(exit_group, ALL),
    /* about oneself and the machine */
    C(getpid, ALL),
    C(gettid, ALL),
    C(getppid, ALL),
    C(getuid, ALL),
    C(geteuid, ALL),
    C(getgid, ALL),
    C(getegid, ALL),
    C(getrandom, ALL),
    C(getrusage, ALL),
    C(sysinfo, ALL),
    C(uname, ALL),
    C(getcpu, ALL),
    /* files, in the store's directories: Landlock says where */
    C(open, STORE),
    C(openat, STORE),
    C(creat, STORE),
    C(stat, STORE),
    C(lstat, STORE),
    C(newfstatat, STORE),
    C(statx, STORE),
    C(access, STORE),
    C(faccessat, STORE),
    C(faccessat2, STORE),
    C(readlink, STORE),
    C(readlinkat, STORE),
    C(getcwd, STORE),
    C(getdents64, STORE),
    C(statfs, STORE),
    C(fstatfs, STORE),
    C(fsync, STORE),
    C(fdatasync, STORE),
    C(syncfs, STORE),
    C(sync_file_range, STORE),
    C(truncate, STORE),
    C(fallocate, STORE),
    C(fadvise64, STORE),
    C(flock, STORE),
    C(copy_file_range, STORE),
    C(unlink, STORE),
    C(unlinkat, STORE),
    C(rename, STORE),
    C(renameat, STORE),
    C(renameat2, STORE),
    C(mkdir, STORE),
    C(mkdirat, STORE),
    C(rmdir, STORE),
    C(link, STORE),
    C(linkat, STORE),
    C(chmod, STORE),
    C(fchmod, STORE),
    C(fchmodat, STORE),
    C(utimensat, STORE),
    C(umask, STORE),
};

static const struct call deadly[] = {
    C(execve, ALL),
    C(execveat, ALL),
    C(fork, ALL),
    C(vfork, ALL),
    C(ptrace, ALL),
    C(process_vm_readv, ALL),
    C(process_vm_writev, ALL),
    C(pidfd_getfd, ALL),
    C(kcmp, ALL),
    C(mount, ALL),
    C(umount2, ALL),
    C(pivot_root, ALL),
    C(chroot, ALL),
    C(unshare, ALL),
    C(setns, ALL),
    C(move_mount, ALL),
    C(fsopen, ALL),
    C(open_tree, ALL),
    C(init_module, ALL),
    C(finit_module, ALL),
    C(delete_module, ALL),
    C(kexec_load, ALL),
    C(kexec_file_load, ALL),
    C(bpf, ALL),
    C(perf_event_open, ALL),
    C(keyctl, ALL),
    C(add_key, ALL),
    C(request_key, ALL),
    C(userfaultfd, ALL),
    C(io_uring_setup, ALL),
    C(open_by_handle_at, ALL),
    C(setuid, ALL),
    C(setgid, ALL),
    C(setresuid, ALL),
    C(setresgid, ALL),
    C(setgroups, ALL),
    C(capset, ALL),
    C(socket, EDGE),
};

static const struct call deadly_open[] = {
    C(open, EDGE | RELAY),
    C(openat, EDGE | RELAY),
    C(openat2, EDGE | RELAY),
    C(creat, EDGE | RELAY),
};

/* Collects rules; the first failure sticks. */
struct filter {
    scmp_filter_ctx context;
    unsigned role;
    int result;
};

static void add(struct filter *f, unsigned roles, uint32_t action, int number,
                const struct scmp_arg_cmp *conditions, unsigned count)
{
    if (f->result == 0 && (roles & f->role) != 0)
        f->result = seccomp_rule_add_array(f->context, action, number, count, conditions);
}

static void add_when(struct filter *f, unsigned roles, uint32_t action, int number, struct scmp_arg_cmp when)
{
    add(f, roles, action, number, &when, 1);
}

static void add_calls(struct filter *f, uint32_t action, const struct call *calls, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(f, calls[i].roles, action, calls[i].number, NULL, 0);
}

static void add_threads(struct filter *f)
{
    const scmp_datum_t thread = CLONE_VM | CLONE_THREAD;
    const int clone_call = SCMP_SYS(clone);
    add_when(f, ALL, SCMP_ACT_ALLOW, clone_call, SCMP_A0_64(SCMP_CMP_MASKED_EQ, thread, thread));
    add_when(f, ALL, SCMP_ACT_KILL_PROCESS, clone_call, SCMP_A0_64(SCMP_CMP_MASKED_EQ, thread, 0));
    add_when(f, ALL, SCMP_ACT_KILL_PROCESS, clone_call, SCMP_A0_64(SCMP_CMP_MASKED_EQ, thread, CLONE_VM));
    add_when(f, ALL, SCMP_ACT_KILL_PROCESS, clone_call, SCMP_A0_64(SCMP_CMP_MASKED_EQ, thread, CLONE_THREAD));
    add(f, ALL, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), NULL, 0);
}

static void add_memory(struct filter *f)
{
    const scmp_datum_t both = PROT_EXEC | PROT_WRITE;
    add_when(f, ALL, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    add_when(f, ALL, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mprotect),
             SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
    add_when(f, ALL, SCMP_ACT_ALLOW, SCMP_SYS(mmap), SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    add_when(f, EDGE | RELAY, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mmap),
             SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, PROT_EXEC));
    const struct scmp_arg_cmp module[] = {SCMP_A2_64(SCMP_CMP_MASKED_EQ, both, PROT_EXEC),
                                          SCMP_A3_64(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0)};
    add(f, STORE, SCMP_ACT_ALLOW, SCMP_SYS(mmap), module, ARRAY_LEN(module));
    const struct scmp_arg_cmp anonymous[] = {SCMP_A2_64(SCMP_CMP_MASKED_EQ, both, PROT_EXEC),
                                             SCMP_A3_64(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)};
    add(f, STORE, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mmap), anonymous, ARRAY_LEN(anonymous));
    add_when(f, STORE, SCMP_ACT_KILL_PROCESS, SCMP_SYS(mmap), SCMP_A2_64(SCMP_CMP_MASKED_EQ, both, both));
}

/* Families: relay AF_UNIX and the internet's, store AF_UNIX, edge none at all (it is given its sockets). */
static void add_sockets(struct filter *f)
{
    for (unsigned family = 0; family <= AF_INET6; family++) {
        bool internet = family == AF_INET || family == AF_INET6;
        uint32_t relay = family == AF_UNIX || internet ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
        uint32_t store = family == AF_UNIX ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
        add_when(f, RELAY, relay, SCMP_SYS(socket), SCMP_A0_64(SCMP_CMP_EQ, family));
        add_when(f, STORE, store, SCMP_SYS(socket), SCMP_A0_64(SCMP_CMP_EQ, family));
    }
    add_when(f, RELAY | STORE, SCMP_ACT_KILL_PROCESS, SCMP_SYS(socket), SCMP_A0_64(SCMP_CMP_GT, AF_INET6));
    add_when(f, ALL, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), SCMP_A0_64(SCMP_CMP_EQ, AF_UNIX));
}

static void add_with_arguments(struct filter *f)
{
    static const int options[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_SET_VMA};
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        add_when(f, ALL, SCMP_ACT_ALLOW, SCMP_SYS(prctl), SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)options[i]));
    /* Only to itself: raise and abort. */
    add_when(f, ALL, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    /* glibc's fstat; stat of a path is for store alone. */
    add_when(f, EDGE | RELAY, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), SCMP_A3_64(SCMP_CMP_EQ, AT_EMPTY_PATH));
    /* Asking its own limits, as pthread_create does; setting none. */
    const struct scmp_arg_cmp ask[] = {SCMP_A0_64(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_EQ, 0)};
    add(f, ALL, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), ask, ARRAY_LEN(ask));
    add_when(f, ALL, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), SCMP_A1_64(SCMP_CMP_EQ, FIONREAD));
    add_when(f, ALL, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), SCMP_A1_64(SCMP_CMP_EQ, FIONBIO));
}

enum err sandbox_restrict_calls(enum worker_role role, struct buf *ret_missing, struct error *error)
{
    struct filter f = {.context = seccomp_init(SCMP_ACT_ERRNO(EPERM)), .role = 1u << role};
    if (f.context == NULL)
        return fail_nomem(error);
    f.result = seccomp_attr_set(f.context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (f.result == 0)
        f.result = seccomp_attr_set(f.context, SCMP_FLTATR_CTL_TSYNC, 1);
    if (f.result == 0)
        f.result = seccomp_attr_set(f.context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    add_calls(&f, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
    add_calls(&f, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_LEN(deadly));
    add_calls(&f, ACTION_OPEN, deadly_open, ARRAY_LEN(deadly_open));
    add_threads(&f);
    add_memory(&f);
    add_sockets(&f);
    add_with_arguments(&f);
    int made = f.result;
    int loaded = made == 0 ? seccomp_load(f.context) : 0;
    seccomp_release(f.context);
    if (made != 0)
        return fail(error, ERR_INVALID, NULL, "make the filter of system calls: %s", strerror(-made));
    if (loaded != 0)
        sandbox_note_missing(ret_missing, "no seccomp in this kernel (%s): system calls are not restricted",
                             strerror(-loaded));
    return ERR_OK;
}
