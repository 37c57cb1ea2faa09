#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "rt/ipc.h"
#include "rt/listener.h"
#include "serve/current.h"
#include "serve/serve.h"

/*
 * The worker that holds the mailboxes. Two loops: `sessions` has the connections that were handed over after
 * log-in, `service` answers edge, relay and the command line. A stop says goodbye to the sessions; the
 * service goes on until the process ends, so that edge can finish what it is in the middle of.
 */
enum {
    SESSION_THREADS_MIN = 4,
    SESSION_THREADS_MAX = 128,
    SERVICE_THREADS_MIN = 2,
    SERVICE_THREADS_MAX = 64
};

struct store_worker {
    struct current current;
    struct loop *sessions;
    struct loop *service;
};

/* Nothing is asked of store yet that it knows: an empty record of type 0 says so. */
static void answer(void *context, struct ipc_message *request, struct buf *reply_body,
                   struct ipc_message *reply)
{
    (void)context;
    (void)request;
    (void)reply_body;
    reply->type = 0;
}

static void turn_away(void *context, struct accepted *accepted)
{
    (void)context;
    fd_close(&accepted->fd);
}

static enum err open_loops(struct store_worker *store, struct worker *worker, struct error *error)
{
    const struct loop_options sessions = {
        .name = "session", .threads_min = SESSION_THREADS_MIN, .threads_max = SESSION_THREADS_MAX};
    const struct loop_options service = {
        .name = "service", .threads_min = SERVICE_THREADS_MIN, .threads_max = SERVICE_THREADS_MAX};
    if (worker->listener_count != 1)
        return fail(error, ERR_INVALID, NULL, "%zu sockets where one is due", worker->listener_count);
    enum err e = loop_create(&sessions, &store->sessions, error);
    if (e == ERR_OK)
        e = loop_create(&service, &store->service, error);
    if (e != ERR_OK)
        return e;
    const struct listener_options admin = {
        .fd = fd_take(&worker->listener_fds[0]), .accept = turn_away, .context = store};
    e = listener_start(store->service, &admin, error);
    if (e == ERR_OK)
        e = loop_start(store->sessions, error);
    return e != ERR_OK ? e : loop_start(store->service, error);
}

static enum err store_start(struct worker *worker, void **ret_context, struct error *error)
{
    struct store_worker *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return fail_nomem(error);
    enum err e = current_init(&store->current, worker->settings, NULL, error);
    if (e == ERR_OK)
        e = open_loops(store, worker, error);
    /* On failure the process ends, and all of it with it. */
    *ret_context = store;
    return e;
}

static void store_peer(void *context, enum worker_role role, int fd)
{
    struct store_worker *store = context;
    struct error error;
    LOG(LOG_DEBUG, NO_SID, "store.peer", F_CSTR("role", worker_role_name(role)));
    if (ipc_serve(store->service, fd, answer, store, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.peer_failed", F_CSTR("role", worker_role_name(role)), F_ERR(&error));
}

static void store_reload(void *context, struct settings *settings, struct tls_context *tls)
{
    struct store_worker *store = context;
    struct error error;
    must(tls == NULL);
    if (current_replace(&store->current, settings, NULL, &error) != ERR_OK) {
        settings_free(settings);
        LOG(LOG_ERROR, NO_SID, "store.reload_failed", F_ERR(&error));
    }
}

static void store_stop(void *context, int64_t deadline_us)
{
    struct store_worker *store = context;
    loop_stop(store->sessions);
    if (!loop_drained(store->sessions, deadline_us))
        LOG(LOG_WARN, NO_SID, "store.sessions_cut", F_INT("sessions", loop_figures(store->sessions).places));
}

const struct worker_hooks store_hooks = {store_start, store_peer, store_reload, store_stop};
