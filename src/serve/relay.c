#include "acme/renewer.h"
#include "base/fdio.h"
#include "base/must.h"
#include "fetch/fetcher.h"
#include "fetch/names.h"
#include "milter/connect.h"
#include "rt/control.h"
#include "rt/ipc.h"
#include "rt/loop.h"
#include "send/sender.h"
#include "serve/current.h"
#include "serve/serve.h"

/*
 * The worker that talks to the internet. It fetches what store asks for, and asks store for work, by the
 * channels that the supervisor brings.
 */
enum {
    THREADS_MIN = 2,
    THREADS_MAX = 64,
    NAMES_THREADS_MAX = 64, /* that wait for name servers which strangers have chosen: apart from store's */
};

struct relay {
    struct current current;
    struct loop *loop;  /* store's questions */
    struct loop *names; /* edge's */
    struct ipc_client *store;
    struct fetcher *fetcher;
    struct resolver *proving; /* with DNSSEC; NULL: none */
    struct fetch_service fetch;
    struct names_service resolve;
    struct callout_service callout;
    struct sender *sender;
    struct acme_renewer *acme;
};

/* What is made of files, before they can't be opened any more. */
struct prepared {
    struct fetcher *fetcher;
    struct resolver *proving; /* for the sender; NULL: without DNSSEC */
};

static enum err prepare_resolver(const struct settings *settings, struct resolver **ret, struct error *error)
{
    bool root = strcmp(settings->dnssec_anchor, "root") == 0;
    if (strcmp(settings->dnssec_anchor, "none") == 0)
        return ERR_OK;
    return resolver_create_validating(settings->resolver, root ? "" : settings->dnssec_anchor, ret, error);
}

static enum err relay_prepare(struct worker *worker, struct error *error)
{
    const char *ca_file = worker->settings->ca_file;
    struct prepared *prepared = calloc(1, sizeof(*prepared));
    if (prepared == NULL)
        return fail_nomem(error);
    worker->prepared = prepared;
    acme_prepare();
    enum err e = fetcher_create(ca_file, worker->settings->resolver, &prepared->fetcher, error);
    if (e == ERR_OK)
        e = prepare_resolver(worker->settings, &prepared->proving, error);
    if (e == ERR_OK && fetcher_authorities(prepared->fetcher) == 0)
        LOG(LOG_WARN, NO_SID, "relay.no_authorities", F_CSTR("file", ca_file));
    return e;
}

static enum err start_sender(struct relay *relay, const struct settings *settings, struct error *error)
{
    struct sender_options options = {
        .store = relay->store,
        .resolver = relay->proving != NULL ? relay->proving : fetcher_resolver(relay->fetcher),
        .authorities = fetcher_store(relay->fetcher),
        .own_name = settings->hostname,
        .port = settings->outbound_port,
        .sts_port = settings->mta_sts_port,
        .fetcher = relay->fetcher,
        .private_too = settings->outbound_private,
        .tls_reports = settings->tls_reports,
    };
    if (settings->outbound_port == 0)
        return ERR_OK;
    /* Not in the initializer: there gcc 12, with -ftrivial-auto-var-init=zero, clears two bytes in a name. */
    options.addresses = settings->sources;
    enum err e = relay->proving != NULL ? resolver_start(relay->proving, error) : ERR_OK;
    if (e == ERR_OK)
        e = sender_create(&options, &relay->sender, error);
    return e == ERR_OK ? sender_start(relay->sender, error) : e;
}

/* A certificate is the supervisor's: it has the key, and edge's ear. */
static void certificate_issued(void *context UNUSED, struct slice chain)
{
    CLEANUP(fd_close) int fd = -1;
    struct error error;
    enum err e = ipc_memfd(chain, &fd, &error);
    if (e == ERR_OK) {
        const struct control message = {.type = CONTROL_CERTIFICATE, .fds = {fd}, .fd_count = 1};
        e = control_send(CONTROL_FD, &message, &error);
    }
    if (e != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "relay.certificate_lost", F_ERR(&error));
}

static enum err start_acme(struct relay *relay, const struct settings *settings, struct error *error)
{
    const struct acme_renewer_options options = {.fetch = fetcher_fetch,
                                                 .fetch_context = relay->fetcher,
                                                 .issued = certificate_issued,
                                                 .settle_us = ACME_SETTLE_US};
    enum err e = acme_renewer_create(&options, &relay->acme, error);
    if (e != ERR_OK)
        return e;
    acme_renewer_update(relay->acme, settings);
    return acme_renewer_start(relay->acme, error);
}

static void connect_milter(struct relay *relay, struct ipc_message *request, struct buf *reply_body,
                           struct ipc_message *reply)
{
    struct version *version = current_get(&relay->current);
    milter_connect_serve(version->settings, request, reply_body, reply);
    current_put(version);
}

/* What edge asks: names, its connections to milters, addresses of other servers, and what an authority is to
 * find. */
static void serve_edge(void *context, struct ipc_message *request, struct buf *reply_body,
                       struct ipc_message *reply)
{
    struct relay *relay = context;
    if (request->type == MILTER_CALL)
        connect_milter(relay, request, reply_body, reply);
    else if (!callout_serve(&relay->callout, request, reply_body, reply) &&
             !acme_serve_answer(relay->acme, request, reply_body, reply))
        names_serve(&relay->resolve, request, reply_body, reply);
}

