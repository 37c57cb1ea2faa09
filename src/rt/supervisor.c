#include "rt/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "rt/certificates.h"
#include "rt/listen_sockets.h"
#include "rt/sd_notify.h"
#include "rt/supervisor_measure.h"
#include "rt/supervisor_process.h"
#include "rt/supervisor_setup.h"

/*
 * Invariants (supervisor_check): 1. a process that is DOWN has no pid and no channel, any other has both.
 * 2. From each client to its service (`ways`) that both live there is one main channel: made when the
 * later of the two was spawned. 3. Once stopping, nothing is spawned.
 *
 * A worker that ends before all have been READY for the first time ends the house: something is wrong that a
 * restart will not mend, and the person who started it should hear so.
 */
enum { PROCESSES = ROLE_STORE + 1, SETTINGS_TEXT_MAX = 4 * SETTINGS_FILE_MAX, KILL_AFTER_GRACE_SECONDS = 2 };

struct supervisor {
    const char *file;
    struct settings *settings;
    settings_check_fn *check;
    struct listen_sockets sockets;
    int settings_fd;     /* memfd: settings as text */
    int certificates_fd; /* memfd */
    int material_fd;     /* memfd, for relay; -1: no ACME */
    int signals;
    struct process processes[PROCESSES];
    struct measure measure;
    bool started; /* all were READY once */
    bool stopping;
    bool failed; /* stops because a worker did not start */
    bool killed;
    int64_t kill_us; /* when stopping: what still lives then is killed */
};

static void supervisor_check(const struct supervisor *s)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        const struct process *p = &s->processes[i];
        must((p->state == PROCESS_DOWN) == (p->pid == 0));
        must((p->state == PROCESS_DOWN) == (p->control < 0));
    }
}

static bool alive(const struct process *p)
{
    return p->state != PROCESS_DOWN;
}

/* A worker that cannot be told what it must know is of no use: its death is dealt with like any other. */
static void abandon(const struct process *p, const struct error *error)
{
    LOG(LOG_ERROR, NO_SID, "supervisor.worker_abandoned", F_CSTR("worker", worker_role_name(p->role)),
        F_ERR(error));
    kill(p->pid, SIGKILL);
}

/* ---- starting ---- */

static enum err send_package(const struct supervisor *s, const struct process *p, enum control_type type,
                             size_t listeners, struct error *error)
{
    struct control m = {.type = type, .number = (uint32_t)listeners, .fds = {s->settings_fd}, .fd_count = 1};
    if (p->role == ROLE_EDGE)
        m.fds[m.fd_count++] = s->certificates_fd;
    else if (p->role == ROLE_RELAY && s->material_fd >= 0)
        m.fds[m.fd_count++] = s->material_fd;
    return control_send(p->control, &m, error);
}

static enum err send_boot(const struct supervisor *s, const struct process *p, struct error *error)
{
    const int *fds = p->role == ROLE_EDGE ? s->sockets.fds : &s->sockets.admin;
    size_t count = p->role == ROLE_EDGE ? s->sockets.count : p->role == ROLE_STORE ? 1 : 0;
    enum err e = send_package(s, p, CONTROL_BOOT, count, error);
    if (e == ERR_OK)
        e = measure_send(&s->measure, p, error);
    for (size_t at = 0; e == ERR_OK && at < count;) {
        struct control m = {.type = CONTROL_LISTENERS};
        while (at < count && m.fd_count < IPC_FDS_MAX)
            m.fds[m.fd_count++] = fds[at++];
        e = control_send(p->control, &m, error);
    }
    return e;
}

static enum err send_channel(const struct process *to, enum control_type type, enum worker_role other, int fd,
                             struct error *error)
{
    const struct control m = {.type = type, .number = other, .fds = {fd}, .fd_count = 1};
    return control_send(to->control, &m, error);
}

