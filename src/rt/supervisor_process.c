#include "rt/supervisor_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"

enum { EXEC_FAILED = 127, KEPT_MAX = 8 };

/* Nothing of the caller's, but the sanitizers' options in their builds. */
static void keep_environment(char **ret)
{
    size_t n = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    static const char *const kept[] = {"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=", "LSAN_OPTIONS="};
    for (char **e = environ; *e != NULL; e++)
        for (size_t i = 0; i < ARRAY_LEN(kept) && n < KEPT_MAX; i++)
            if (slice_starts(slice_cstr(*e), slice_cstr(kept[i])))
                ret[n++] = *e;
#endif
    ret[n] = NULL;
}

/* In the child, where nothing can be reported but by its exit status. */
static void become_worker(enum worker_role role, int control) NORETURN;
static void become_worker(enum worker_role role, int control)
{
    char name[] = "posthorn";
    char command[] = "worker";
    char *const arguments[] = {name, command, (char *)(uintptr_t)worker_role_name(role), NULL};
    char *environment[KEPT_MAX + 1];
    keep_environment(environment);
    sigset_t none;
    sigemptyset(&none);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    /* dup2 onto itself would leave close-on-exec set. */
    int channel = control == CONTROL_FD ? dup(control) : control;
    if (nothing < 0 || channel < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(channel, CONTROL_FD) < 0 ||
        close_range(CONTROL_FD + 1, ~0u, 0) != 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0)
        _exit(EXEC_FAILED);
    execve("/proc/self/exe", arguments, environment);
    _exit(EXEC_FAILED);
}

enum err process_spawn(struct process *process, struct error *error)
{
    int fds[2];
    enum err e = ipc_pair(fds, error);
    if (e != ERR_OK)
        return e;
    pid_t pid = fork();
    if (pid == 0)
        become_worker(process->role, fds[1]);
    close(fds[1]);
    if (pid < 0) {
        e = fail_errno(error, "fork");
        close(fds[0]);
        return e;
    }
    process->state = PROCESS_BOOTING;
    process->pid = pid;
    process->control = fds[0];
    process->started_us = clock_mono_us();
    return ERR_OK;
}

int64_t process_restart_delay_us(unsigned deaths)
{
    if (deaths == 0)
        return 0;
    return MIN(INT64_C(1) << MIN(deaths - 1, 10u), (int64_t)RESTART_DELAY_MAX_SECONDS) * CLOCK_SECOND;
}

void process_died(struct process *process, int64_t now_us)
{
    if (now_us - process->started_us >= RESTART_GOOD_LIFE_SECONDS * CLOCK_SECOND)
        process->deaths = 0;
    fd_close(&process->control);
    process->restart_us = now_us + process_restart_delay_us(process->deaths);
    process->deaths++;
    process->state = PROCESS_DOWN;
    process->pid = 0;
}
