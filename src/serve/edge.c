#include <stdlib.h>

#include "acme/door.h"
#include "base/fdio.h"
#include "base/must.h"
#include "fetch/names.h"
#include "health/endpoint.h"
#include "imap/login.h"
#include "link/guest.h"
#include "managesieve/managesieve.h"
#include "pop3/pop3.h"
#include "rt/listener.h"
#include "serve/current.h"
#include "serve/serve.h"
#include "smtp/smtp.h"

/*
 * The worker that strangers talk to: accepts on every listener and starts the protocol's session there. What
 * needs an account is asked of store, by the channel that the supervisor brings (and brings anew when store
 * was restarted).
 */
enum { THREADS_MIN = 4, THREADS_MAX = 128 };

struct edge;

/* What one connection too many is told. */
#define IMAP_TOO_MANY "* BYE Too many connections\r\n"

/* One listener: what its sessions begin with. */
struct entrance {
    struct edge *edge;
    enum listen_protocol protocol;
};

struct edge {
    struct current current;
    struct loop *loop;
    struct link link;
    struct ipc_client *names;    /* relay, for what the DNS says, other servers, proofs of ACME */
    struct tls_context *proving; /* of the door for TLS-ALPN-01 */
    struct login_guard *guard;
    struct judge *judge;
    struct guards *guards;
    struct milter_office milters;
    struct limit *per_peer;
    struct conn_home home; /* of IMAP's connections */
    struct entrance entrances[SETTINGS_LISTEN_MAX];
};

/* A guest and what is given back when he leaves. */
struct arrival {
    struct guest guest;
    struct edge *edge;
    struct version *version;
    char limit_key[32];
    size_t limit_key_n;
};

static void release_arrival(struct guest *guest)
{
    struct arrival *arrival = container_of(guest, struct arrival, guest);
    guest_left(guest);
    if (arrival->limit_key_n > 0)
        limit_leave(arrival->edge->per_peer, slice_of(arrival->limit_key, arrival->limit_key_n));
    current_put(arrival->version);
    free(arrival);
}

static void start_smtp(struct guest *guest)
{
    smtp_start(guest, SMTP_RELAY);
}

static void start_submission(struct guest *guest)
{
    smtp_start(guest, SMTP_SUBMISSION);
}

static void start_lmtp(struct guest *guest)
{
    smtp_start(guest, SMTP_LMTP);
}

/* What begins a session of each protocol, and what one connection too many is told (nothing, where TLS comes
 * first). */
static const struct {
    void (*start)(struct guest *guest);
    struct slice refuse;
} protocols[LISTEN_PROTOCOLS] = {
    [LISTEN_SMTP] = {start_smtp, {"421 4.7.0 Too many connections\r\n", 32}},
    [LISTEN_SUBMISSION] = {start_submission, {"421 4.7.0 Too many connections\r\n", 32}},
    [LISTEN_SUBMISSIONS] = {start_submission, {NULL, 0}},
    [LISTEN_LMTP] = {start_lmtp, {NULL, 0}},
    [LISTEN_IMAP] = {imap_login_start, {IMAP_TOO_MANY, sizeof(IMAP_TOO_MANY) - 1}},
    [LISTEN_IMAPS] = {imap_login_start, {NULL, 0}},
    [LISTEN_POP3] = {pop3_login_start, {"-ERR [SYS/TEMP] Too many connections\r\n", 38}},
    [LISTEN_POP3S] = {pop3_login_start, {NULL, 0}},
    [LISTEN_MANAGESIEVE] = {managesieve_login_start, {"BYE (TRYLATER) \"Too many connections\"\r\n", 39}},
    [LISTEN_HEALTH] = {endpoint_start, {NULL, 0}},
    [LISTEN_ACME_HTTP] = {acme_http_start, {NULL, 0}},
    [LISTEN_ACME_TLS] = {acme_tls_start, {NULL, 0}},
};

/* NULL: no memory; what was accepted is given back. */
static struct arrival *arrive(struct edge *edge, struct accepted *accepted)
{
    struct arrival *arrival = calloc(1, sizeof(*arrival));
    if (arrival == NULL) {
        fd_close(&accepted->fd);
        if (accepted->limit_key_n > 0)
            limit_leave(edge->per_peer, slice_of(accepted->limit_key, accepted->limit_key_n));
        return NULL;
    }
    arrival->edge = edge;
    arrival->version = current_get(&edge->current);
    memcpy(arrival->limit_key, accepted->limit_key, accepted->limit_key_n);
    arrival->limit_key_n = accepted->limit_key_n;
    arrival->guest = (struct guest){
        .loop = edge->loop,
        .link = &edge->link,
        .guard = edge->guard,
        .relay = edge->names,
        .judge = edge->judge,
        .guards = edge->guards,
        .milters = &edge->milters,
        .tls = arrival->version->tls,
        .settings = arrival->version->settings,
        .fd = fd_take(&accepted->fd),
        .peer_port = accepted->peer_port,
        .home = &edge->home,
        .release = release_arrival,
    };
    memcpy(arrival->guest.peer, accepted->peer, sizeof(arrival->guest.peer));
    return arrival;
}

