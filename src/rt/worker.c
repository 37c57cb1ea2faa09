#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "rt/acme_material.h"
#include "rt/control.h"

/*
 * A worker's life:
 *
 *   BOOT, LISTENERS... -> prepare -> sandbox -> certificates -> start -> READY -> (PEER, CLIENT, SETTINGS)*
 * -> STOP -> STOPPED -> EOF
 *
 * The control channel's end without a STOP means that the supervisor died: then the worker goes at once, as
 * it does by the kernel's signal (PR_SET_PDEATHSIG) when it is not waiting here.
 */
enum { BOOT_TIMEOUT_SECONDS = 30, SETTINGS_BYTES_MAX = 4 * SETTINGS_FILE_MAX, MISSING_MAX = 1000 };

/* What BOOT and SETTINGS bring. */
struct package {
    struct settings *settings;
    int certificates_fd; /* edge's; -1: none */
};

static void package_release(struct package *p)
{
    settings_free(p->settings);
    fd_close(&p->certificates_fd);
}

static enum err keep_material(struct settings *settings, int fd, struct error *error)
{
    CLEANUP(ipc_unmap) struct slice bytes = {0};
    enum err e = ipc_map(fd, ACME_MATERIAL_MAX, &bytes, error);
    if (e != ERR_OK)
        return e;
    settings->acme_material = arena_dup(&settings->arena, bytes);
    return settings->acme_material.p != NULL ? ERR_OK : fail_nomem(error);
}

static enum err open_package(enum worker_role role, struct control *message, struct package *ret_package,
                             struct error *error)
{
    CLEANUP(ipc_unmap) struct slice text = {0};
    enum err e = ipc_map(message->fds[0], SETTINGS_BYTES_MAX, &text, error);
    struct slice own, client_ca;
    struct settings *settings = NULL;
    slice_cut(text, 0, &own, &client_ca);
    if (e == ERR_OK)
        e = settings_parse(own, "settings", &settings, error);
    if (e != ERR_OK)
        return e;
    settings->client_ca = arena_dup(&settings->arena, client_ca);
    if (settings->client_ca.p == NULL)
        e = fail_nomem(error);
    if (e == ERR_OK && role == ROLE_RELAY && message->fd_count > 1)
        e = keep_material(settings, message->fds[1], error);
    if (e != ERR_OK) {
        settings_free(settings);
        return e;
    }
    ret_package->settings = settings;
    ret_package->certificates_fd =
        role == ROLE_EDGE && message->fd_count > 1 ? fd_take(&message->fds[1]) : -1;
    return ERR_OK;
}

static enum err ask_clients(struct tls_context *tls, struct slice pem, struct error *error)
{
    struct client_ca *ca;
    if (pem.n == 0)
        return ERR_OK;
    enum err e = client_ca_create(pem, &ca, error);
    if (e != ERR_OK)
        return e;
    e = tls_context_ask_clients(tls, ca, error);
    client_ca_unref(ca);
    return e;
}

static enum err make_tls(int certificates_fd, const struct settings *settings, struct tls_context **ret_tls,
                         struct error *error)
{
    struct tls_context *tls = NULL;
    CLEANUP(ipc_unmap) struct slice bytes = {0};
    struct tls_pem *pems = calloc(SETTINGS_CERTIFICATES_MAX, sizeof(*pems));
    size_t count = 0;
    enum err e = pems != NULL ? ERR_OK : fail_nomem(error);
    if (e == ERR_OK)
        e = ipc_map(certificates_fd, CONTROL_CERTIFICATES_BYTES_MAX, &bytes, error);
    if (e == ERR_OK)
        e = control_get_certificates(bytes, pems, SETTINGS_CERTIFICATES_MAX, &count, error);
    if (e == ERR_OK)
        e = tls_context_create(pems, count, &tls, error);
    free(pems);
    if (e == ERR_OK)
        e = ask_clients(tls, settings->client_ca, error);
    if (e != ERR_OK) {
        tls_context_unref(tls);
        return e;
    }
    metric_set(CERTIFICATE_END, METRIC_ONE, tls_context_expiry(tls));
    *ret_tls = tls;
    return ERR_OK;
}