/* What store asks: fetches, names for keys that wait for their record, how the certificate and how mail for
 * other servers stand. */
static void serve_store(void *context, struct ipc_message *request, struct buf *reply_body,
                        struct ipc_message *reply)
{
    struct relay *relay = context;
    const struct lanes_service lanes = {relay->sender != NULL ? sender_lanes : NULL, relay->sender};
    if (request->type == NAMES_CALL)
        names_serve(&relay->resolve, request, reply_body, reply);
    else if (!lanes_serve(&lanes, request, reply_body, reply) &&
             !acme_serve_state(relay->acme, request, reply_body, reply) &&
             !acme_serve_records(relay->acme, request, reply_body, reply))
        fetch_serve(&relay->fetch, request, reply_body, reply);
}

static enum err no_callout(void *context, struct slice address, enum callout_answer *ret_answer,
                           struct error *error)
{
    (void)context, (void)address, (void)ret_answer;
    return fail(error, ERR_UNAVAILABLE, NULL, "outbound-port is off: no server is asked");
}

/* Never stopped: edge asks until it is gone itself. */
static enum err start_names(struct relay *relay, struct error *error)
{
    const struct loop_options options = {
        .name = "names", .threads_min = THREADS_MIN, .threads_max = NAMES_THREADS_MAX};
    relay->resolve = (struct names_service){names_resolve, fetcher_resolver(relay->fetcher)};
    relay->callout = relay->sender != NULL ? (struct callout_service){sender_callout, relay->sender}
                                           : (struct callout_service){no_callout, NULL};
    enum err e = loop_create(&options, &relay->names, error);
    return e == ERR_OK ? loop_start(relay->names, error) : e;
}

static enum err relay_start(struct worker *worker, void **ret_context, struct error *error)
{
    struct relay *relay = calloc(1, sizeof(*relay));
    if (relay == NULL)
        return fail_nomem(error);
    const struct prepared *prepared = worker->prepared;
    relay->fetcher = prepared->fetcher;
    relay->proving = prepared->proving;
    relay->fetch = (struct fetch_service){fetcher_fetch, relay->fetcher};
    const struct loop_options options = {
        .name = "relay", .threads_min = THREADS_MIN, .threads_max = THREADS_MAX};
    enum err e = current_init(&relay->current, worker->settings, NULL, error);
    if (e == ERR_OK)
        e = ipc_client_create(&relay->store, error);
    if (e == ERR_OK)
        e = fetcher_start(relay->fetcher, error);
    if (e == ERR_OK)
        e = start_sender(relay, worker->settings, error);
    if (e == ERR_OK)
        e = start_acme(relay, worker->settings, error);
    if (e == ERR_OK)
        e = start_names(relay, error);
    if (e == ERR_OK)
        e = loop_create(&options, &relay->loop, error);
    if (e == ERR_OK)
        e = loop_start(relay->loop, error);
    /* On failure the process ends, and all of it with it. */
    *ret_context = relay;
    return e;
}

static void relay_peer(void *context, enum worker_role role, int fd)
{
    struct relay *relay = context;
    must(role == ROLE_STORE);
    LOG(LOG_DEBUG, NO_SID, "relay.peer", F_CSTR("role", worker_role_name(role)));
    ipc_client_connect(relay->store, fd);
}

static void relay_client(void *context, enum worker_role role, int fd)
{
    struct relay *relay = context;
    struct error error;
    LOG(LOG_DEBUG, NO_SID, "relay.client", F_CSTR("role", worker_role_name(role)));
    if (role == ROLE_EDGE)
        acme_renewer_door(relay->acme);
    enum err e = role == ROLE_EDGE ? ipc_serve(relay->names, fd, serve_edge, relay, &error)
                                   : ipc_serve(relay->loop, fd, serve_store, relay, &error);
    if (e != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "relay.client_failed", F_ERR(&error));
}

static void relay_reload(void *context, struct settings *settings, struct tls_context *tls)
{
    struct relay *relay = context;
    struct error error;
    must(tls == NULL);
    acme_renewer_update(relay->acme, settings);
    if (current_replace(&relay->current, settings, NULL, &error) != ERR_OK) {
        settings_free(settings);
        LOG(LOG_ERROR, NO_SID, "relay.reload_failed", F_ERR(&error));
    }
}

static void relay_stop(void *context, int64_t deadline_us)
{
    struct relay *relay = context;
    acme_renewer_stop(relay->acme, deadline_us);
    if (relay->sender != NULL)
        sender_stop(relay->sender, deadline_us);
    loop_stop(relay->loop);
    if (!loop_drained(relay->loop, deadline_us))
        LOG(LOG_WARN, NO_SID, "relay.sessions_cut", F_INT("sessions", loop_figures(relay->loop).places));
}

const struct worker_hooks relay_hooks = {
    .prepare = relay_prepare,
    .start = relay_start,
    .peer = relay_peer,
    .client = relay_client,
    .reload = relay_reload,
    .stop = relay_stop,
};