/* Who asks whom. Store and edge ask relay, since only relay may talk to the internet. */
static const struct {
    enum worker_role client;
    enum worker_role service;
} ways[] = {
    {ROLE_EDGE, ROLE_STORE},
    {ROLE_RELAY, ROLE_STORE},
    {ROLE_STORE, ROLE_RELAY},
    {ROLE_EDGE, ROLE_RELAY},
};

/* A new main channel from a client to its service. */
static void join(struct process *client, struct process *service)
{
    struct error error;
    int fds[2];
    if (!alive(client) || !alive(service))
        return;
    if (ipc_pair(fds, &error) != ERR_OK) {
        abandon(client, &error);
        return;
    }
    if (send_channel(service, CONTROL_CLIENT, client->role, fds[0], &error) != ERR_OK)
        abandon(service, &error);
    else if (send_channel(client, CONTROL_PEER, service->role, fds[1], &error) != ERR_OK)
        abandon(client, &error);
    close(fds[0]);
    close(fds[1]);
}

static void spawn(struct supervisor *s, struct process *p)
{
    struct error error;
    must(!s->stopping && !alive(p));
    if (process_spawn(p, &error) != ERR_OK) {
        LOG(LOG_ERROR, NO_SID, "supervisor.spawn_failed", F_CSTR("worker", worker_role_name(p->role)),
            F_ERR(&error));
        p->restart_us = clock_mono_us() + RESTART_DELAY_MAX_SECONDS * CLOCK_SECOND;
        return;
    }
    measure_started(&s->measure, p);
    if (send_boot(s, p, &error) != ERR_OK) {
        abandon(p, &error);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        if (ways[i].client == p->role || ways[i].service == p->role)
            join(&s->processes[ways[i].client], &s->processes[ways[i].service]);
}

static void spawn_due(struct supervisor *s)
{
    int64_t now = clock_mono_us();
    for (size_t i = 0; i < PROCESSES; i++)
        if (!s->stopping && !alive(&s->processes[i]) && s->processes[i].restart_us <= now)
            spawn(s, &s->processes[i]);
}

/* ---- stopping ---- */

static void begin_stop(struct supervisor *s)
{
    s->stopping = true;
    s->kill_us = clock_mono_us() + (WORKER_STOP_GRACE_SECONDS + KILL_AFTER_GRACE_SECONDS) * CLOCK_SECOND;
    LOG(LOG_INFO, NO_SID, "supervisor.stopping");
    sd_notify_send("STOPPING=1\nSTATUS=saying goodbye to sessions");
    for (size_t i = 0; i < PROCESSES; i++) {
        struct error error;
        struct process *p = &s->processes[i];
        const struct control m = {.type = CONTROL_STOP, .number = WORKER_STOP_GRACE_SECONDS};
        if (!alive(p))
            continue;
        p->state = PROCESS_STOPPING;
        if (control_send(p->control, &m, &error) != ERR_OK)
            abandon(p, &error);
    }
}

static void kill_all(struct supervisor *s)
{
    s->killed = true;
    for (size_t i = 0; i < PROCESSES; i++)
        if (alive(&s->processes[i]))
            kill(s->processes[i].pid, SIGKILL);
}

/* The end of its control channel lets a stopped worker go. Store serves its clients until they are gone;
 * relay serves edge. */
static void let_go(struct supervisor *s)
{
    bool edge_gone = !alive(&s->processes[ROLE_EDGE]);
    bool gone[] = {[ROLE_EDGE] = true,
                   [ROLE_RELAY] = edge_gone,
                   [ROLE_STORE] = edge_gone && !alive(&s->processes[ROLE_RELAY])};
    for (size_t i = 0; i < PROCESSES; i++) {
        struct process *p = &s->processes[i];
        if (p->state == PROCESS_STOPPED && gone[p->role])
            (void)shutdown(p->control, SHUT_RDWR);
    }
}

/* ---- events ---- */

static void note_ready(struct supervisor *s)
{
    for (size_t i = 0; i < PROCESSES; i++)
        if (s->processes[i].state != PROCESS_READY)
            return;
    if (!s->started)
        LOG(LOG_INFO, NO_SID, "supervisor.ready", F_CSTR("host", s->settings->hostname),
            F_INT("listeners", s->sockets.count));
    s->started = true;
    sd_notify_send("READY=1\nSTATUS=serving");
}

static void tell_workers(struct supervisor *s)
{
    struct error error;
    for (size_t i = 0; i < PROCESSES; i++) {
        struct process *p = &s->processes[i];
        if (alive(p) && send_package(s, p, CONTROL_SETTINGS, 0, &error) != ERR_OK)
            abandon(p, &error);
    }
}

/* Certificates, and what relay needs to get new ones; as the files are now. */
static enum err load_certificates(const struct settings *settings, int *ret_certificates, int *ret_material,
                                  struct error *error)
{
    CLEANUP(fd_close) int certificates = -1;
    enum err e = certificates_load(settings, &certificates, error);
    if (e == ERR_OK)
        e = certificates_material(settings, ret_material, error);
    if (e == ERR_OK)
        *ret_certificates = fd_take(&certificates);
    return e;
}

/* Relay is told in any case: so it knows what became of its chain. */
static void take_certificate(struct supervisor *s, const struct control *message)
{
    CLEANUP(ipc_unmap) struct slice chain = {0};
    struct error error;
    int certificates = -1;
    int material = -1;
    enum err e = ipc_map(message->fds[0], CERTIFICATE_FILE_MAX, &chain, &error);
    if (e == ERR_OK)
        e = certificates_take(s->settings, chain, &error);
    if (e == ERR_OK)
        e = load_certificates(s->settings, &certificates, &material, &error);
    if (e == ERR_OK) {
        fd_close(&s->certificates_fd);
        fd_close(&s->material_fd);
        s->certificates_fd = certificates;
        s->material_fd = material;
        LOG(LOG_INFO, NO_SID, "supervisor.certificate_renewed");
    } else {
        LOG(LOG_ERROR, NO_SID, "supervisor.certificate_refused", F_CSTR("error", error.client),
            F_CSTR("detail", error.detail));
    }
    tell_workers(s);
}

static void read_control(struct supervisor *s, struct process *p)
{
    struct error error;
    CLEANUP(control_close) struct control m = {0};
    enum err e = control_receive(p->control, FROM_WORKER, 0, &m, &error);
    if (e == ERR_OK && m.type == CONTROL_READY && p->state == PROCESS_BOOTING) {
        p->state = PROCESS_READY;
        LOG(LOG_INFO, NO_SID, "supervisor.worker_ready", F_CSTR("worker", worker_role_name(p->role)),
            F_INT("pid", p->pid));
        note_ready(s);
    } else if (e == ERR_OK && m.type == CONTROL_STOPPED && p->state == PROCESS_STOPPING) {
        p->state = PROCESS_STOPPED;
    } else if (e == ERR_OK && m.type == CONTROL_CERTIFICATE && p->role == ROLE_RELAY) {
        take_certificate(s, &m);
    } else if (e == ERR_OK && !(m.type == CONTROL_READY && p->state == PROCESS_STOPPING)) {
        (void)fail(&error, ERR_INVALID, NULL, "%s out of turn", control_name(m.type));
        abandon(p, &error);
    } else if (e == ERR_CLOSED) {
        kill(p->pid, SIGKILL); /* on its way out; it is not waited for */
    } else if (e != ERR_OK) {
        abandon(p, &error);
    }
}

static void bury(struct supervisor *s, struct process *p, int status)
{
    bool expected = s->stopping && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    LOG(expected ? LOG_INFO : LOG_ERROR, NO_SID, "supervisor.worker_ended",
        F_CSTR("worker", worker_role_name(p->role)), F_INT("pid", p->pid),
        F_INT("status", WIFEXITED(status) ? WEXITSTATUS(status) : -1),
        F_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0));
    if (!expected)
        measure_ended(p);
    process_died(p, clock_mono_us());
    if (!s->started && !s->stopping) {
        s->failed = true;
        begin_stop(s);
    }
}