static enum err receive_listeners(struct worker *worker, size_t count, int64_t deadline_us,
                                  struct error *error)
{
    while (worker->listener_count < count) {
        CLEANUP(control_close) struct control m = {0};
        enum err e = control_receive(CONTROL_FD, FROM_SUPERVISOR, deadline_us, &m, error);
        if (e != ERR_OK)
            return e;
        if (m.type != CONTROL_LISTENERS || m.fd_count > count - worker->listener_count)
            return fail(error, ERR_INVALID, NULL, "%s where listeners are due", control_name(m.type));
        for (unsigned i = 0; i < m.fd_count; i++)
            worker->listener_fds[worker->listener_count++] = fd_take(&m.fds[i]);
    }
    return ERR_OK;
}

/* Its own page comes as it knows itself: store, who is given all of them, is the last. */
static enum err receive_metrics(struct worker *worker, int64_t deadline_us, struct error *error)
{
    CLEANUP(control_close) struct control m = {0};
    enum err e = control_receive(CONTROL_FD, FROM_SUPERVISOR, deadline_us, &m, error);
    if (e != ERR_OK)
        return e;
    unsigned due = worker->role == ROLE_STORE ? METRIC_PROCESSES : 1;
    if (m.type != CONTROL_METRICS || m.fd_count != due)
        return fail(error, ERR_INVALID, NULL, "%s where metrics are due", control_name(m.type));
    for (unsigned i = 0; i < due && due > 1 && e == ERR_OK; i++)
        e = metrics_view(m.fds[i], &worker->metrics[i], error);
    return e != ERR_OK ? e : metrics_adopt(m.fds[due - 1], error);
}

static enum err boot(struct worker *worker, struct package *package, struct error *error)
{
    int64_t deadline = clock_mono_us() + BOOT_TIMEOUT_SECONDS * CLOCK_SECOND;
    CLEANUP(control_close) struct control m = {0};
    enum err e = control_receive(CONTROL_FD, FROM_SUPERVISOR, deadline, &m, error);
    if (e != ERR_OK)
        return e;
    if (m.type != CONTROL_BOOT)
        return fail(error, ERR_INVALID, NULL, "%s where BOOT is due", control_name(m.type));
    e = open_package(worker->role, &m, package, error);
    if (e == ERR_OK)
        e = receive_metrics(worker, deadline, error);
    return e != ERR_OK ? e : receive_listeners(worker, m.number, deadline, error);
}

static const char *role_user(const struct settings *settings, enum worker_role role)
{
    switch (role) {
    case ROLE_EDGE:
        return settings->user_edge;
    case ROLE_RELAY:
        return settings->user_relay;
    default:
        return settings->user_store;
    }
}

static enum err enter_sandbox(const struct worker *worker, struct error *error)
{
    CLEANUP(buf_release) struct buf missing = BUF(MISSING_MAX);
    const struct sandbox_options options = {
        .role = worker->role,
        .user = geteuid() == 0 ? role_user(worker->settings, worker->role) : NULL,
        .data_directory = worker->settings->data_directory,
        .run_directory = worker->settings->run_directory,
    };
    pid_t parent = getppid();
    enum err e = sandbox_enter(&options, &missing, error);
    if (e != ERR_OK)
        return e;
    if (missing.n > 0)
        LOG(LOG_WARN, NO_SID, "worker.sandbox_incomplete", F_STR("missing", buf_slice(&missing)));
    /* After the change of user, which clears it; and not if the parent was gone before. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
        return fail_errno(error, "PR_SET_PDEATHSIG");
    if (getppid() != parent)
        return fail(error, ERR_CLOSED, NULL, "the supervisor is gone");
    return ERR_OK;
}

/* The person at the terminal and the service manager signal the whole group: the supervisor decides. */
static void ignore_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        (void)signal(signals[i], SIG_IGN);
}

