#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/fdio.h"
#include "base/map.h"
#include "base/must.h"
#include "base/name_list.h"
#include "base/wire.h"
#include "directory/key_watch.h"
#include "directory/limits.h"
#include "directory/oauth.h"
#include "directory/use.h"
#include "fetch/names.h"
#include "health/exposition.h"
#include "health/status.h"
#include "imap/capability.h"
#include "imap/session.h"
#include "imap/submit_url.h"
#include "link/visit.h"
#include "managesieve/managesieve.h"
#include "pop3/pop3.h"
#include "queue/policies.h"
#include "queue/warning.h"
#include "rt/limit.h"
#include "rt/listener.h"
#include "serve/current.h"
#include "serve/serve.h"
#include "serve/stays.h"
#include "store/share.h"
#include "store/volume.h"

/*
 * The worker that holds the mailboxes. Two loops: `sessions` has the connections that were handed over after
 * log-in, `service` answers edge, relay and the command line. A stop says goodbye to the sessions; the
 * service goes on until the process ends, so that edge can finish what it is in the middle of.
 */
enum {
    SESSION_THREADS_MIN = 4,
    SESSION_THREADS_MAX = 128,
    SESSION_WAITING_MAX = 512, /* sessions whose client reads slowly */
    SERVICE_THREADS_MIN = 2,
    SERVICE_THREADS_MAX = 64,
    SECRET_MAX = 4096, /* bytes of oauth-client's file */
};

struct store_worker {
    struct current current;
    struct loop *sessions;
    struct loop *service;
    struct limit *per_account;
    struct stays *stays;
    struct warner *warner;
    struct key_watch *key_watch;
    struct ipc_client *relay; /* the way to ask the internet */
    struct gatherer *gatherer;
    struct link_service link; /* store, directory, sasl, queue */
    struct admin_context admin;
};

/* A session and what is given back when it ends. */
struct visitor {
    struct store_worker *worker;
    struct version *version;
    struct account_id account;
    unsigned counted; /* label of SESSIONS */
    struct stay stay;
};

static void say_goodbye(void *context)
{
    struct visitor *visitor = context;
    stays_leave(&visitor->stay);
    metric_add(SESSIONS, visitor->counted, -1);
    limit_leave(visitor->worker->per_account, map_key_u64(&visitor->account.v));
    current_put(visitor->version);
    free(visitor);
}

static enum err make_visitor(struct store_worker *worker, const struct sasl_holder *holder, enum door door,
                             int fd, struct visitor **ret_visitor, struct error *error)
{
    struct visitor *visitor = calloc(1, sizeof(*visitor));
    if (visitor == NULL)
        return fail_nomem(error);
    stays_enter(worker->stays, &visitor->stay, holder, door, fd);
    visitor->worker = worker;
    visitor->version = current_get(&worker->current);
    visitor->account = holder->account;
    *ret_visitor = visitor;
    return ERR_OK;
}

/* The protocol's session behind the door that the person came through. */
static enum err start_behind_door(struct store_worker *worker, enum door door, const struct visit *visit,
                                  struct error *error)
{
    if (door == DOOR_IMAP)
        return imap_session_start(worker->sessions, visit, error);
    if (door == DOOR_MANAGESIEVE)
        return managesieve_session_start(worker->sessions, visit, error);
    return pop3_session_start(worker->sessions, visit, error);
}

/* What the directory says of a visitor: the capabilities that are switched off for all and for this account,
 * and his language; those that are off for his client go with the first. */
static enum err read_entry(struct store_worker *worker, struct account_id id, struct slice client,
                           struct buf *off, enum language *ret_language, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct account_entry entry;
    enum err err = account_entry_get(worker->link.directory, id, &arena, &entry, error);
    if (err != ERR_OK)
        return err;
    struct version *version = current_get(&worker->current);
    bool names = name_list_add(off, slice_cstr(version->settings->imap_without)) &&
                 name_list_add(off, entry.capabilities_off) && name_list_add(off, client);
    current_put(version);
    if (!names || buf_failed(off))
        return fail_nomem(error);
    *ret_language = language_of(entry.language);
    return ERR_OK;
}