static void reap(struct supervisor *s)
{
    for (size_t i = 0; i < PROCESSES; i++) {
        struct process *p = &s->processes[i];
        int status;
        if (alive(p) && waitpid(p->pid, &status, WNOHANG) == p->pid)
            bury(s, p, status);
    }
}

static enum err make_settings_fd(const struct settings *settings, int *ret_fd, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(SETTINGS_TEXT_MAX);
    settings_text(settings, &text);
    /* Behind a NUL follows what workers need of a file: they open none. */
    buf_putc(&text, 0);
    enum err e = certificates_client_ca(settings, &text, error);
    if (e != ERR_OK)
        return e;
    return buf_failed(&text) ? fail_nomem(error) : ipc_memfd(buf_slice(&text), ret_fd, error);
}

/* Reads file and certificates anew; nothing has changed unless all of it is good. */
static enum err read_again(struct supervisor *s, struct buf *ret_fixed, struct error *error)
{
    CLEANUP(fd_close) int settings_fd = -1;
    CLEANUP(fd_close) int certificates_fd = -1;
    CLEANUP(fd_close) int material_fd = -1;
    struct settings *settings = NULL;
    enum err e = settings_read(s->file, &settings, error);
    if (e == ERR_OK)
        e = s->check(settings, error);
    if (e == ERR_OK)
        e = setup_keep_fixed(settings, s->settings, ret_fixed, error);
    if (e == ERR_OK)
        e = load_certificates(settings, &certificates_fd, &material_fd, error);
    if (e == ERR_OK)
        e = make_settings_fd(settings, &settings_fd, error);
    if (e != ERR_OK) {
        settings_free(settings);
        return e;
    }
    settings_free(s->settings);
    s->settings = settings;
    fd_close(&s->settings_fd);
    fd_close(&s->certificates_fd);
    fd_close(&s->material_fd);
    s->settings_fd = fd_take(&settings_fd);
    s->certificates_fd = fd_take(&certificates_fd);
    s->material_fd = fd_take(&material_fd);
    return ERR_OK;
}