static void reload(const struct worker *worker, const struct worker_hooks *hooks, void *context,
                   struct control *message)
{
    struct error error;
    struct tls_context *tls = NULL;
    CLEANUP(package_release) struct package package = {NULL, -1};
    enum err e = open_package(worker->role, message, &package, &error);
    if (e == ERR_OK && package.certificates_fd >= 0)
        e = make_tls(package.certificates_fd, package.settings, &tls, &error);
    if (e != ERR_OK) {
        LOG(LOG_ERROR, NO_SID, "worker.reload_failed", F_ERR(&error));
        return;
    }
    log_open(worker_role_name(worker->role), package.settings->log_level, package.settings->log_json);
    hooks->reload(context, take(package.settings), tls);
}

static enum err stop(const struct worker_hooks *hooks, void *context, uint32_t grace_seconds,
                     struct error *error)
{
    hooks->stop(context, clock_mono_us() + grace_seconds * CLOCK_SECOND);
    const struct control stopped = {.type = CONTROL_STOPPED};
    return control_send(CONTROL_FD, &stopped, error);
}

/* Until the channel ends; the exit status. */
static int serve_control(const struct worker *worker, const struct worker_hooks *hooks, void *context)
{
    bool stopping = false;
    for (;;) {
        struct error error;
        CLEANUP(control_close) struct control m = {0};
        enum err e = control_receive(CONTROL_FD, FROM_SUPERVISOR, 0, &m, &error);
        if (e == ERR_CLOSED && stopping)
            return 0;
        if (e == ERR_OK && m.type == CONTROL_STOP) {
            stopping = true;
            e = stop(hooks, context, m.number, &error);
        } else if (e == ERR_OK && m.type == CONTROL_PEER) {
            hooks->peer(context, (enum worker_role)m.number, fd_take(&m.fds[0]));
        } else if (e == ERR_OK && m.type == CONTROL_CLIENT && hooks->client != NULL) {
            hooks->client(context, (enum worker_role)m.number, fd_take(&m.fds[0]));
        } else if (e == ERR_OK && m.type == CONTROL_SETTINGS) {
            reload(worker, hooks, context, &m);
        } else if (e == ERR_OK) {
            e = fail(&error, ERR_INVALID, NULL, "%s after the boot", control_name(m.type));
        }
        if (e != ERR_OK) {
            LOG(LOG_ERROR, NO_SID, "worker.control_lost", F_ERR(&error));
            return 1;
        }
    }
}

static enum err start(struct worker *worker, const struct worker_hooks *hooks, struct package *package,
                      void **ret_context, struct error *error)
{
    enum err e = boot(worker, package, error);
    if (e != ERR_OK)
        return e;
    worker->settings = take(package->settings);
    log_open(worker_role_name(worker->role), worker->settings->log_level, worker->settings->log_json);
    if (hooks->prepare != NULL)
        e = hooks->prepare(worker, error);
    if (e == ERR_OK)
        e = enter_sandbox(worker, error);
    if (e == ERR_OK && package->certificates_fd >= 0)
        e = make_tls(package->certificates_fd, worker->settings, &worker->tls, error);
    fd_close(&package->certificates_fd);
    if (e == ERR_OK)
        e = hooks->start(worker, ret_context, error);
    const struct control ready = {.type = CONTROL_READY};
    return e != ERR_OK ? e : control_send(CONTROL_FD, &ready, error);
}

int worker_main(enum worker_role role, const struct worker_hooks *hooks)
{
    struct error error;
    struct worker worker = {.role = role, .control_fd = CONTROL_FD};
    struct package package = {NULL, -1};
    void *context = NULL;
    log_open(worker_role_name(role), LOG_INFO, false);
    ignore_signals();
    /* What ps and top show; by the exec of /proc/self/exe it would be "exe". */
    char name[sizeof("posthorn-relay")];
    snprintf(name, sizeof(name), "posthorn-%s", worker_role_name(role));
    (void)prctl(PR_SET_NAME, name);
    if (start(&worker, hooks, &package, &context, &error) != ERR_OK) {
        LOG(LOG_ERROR, NO_SID, "worker.start_failed", F_ERR(&error));
        return 1;
    }
    return serve_control(&worker, hooks, context);
}