/* What the client has chosen before log-in, else the account's language. */
static struct tongue tongue_of(const struct link_hand_over *hand_over, enum language preferred)
{
    if (hand_over->language.n > 0)
        return (struct tongue){language_of(hand_over->language), true};
    return (struct tongue){preferred, false};
}

/* The account opened, and the visitor counted. */
static enum err receive(struct store_worker *worker, const struct sasl_holder *holder, enum door door, int fd,
                        struct account **ret_account, struct visitor **ret_visitor, struct error *error)
{
    struct account_id id = holder->account;
    struct account *account;
    if (!limit_enter(worker->per_account, map_key_u64(&id.v)))
        return fail(error, ERR_LIMIT, "too many sessions of this account", "account has too many sessions");
    enum err err = store_account_ensure(worker->link.store, id, &account, error);
    if (err == ERR_OK) {
        err = make_visitor(worker, holder, door, fd, ret_visitor, error);
        if (err == ERR_OK)
            *ret_account = account;
        else
            account_unref(account);
    }
    if (err != ERR_OK)
        limit_leave(worker->per_account, map_key_u64(&id.v));
    return err;
}

static enum err give_back(void *owner, struct link_give_back *given, struct error *error)
{
    struct store_worker *worker = owner;
    return link_give_back(&worker->link, given, error);
}

static enum err start_session(void *context, const struct sasl_holder *holder,
                              const struct link_hand_over *hand_over, struct error *error)
{
    struct store_worker *worker = context;
    CLEANUP(fd_close) int fd = hand_over->fd;
    struct account *account;
    struct visitor *visitor;
    if (hand_over->door != DOOR_IMAP && hand_over->door != DOOR_POP3 && hand_over->door != DOOR_MANAGESIEVE)
        return fail(error, ERR_INVALID, NULL, "no session behind door %d", (int)hand_over->door);
    CLEANUP(buf_release) struct buf peer = BUF(CONN_PEER_TEXT_MAX);
    buf_put(&peer, hand_over->peer);
    if (buf_cstr(&peer) == NULL)
        return fail(error, ERR_INVALID, NULL, "client address too long");
    CLEANUP(buf_release) struct buf off = BUF(IMAP_OFF_MAX);
    enum language preferred = LANGUAGE_EN;
    enum err err = read_entry(worker, holder->account, hand_over->capabilities_off, &off, &preferred, error);
    if (err == ERR_OK)
        err = receive(worker, holder, hand_over->door, fd, &account, &visitor, error);
    if (err != ERR_OK)
        return err;
    visitor->counted = METRIC_SESSION(login_metric(hand_over->door), hand_over->tls);
    metric_count(SESSIONS, visitor->counted);
    struct visit visit = {
        .account = account,
        .store = worker->link.store,
        .directory = worker->link.directory,
        .fd = fd_take(&fd),
        .tag = hand_over->tag,
        .pending = hand_over->pending,
        .sid = hand_over->sid,
        .peer = buf_cstr(&peer),
        .peer_port = hand_over->peer_port,
        .tls = hand_over->tls,
        .capabilities_off = buf_slice(&off),
        .tongue = tongue_of(hand_over, preferred),
        .preferred = preferred,
        .lacks = holder->person.v != 0 ? RIGHTS_ALL & ~person_rights_mask(holder->rights) : 0,
        .settings = visitor->version->settings,
        .ended = say_goodbye,
        .context = visitor,
        .give_back = give_back,
        .owner = worker,
    };
    return start_behind_door(worker, hand_over->door, &visit, error);
}

static enum err read_url(void *context, struct account_id account, struct slice url, int *ret_fd,
                         struct error *error)
{
    struct store_worker *worker = context;
    return imap_submit_url_read(worker->link.store, worker->link.directory, account, url, ret_fd, error);
}

