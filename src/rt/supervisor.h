/*
 * `posthorn serve`: binds the ports, makes the three workers, restarts one that died, passes on reload and
 * stop.
 *
 * The supervisor forks and executes its own binary for each worker (fresh address layout each time), with one
 * control channel as descriptor 3. It reads certificates (workers can't) and holds nothing of users.
 *
 *   control messages, supervisor to worker:  BOOT (settings text, certificates by memfd, listeners), PEER
 * METRICS (where to count), PEER (the way to a service), CLIENT (a client's way to us), SETTINGS (reload),
 * STOP; worker to supervisor: READY, STOPPED
 *
 * Edge and relay ask store; store and edge ask relay, which alone may talk to the internet.
 *
 * A worker that died is restarted at once, then after 1, 2, 4 ... up to 30 seconds while it keeps dying; its
 * peers get a new PEER. SIGTERM and SIGINT stop gracefully (second one: at once), SIGHUP reloads. sd_notify
 * READY, RELOADING, STOPPING, STATUS; descriptors from systemd (LISTEN_FDS) are used for the listeners they
 * match. A reload cannot change listeners, directories and users: the log names what waits for a restart.
 */
#ifndef POSTHORN_RT_SUPERVISOR_H
#define POSTHORN_RT_SUPERVISOR_H

#include "rt/metrics.h"
#include "rt/sandbox.h"
#include "rt/settings.h"
#include "rt/tls.h"

/* What settings hold that this room does not know: ERR_INVALID. Asked at each reload. */
typedef enum err settings_check_fn(const struct settings *settings, struct error *error);
/* Runs until stopped; the exit status of the process. Takes settings. */
int supervisor_run(const char *settings_file, struct settings *settings, settings_check_fn *check);

enum { WORKER_LISTENERS_MAX = SETTINGS_LISTEN_MAX + 1, WORKER_STOP_GRACE_SECONDS = 10 };

/* What a worker is started with; made by worker_boot from the control channel, before the sandbox is entered.
 */
struct worker { /* settings and tls are start's to take, on success */
    enum worker_role role;
    int control_fd;
    struct settings *settings;
    struct tls_context *tls;                /* edge: the certificates */
    int listener_fds[WORKER_LISTENERS_MAX]; /* edge: as settings->listens; store: [0] is the admin socket */
    size_t listener_count;
    const struct metrics_page *metrics[METRIC_PROCESSES]; /* of whom it may know: store of all */
    void *prepared;                                       /* what the prepare hook made */
};

/* A worker's behaviour, supplied by serve/. Called from the control thread. */
struct worker_hooks {
    /* Before the sandbox, with the user that the supervisor has: reads what may not be opened later. No
     * threads yet: the sandbox would not hold them. May be NULL. */
    enum err (*prepare)(struct worker *worker, struct error *error);
    enum err (*start)(struct worker *worker, void **ret_context, struct error *error);
    /* The way to the service of that role. Takes fd. */
    void (*peer)(void *context, enum worker_role role, int fd);
    /* A main channel, to be served to the client of that role. Takes fd. NULL where nobody asks. */
    void (*client)(void *context, enum worker_role role, int fd);
    /* New settings and certificates (NULL but for edge); both are the callee's now. */
    void (*reload)(void *context, struct settings *settings, struct tls_context *tls);
    /* Say goodbye to sessions; returns when all are gone or the grace is over. Store goes on answering its
     * clients' requests: the process ends after this, when the supervisor lets it go. */
    void (*stop)(void *context, int64_t deadline_us);
};

/* The worker's main: boot, sandbox, start, READY, then the control channel until STOP or the supervisor's
 * death. Exit status. */
int worker_main(enum worker_role role, const struct worker_hooks *hooks);

#endif