static void welcome(void *context, struct accepted *accepted)
{
    const struct entrance *entrance = context;
    struct arrival *arrival = arrive(entrance->edge, accepted);
    if (arrival == NULL)
        return;
    arrival->guest.tls_first = listen_protocol_is_tls(entrance->protocol);
    if (entrance->protocol == LISTEN_ACME_TLS)
        arrival->guest.tls = entrance->edge->proving;
    arrival->guest.protocol = metric_protocol(listen_protocol_name(entrance->protocol));
    guest_arrived(&arrival->guest);
    protocols[entrance->protocol].start(&arrival->guest);
}

/* It counts again as one of its address, as any that is not logged in. */
static bool count_again(struct edge *edge, struct accepted *accepted)
{
    listener_limit_key(accepted);
    return accepted->limit_key_n == 0 ||
           limit_enter(edge->per_peer, slice_of(accepted->limit_key, accepted->limit_key_n));
}

/* A person has logged out of a connection without closing it (IMAP's UNAUTHENTICATE). TLS, which is spoken
 * here: */
static void came_home(struct conn *conn, const struct conn_home *home)
{
    struct edge *edge = container_of(home, struct edge, home);
    struct accepted accepted = {.fd = -1};
    snprintf(accepted.peer, sizeof(accepted.peer), "%s", conn_peer(conn));
    if (!count_again(edge, &accepted)) {
        conn_write(conn, S(IMAP_TOO_MANY));
        conn_close(conn);
        return;
    }
    struct arrival *arrival = arrive(edge, &accepted);
    if (arrival == NULL) {
        conn_close(conn);
        return;
    }
    arrival->guest.conn = conn;
    arrival->guest.protocol = METRIC_IMAP;
    guest_returned(&arrival->guest);
    imap_login_resume(&arrival->guest, slice_none());
}

/* And in the clear. */
static void came_back(void *context, struct link_give_back *given)
{
    struct edge *edge = context;
    struct error error;
    struct accepted accepted = {.fd = fd_take(&given->fd), .peer_port = given->peer_port};
    snprintf(accepted.peer, sizeof(accepted.peer), "%.*s", SLICE_ARGS(given->peer));
    if (!count_again(edge, &accepted)) {
        if (fd_write_all(accepted.fd, S(IMAP_TOO_MANY), &error) != ERR_OK)
            LOG(LOG_DEBUG, given->sid, "edge.peer_gone", F_ERR(&error));
        fd_close(&accepted.fd);
        return;
    }
    struct arrival *arrival = arrive(edge, &accepted);
    if (arrival == NULL)
        return;
    arrival->guest.sid = given->sid;
    arrival->guest.protocol = METRIC_IMAP;
    guest_returned(&arrival->guest);
    imap_login_resume(&arrival->guest, given->pending);
}

static enum err open_doors(struct edge *edge, struct worker *worker, struct error *error)
{
    const struct settings *settings = edge->current.version->settings;
    if (worker->listener_count != settings->listen_count)
        return fail(error, ERR_INVALID, NULL, "%zu sockets for %zu listeners", worker->listener_count,
                    settings->listen_count);
    for (size_t i = 0; i < settings->listen_count; i++) {
        enum listen_protocol protocol = settings->listens[i].protocol;
        edge->entrances[i] = (struct entrance){edge, protocol};
        const struct listener_options options = {
            .fd = fd_take(&worker->listener_fds[i]),
            .per_peer = protocol == LISTEN_LMTP ? NULL : edge->per_peer,
            .refuse = protocols[protocol].refuse,
            .accept = welcome,
            .context = &edge->entrances[i],
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
        e = ipc_client_create(&edge->link.client, error);
    if (e == ERR_OK)
        e = ipc_client_create(&edge->names, error);
    if (e == ERR_OK)
        e = tls_challenge_context_create(acme_tls_find, edge->names, &edge->proving, error);
    const struct authres_dns dns = {names_ask, edge->names};
    if (e == ERR_OK)
        e = judge_create(&dns, &edge->judge, error);
    if (e == ERR_OK)
        e = guards_create(&edge->guards, error);
    edge->per_peer = limit_create(per_address);
    edge->guard = login_guard_create();
    if (e == ERR_OK && (edge->per_peer == NULL || edge->guard == NULL))
        e = fail_nomem(error);
    if (e == ERR_OK)
        e = loop_create(&options, &edge->loop, error);
    edge->milters = (struct milter_office){.relay = edge->names, .connect = milter_connect};
    edge->home.came = came_home;
    edge->link.loop = edge->loop;
    edge->link.came = came_back;
    edge->link.context = edge;
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
    LOG(LOG_DEBUG, NO_SID, "edge.peer", F_CSTR("role", worker_role_name(role)));
    if (role == ROLE_RELAY)
        ipc_client_connect(edge->names, fd);
    else
        link_connect(&edge->link, fd);
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

const struct worker_hooks edge_hooks = {
    .start = edge_start, .peer = edge_peer, .reload = edge_reload, .stop = edge_stop};