/* The command line calls. */
static void welcome(void *context, struct accepted *accepted)
{
    struct store_worker *worker = context;
    struct error error;
    if (admin_start(worker->service, &worker->admin, fd_take(&accepted->fd), &error) != ERR_OK)
        LOG(LOG_WARN, NO_SID, "store.admin", F_ERR(&error));
}

static void access_changed(void *owner)
{
    struct store_worker *worker = owner;
    stays_look(worker->stays);
}

static void account_limits(void *context, struct account_id id, struct account_limits *ret_limits)
{
    struct store_worker *worker = context;
    CLEANUP(arena_release) struct arena arena = ARENA(64 * 1024);
    struct account_entry entry;
    struct error error;
    *ret_limits = ACCOUNT_LIMITS_UNKNOWN;
    if (worker->link.directory == NULL ||
        account_entry_get(worker->link.directory, id, &arena, &entry, &error) != ERR_OK)
        return;
    *ret_limits = account_entry_limits(&entry);
}

/* Without: EXTERNAL fails here, whatever edge thinks of it. */
static enum err set_client_ca(struct store_worker *worker, const struct settings *settings,
                              struct error *error)
{
    struct client_ca *ca = NULL;
    enum err err = settings->client_ca.n > 0 ? client_ca_create(settings->client_ca, &ca, error) : ERR_OK;
    if (err == ERR_OK)
        sasl_set_client_ca(worker->link.sasl, ca);
    client_ca_unref(ca);
    return err;
}

static enum err open_feedback(struct store_worker *worker, const struct settings *settings,
                              struct error *error)
{
    struct link_service *link = &worker->link;
    struct feedback_options options = {.volume = store_volume(link->store),
                                       .queue = link->queue,
                                       .hostname = settings->hostname,
                                       .fetch = fetch_ask,
                                       .fetch_context = worker->relay,
                                       .public_only = !settings->outbound_private};
    struct {
        bool wanted;
        enum feedback_kind kind;
        struct feedback **place;
    } kinds[] = {{settings->dmarc_reports, FEEDBACK_DMARC, &link->feedback},
                 {settings->tls_reports, FEEDBACK_TLS, &link->tls_feedback}};
    enum err err = ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(kinds) && err == ERR_OK; i++) {
        options.kind = kinds[i].kind;
        if (kinds[i].wanted)
            err = feedback_open(&options, kinds[i].place, error);
        if (err == ERR_OK && kinds[i].wanted)
            err = feedback_start(*kinds[i].place, error);
    }
    return err;
}

/*
 * After a sync that failed nobody knows what is on disk, and no later sync will say. The next start reads
 * what is there; nothing that hung on this sync was acknowledged.
 */
static void end_at_once(void *context, const struct error *error)
{
    (void)context;
    LOG(LOG_ERROR, NO_SID, "store.sync_failed", F_ERR(error));
    _exit(EXIT_FAILURE);
}

static enum err open_greylist(struct store_worker *worker, const struct settings *settings,
                              struct error *error)
{
    const struct greylist_options options = {.volume = store_volume(worker->link.store)};
    return settings->greylist == GREYLIST_OFF ? ERR_OK
                                              : greylist_open(&options, &worker->link.greylist, error);
}