static void reload(struct supervisor *s)
{
    struct error error;
    CLEANUP(buf_release) struct buf fixed = BUF(ERROR_DETAIL_MAX);
    sd_notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
    if (read_again(s, &fixed, &error) != ERR_OK) {
        LOG(LOG_ERROR, NO_SID, "supervisor.reload_failed", F_CSTR("error", error.client),
            F_CSTR("detail", error.detail));
    } else {
        log_open("supervisor", s->settings->log_level, s->settings->log_json);
        if (fixed.n > 0)
            LOG(LOG_WARN, NO_SID, "supervisor.restart_needed", F_STR("settings", buf_slice(&fixed)));
        tell_workers(s);
        LOG(LOG_INFO, NO_SID, "supervisor.reloaded");
    }
    sd_notify_send("READY=1\nSTATUS=serving");
}

static void read_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof(info)) != sizeof(info))
        return;
    switch (info.ssi_signo) {
    case SIGCHLD:
        reap(s);
        break;
    case SIGHUP:
        if (!s->stopping)
            reload(s);
        break;
    default:
        if (s->stopping)
            kill_all(s);
        else
            begin_stop(s);
        break;
    }
}

/* ---- the loop ---- */

static int next_timeout_ms(const struct supervisor *s)
{
    int64_t next = s->stopping && !s->killed ? s->kill_us : s->measure.next_us;
    for (size_t i = 0; i < PROCESSES; i++)
        if (!s->stopping && !alive(&s->processes[i]))
            next = MIN(next, s->processes[i].restart_us);
    return (int)(MAX(next - clock_mono_us(), INT64_C(0)) / CLOCK_MS + 1);
}

