#include <unistd.h>

#include "base/fdio.h"
#include "base/must.h"
#include "rt/ipc.h"
#include "rt/listener.h"
#include "serve/current.h"
#include "serve/serve.h"

/*
 * The worker that strangers talk to: accepts on every listener and starts the protocol's session there. What
 * needs an account is asked of store, by the channel that the supervisor brings (and brings anew when store
 * was restarted).
 */
enum { THREADS_MIN = 4, THREADS_MAX = 128 };

struct edge;

/* One listener: what its sessions begin with. */
struct door {
    struct edge *edge;
    enum listen_protocol protocol;
};

struct edge {
    struct current current;
    struct loop *loop;
    struct ipc_client *store;
    struct limit *per_peer;
    struct door doors[SETTINGS_LISTEN_MAX];
};

/* A protocol that no session is built in for: the client sees the connection close. */
static void turn_away(void *context, struct accepted *accepted)
{
    const struct door *door = context;
    LOG(LOG_DEBUG, NO_SID, "edge.not_served", F_CSTR("protocol", listen_protocol_name(door->protocol)),
        F_CSTR("peer", accepted->peer));
    fd_close(&accepted->fd);
    limit_leave(door->edge->per_peer, slice_of(accepted->limit_key, accepted->limit_key_n));
}

/* What begins a session of each protocol (context: struct door), and what one connection too many is told. */
static const struct {
    listener_accept_fn *accept;
    struct slice refuse;
} protocols[LISTEN_PROTOCOLS] = {
    [LISTEN_SMTP] = {turn_away, {"421 4.7.0 Too many connections\r\n", 32}},
    [LISTEN_SUBMISSION] = {turn_away, {"421 4.7.0 Too many connections\r\n", 32}},
    [LISTEN_SUBMISSIONS] = {turn_away, {NULL, 0}},
    [LISTEN_LMTP] = {turn_away, {NULL, 0}},
    [LISTEN_IMAP] = {turn_away, {"* BYE Too many connections\r\n", 28}},
    [LISTEN_IMAPS] = {turn_away, {NULL, 0}},
    [LISTEN_POP3] = {turn_away, {"-ERR [SYS/TEMP] Too many connections\r\n", 38}},
    [LISTEN_POP3S] = {turn_away, {NULL, 0}},
};

static enum err open_doors(struct edge *edge, struct worker *worker, struct error *error)
{
    const struct settings *settings = edge->current.version->settings;
    if (worker->listener_count != settings->listen_count)
        return fail(error, ERR_INVALID, NULL, "%zu sockets for %zu listeners", worker->listener_count,
                    settings->listen_count);
    for (size_t i = 0; i < settings->listen_count; i++) {
        enum listen_protocol protocol = settings->listens[i].protocol;
        edge->doors[i] = (struct door){edge, protocol};
        const struct listener_options options = {
            .fd = fd_take(&worker->listener_fds[i]),
            .per_peer = protocol == LISTEN_LMTP ? NULL : edge->per_peer,
            .refuse = protocols[protocol].refuse,
            .accept = protocols[protocol].accept,
            .context = &edge->doors[i],
        };
        enum err e = listener_start(edge->loop, &options, error);
        if (e != ERR_OK)
            return error_context(error, "listener for %s", listen_protocol_name(protocol));
    }
    return ERR_OK;
}

static enum err edge_start(struct worker *worker, void **ret_context, struct error *error)
{
    struct edge *edge = calloc(1, sizeof(*edge));
    if (edge == NULL)
        return fail_nomem(error);
    uint32_t per_address = worker->settings->connections_per_address;
    const struct loop_options options = {
        .name = "edge", .threads_min = THREADS_MIN, .threads_max = THREADS_MAX};
    enum err e = current_init(&edge->current, worker->settings, worker->tls, error);
    if (e == ERR_OK)
        e = ipc_client_create(&edge->store, error);
    if (e == ERR_OK && (edge->per_peer = limit_create(per_address)) == NULL)
        e = fail_nomem(error);
    if (e == ERR_OK)
        e = loop_create(&options, &edge->loop, error);
    if (e == ERR_OK)
        e = open_doors(edge, worker, error);
    if (e == ERR_OK)
        e = loop_start(edge->loop, error);
    /* On failure the process ends, and all of it with it. */
    *ret_context = edge;
    return e;
}

static void edge_peer(void *context, enum worker_role role, int fd)
{
    struct edge *edge = context;
    must(role == ROLE_STORE);
    LOG(LOG_DEBUG, NO_SID, "edge.peer", F_CSTR("role", worker_role_name(role)));
    ipc_client_connect(edge->store, fd);
}

static void edge_reload(void *context, struct settings *settings, struct tls_context *tls)
{
    struct edge *edge = context;
    struct error error;
    if (current_replace(&edge->current, settings, tls, &error) != ERR_OK) {
        settings_free(settings);
        tls_context_unref(tls);
        LOG(LOG_ERROR, NO_SID, "edge.reload_failed", F_ERR(&error));
    }
}

static void edge_stop(void *context, int64_t deadline_us)
{
    struct edge *edge = context;
    loop_stop(edge->loop);
    if (!loop_drained(edge->loop, deadline_us))
        LOG(LOG_WARN, NO_SID, "edge.sessions_cut", F_INT("sessions", loop_figures(edge->loop).places));
}

const struct worker_hooks edge_hooks = {edge_start, edge_peer, edge_reload, edge_stop};