/* Databases in the order in which they need each other. */
static enum err open_data(struct store_worker *worker, const struct settings *settings, struct error *error)
{
    struct link_service *link = &worker->link;
    const struct store_options store_options = {
        .directory = settings->data_directory, .limits = account_limits, .context = worker};
    enum err err = store_open(&store_options, &link->store, error);
    if (err == ERR_OK)
        volume_on_broken(store_volume(link->store), end_at_once, NULL);
    if (err == ERR_OK)
        err = directory_open(store_volume(link->store), &link->directory, error);
    if (err == ERR_OK)
        err = directory_count(link->directory, link->store, error);
    if (err == ERR_OK)
        err = sasl_create(link->directory, &link->sasl, error);
    if (err == ERR_OK)
        err = set_client_ca(worker, settings, error);
    if (err == ERR_OK)
        err = stays_create(link->directory, &worker->stays, error);
    const struct queue_options queue_options = {
        .store = link->store,
        .directory = link->directory,
        .hostname = settings->hostname,
        .message_size_max = settings->message_size_max,
    };
    if (err == ERR_OK)
        err = queue_open(&queue_options, &link->queue, error);
    if (err == ERR_OK)
        err = policies_open(store_volume(link->store), &link->policies, error);
    if (err == ERR_OK)
        err = open_feedback(worker, settings, error);
    if (err == ERR_OK)
        err = open_greylist(worker, settings, error);
    if (err == ERR_OK)
        err = warner_start(link->store, link->directory, settings->hostname, &worker->warner, error);
    const struct authres_dns dns = {names_ask, worker->relay};
    if (err == ERR_OK)
        err = key_watch_start(link->directory, &dns, &worker->key_watch, error);
    link->start_session = start_session;
    link->read_url = read_url;
    link->context = worker;
    worker->admin = (struct admin_context){.store = link->store,
                                           .directory = link->directory,
                                           .queue = link->queue,
                                           .relay = worker->relay,
                                           .access_changed = access_changed,
                                           .owner = worker};
    return err;
}

static void tell_health(void *context, enum health_question question, struct buf *out, bool *ret_well)
{
    struct store_worker *worker = context;
    struct metrics_sample sample;
    *ret_well = true;
    if (question == HEALTH_STATE) {
        status_put_health(worker->gatherer, out, ret_well);
        return;
    }
    gather_now(worker->gatherer, &sample);
    exposition_put(&sample, out);
}

static enum err open_health(struct store_worker *worker, const struct worker *process, struct error *error)
{
    struct gather_options options = {.store = worker->link.store, .queue = worker->link.queue};
    memcpy(options.pages, process->metrics, sizeof(options.pages));
    worker->link.health = tell_health;
    enum err err = gatherer_create(&options, &worker->gatherer, error);
    worker->admin.gatherer = worker->gatherer;
    return err;
}

static enum err open_loops(struct store_worker *worker, struct worker *process, struct error *error)
{
    const struct loop_options sessions = {.name = "session",
                                          .threads_min = SESSION_THREADS_MIN,
                                          .threads_max = SESSION_THREADS_MAX,
                                          .waiting_max = SESSION_WAITING_MAX};
    const struct loop_options service = {
        .name = "service", .threads_min = SERVICE_THREADS_MIN, .threads_max = SERVICE_THREADS_MAX};
    if (process->listener_count != 1)
        return fail(error, ERR_INVALID, NULL, "%zu sockets where one is due", process->listener_count);
    enum err err = loop_create(&sessions, &worker->sessions, error);
    if (err == ERR_OK)
        err = loop_create(&service, &worker->service, error);
    if (err != ERR_OK)
        return err;
    const struct listener_options admin = {
        .fd = fd_take(&process->listener_fds[0]), .accept = welcome, .context = worker};
    err = listener_start(worker->service, &admin, error);
    if (err == ERR_OK)
        err = loop_start(worker->sessions, error);
    return err != ERR_OK ? err : loop_start(worker->service, error);
}

/* What lets us ask the identity provider; none, when there is no provider. */
static enum err open_oauth(struct store_worker *worker, const struct settings *settings, const char *secret,
                           struct error *error)
{
    struct oauth *oauth = NULL;
    if (!settings->oauth)
        return ERR_OK;
    const struct oauth_options options = {
        .jwks = settings->oauth_jwks,
        .introspection = settings->oauth_introspection,
        .client = settings->oauth_client,
        .secret = secret != NULL ? secret : "",
        .issuer = settings->oauth_issuer,
        .audience = settings->oauth_audience,
        .claim = settings->oauth_claim,
        .fetch = fetch_ask,
        .fetch_context = worker->relay,
    };
    enum err err = oauth_create(&options, &oauth, error);
    if (err == ERR_OK)
        sasl_use_oauth(worker->link.sasl, oauth);
    return err;
}