static bool any_alive(const struct supervisor *s)
{
    for (size_t i = 0; i < PROCESSES; i++)
        if (alive(&s->processes[i]))
            return true;
    return false;
}

static void run(struct supervisor *s)
{
    while (!s->stopping || any_alive(s)) {
        struct pollfd fds[PROCESSES + 1];
        spawn_due(s);
        let_go(s);
        supervisor_check(s);
        measure_memory(&s->measure, s->processes, PROCESSES);
        for (size_t i = 0; i < PROCESSES; i++) {
            /* A channel that was let go is over; only its process's death is still awaited. */
            bool open = alive(&s->processes[i]) && s->processes[i].state != PROCESS_STOPPED;
            fds[i] = (struct pollfd){.fd = open ? s->processes[i].control : -1, .events = POLLIN};
        }
        fds[PROCESSES] = (struct pollfd){.fd = s->signals, .events = POLLIN};
        if (poll(fds, ARRAY_LEN(fds), next_timeout_ms(s)) < 0)
            continue;
        for (size_t i = 0; i < PROCESSES; i++)
            if (fds[i].revents != 0)
                read_control(s, &s->processes[i]);
        if (fds[PROCESSES].revents != 0)
            read_signal(s);
        if (s->stopping && !s->killed && clock_mono_us() >= s->kill_us)
            kill_all(s);
    }
}

static enum err open_signals(int *ret_fd, struct error *error)
{
    static const int wanted[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        sigaddset(&set, wanted[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return fail_errno(error, "sigprocmask");
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, "signalfd");
    *ret_fd = fd;
    return ERR_OK;
}

static enum err prepare(struct supervisor *s, struct error *error)
{
    int given[SD_LISTEN_MAX];
    size_t given_count = sd_notify_take_sockets(given);
    struct socket_owner owner;
    enum err e = open_signals(&s->signals, error);
    if (e == ERR_OK)
        e = setup_users(s->settings, &owner, error);
    if (e == ERR_OK)
        e = setup_directories(s->settings, &owner, error);
    if (e == ERR_OK)
        e = measure_open(&s->measure, error);
    if (e == ERR_OK)
        e = load_certificates(s->settings, &s->certificates_fd, &s->material_fd, error);
    if (e == ERR_OK)
        e = make_settings_fd(s->settings, &s->settings_fd, error);
    if (e == ERR_OK)
        e = listen_sockets_open(s->settings, &owner, given, given_count, &s->sockets, error);
    if (e != ERR_OK)
        return e;
    setup_limits();
    return setup_drop_root(error);
}

int supervisor_run(const char *settings_file, struct settings *settings, settings_check_fn *check)
{
    struct error error;
    struct supervisor s = {.file = settings_file,
                           .settings = settings,
                           .check = check,
                           .sockets = {.admin = -1},
                           .settings_fd = -1,
                           .certificates_fd = -1,
                           .material_fd = -1,
                           .signals = -1,
                           .measure = MEASURE_NONE};
    for (size_t i = 0; i < PROCESSES; i++)
        s.processes[i] = (struct process){.role = (enum worker_role)i, .control = -1};
    log_open("supervisor", settings->log_level, settings->log_json);
    enum err e = prepare(&s, &error);
    if (e == ERR_OK)
        run(&s);
    else
        LOG(LOG_ERROR, NO_SID, "supervisor.start_failed", F_CSTR("error", error.client),
            F_CSTR("detail", error.detail));
    listen_sockets_close(&s.sockets);
    fd_close(&s.settings_fd);
    fd_close(&s.certificates_fd);
    fd_close(&s.material_fd);
    fd_close(&s.signals);
    measure_close(&s.measure);
    settings_free(s.settings);
    return e == ERR_OK && !s.failed ? 0 : 1;
}