/* The one file outside the data directory: its owner need not be store's user. */
static enum err store_prepare(struct worker *process, struct error *error)
{
    const char *path = process->settings->oauth_secret_file;
    CLEANUP(buf_release) struct buf text = BUF(SECRET_MAX);
    if (path[0] == 0)
        return ERR_OK;
    CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(error, "open %s", path);
    enum err err = fd_read_all(fd, &text, error);
    if (err != ERR_OK)
        return error_context(error, "%s", path);
    process->prepared = slice_to_cstr(slice_trim(buf_slice(&text)));
    return process->prepared != NULL ? ERR_OK : fail(error, ERR_INVALID, NULL, "%s is no text", path);
}

static enum err store_start(struct worker *process, void **ret_context, struct error *error)
{
    struct store_worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL)
        return fail_nomem(error);
    enum err err = current_init(&worker->current, process->settings, NULL, error);
    worker->per_account = limit_create(process->settings->sessions_per_account);
    if (err == ERR_OK && worker->per_account == NULL)
        err = fail_nomem(error);
    if (err == ERR_OK)
        err = ipc_client_create(&worker->relay, error);
    if (err == ERR_OK)
        err = ipc_client_create(&worker->link.edge, error);
    /* The first settings live on: what is opened with them keeps pointers into them. */
    if (err == ERR_OK)
        err = open_data(worker, current_get(&worker->current)->settings, error);
    if (err == ERR_OK)
        err = open_oauth(worker, worker->current.version->settings, process->prepared, error);
    if (err == ERR_OK)
        err = open_health(worker, process, error);
    if (err == ERR_OK)
        err = open_loops(worker, process, error);
    /* On failure the process ends, and all of it with it. */
    *ret_context = worker;
    return err;
}

static void store_peer(void *context, enum worker_role role, int fd)
{
    struct store_worker *worker = context;
    must(role == ROLE_RELAY);
    LOG(LOG_DEBUG, NO_SID, "store.peer", F_CSTR("role", worker_role_name(role)));
    ipc_client_connect(worker->relay, fd);
}

static void store_client(void *context, enum worker_role role, int fd)
{
    struct store_worker *worker = context;
    struct error error;
    LOG(LOG_DEBUG, NO_SID, "store.client", F_CSTR("role", worker_role_name(role)));
    ipc_serve_fn *serve = role == ROLE_EDGE ? link_serve : link_serve_relay;
    if (ipc_serve(worker->service, fd, serve, &worker->link, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.client_failed", F_CSTR("role", worker_role_name(role)), F_ERR(&error));
}

static void store_reload(void *context, struct settings *settings, struct tls_context *tls)
{
    struct store_worker *worker = context;
    struct error error;
    must(tls == NULL);
    queue_set_message_size_max(worker->link.queue, settings->message_size_max);
    if (set_client_ca(worker, settings, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.reload_failed", F_ERR(&error));
    if (current_replace(&worker->current, settings, NULL, &error) != ERR_OK) {
        settings_free(settings);
        LOG(LOG_ERROR, NO_SID, "store.reload_failed", F_ERR(&error));
    }
}

/* Sessions say goodbye, what is in flight is finished, everything is synced and closed. */
static void store_stop(void *context, int64_t deadline_us)
{
    struct store_worker *worker = context;
    struct error error;
    loop_stop(worker->sessions);
    if (!loop_drained(worker->sessions, deadline_us))
        LOG(LOG_WARN, NO_SID, "store.sessions_cut", F_INT("sessions", loop_figures(worker->sessions).places));
    queue_idle(worker->link.queue, deadline_us);
    if (store_sync(worker->link.store, &error) != ERR_OK)
        LOG(LOG_ERROR, NO_SID, "store.sync", F_ERR(&error));
    store_rest(worker->link.store);
}

const struct worker_hooks store_hooks = {
    .prepare = store_prepare,
    .start = store_start,
    .peer = store_peer,
    .client = store_client,
    .reload = store_reload,
    .stop = store_stop,
};
