#include "link/login.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/base64.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/name_list.h"
#include "link/login_guard.h"
#include "link/way_back.h"
#include "rt/metrics.h"

void login_init(struct login *login, struct link *link, struct login_guard *guard,
                const struct settings *settings, struct conn *conn, enum door door)
{
    *login = (struct login){
        .link = link,
        .guard = guard,
        .settings = settings,
        .conn = conn,
        .door = door,
        .arena = ARENA(LOGIN_ARENA_MAX),
        .text = BUF(LOGIN_LINE_MAX),
    };
}

static void forget(struct login *login)
{
    login->active = false;
    login->awaits_first = false;
    login->awaits_last = false;
    login->noted = false;
    login->exchange = 0;
}

void login_cancel(struct login *login)
{
    if (login->awaits_last)
        link_ticket_release(login->link, slice_of(login->result.ticket, TICKET_SIZE));
    else if (login->active && login->exchange != 0)
        link_sasl_cancel(login->link, login->exchange);
    forget(login);
}

void login_release(struct login *login)
{
    login_cancel(login);
    arena_release(&login->arena);
    if (login->text.p != NULL)
        sodium_memzero(login->text.p, login->text.cap);
    buf_release(&login->text);
}

bool login_may(const struct conn *conn, bool plaintext_allowed)
{
    struct slice peer = slice_cstr(conn_peer(conn));
    return plaintext_allowed || conn_is_tls(conn) || slice_starts(peer, S("127.")) ||
           slice_eq(peer, S("::1"));
}

bool login_is_off(enum sasl_mechanism mechanism, const struct settings *settings)
{
    if (sasl_is_oauth(mechanism) && !settings->oauth)
        return true;
    return name_list_has(slice_cstr(settings->sasl_without), slice_cstr(sasl_mechanism_name(mechanism)));
}

bool login_offers(const struct conn *conn, enum sasl_mechanism mechanism, const struct settings *settings)
{
    static const bool sends_password[] = {
#define X(name, text, tls) [SASL_##name] = (tls),
        SASL_MECHANISM_TABLE(X)
#undef X
    };
    const struct sasl_scram *scram = sasl_scram_of(mechanism);
    if (login_is_off(mechanism, settings))
        return false;
    if (scram != NULL && mechanism == scram->plus)
        return conn_tls(conn) != NULL;
    if (mechanism == SASL_EXTERNAL)
        return conn_tls(conn) != NULL && tls_client_is_certified(conn_tls(conn));
    return !sends_password[mechanism] || login_may(conn, settings->plaintext_login);
}

/* The name in a PLAIN message (authzid NUL authcid NUL password), for the guard's sake only. */
static struct slice plain_name(struct slice message)
{
    struct slice authzid, rest, name, password;
    if (!slice_cut(message, 0, &authzid, &rest))
        return slice_none();
    slice_cut(rest, 0, &name, &password);
    return name;
}

/* The name in SCRAM's first message (RFC 5802 7): "n,,n=name,r=nonce", as it is written there. */
static struct slice scram_name(struct slice message)
{
    struct slice head, rest, name;
    slice_cut(message, ',', &head, &rest);
    slice_cut(rest, ',', &head, &rest);
    slice_cut(rest, ',', &name, &rest);
    return slice_starts(name, S("n=")) ? slice_from(name, 2) : slice_none();
}

/* The name in OAUTHBEARER's message, "n,a=name,\1..." (RFC 7628 3.1), and in XOAUTH2's, "user=name\1...". */
static struct slice oauth_name(struct slice message)
{
    struct slice head, flag, name, rest;
    slice_cut(message, '\1', &head, &rest);
    if (slice_starts(head, S("user=")))
        return slice_from(head, 5);
    slice_cut(head, ',', &flag, &rest);
    slice_cut(rest, ',', &name, &rest);
    return slice_starts(name, S("a=")) ? slice_from(name, 2) : slice_none();
}

static struct slice name_in(enum sasl_mechanism mechanism, struct slice initial)
{
    if (sasl_scram_of(mechanism) != NULL)
        return scram_name(initial);
    if (sasl_is_oauth(mechanism))
        return oauth_name(initial);
    return mechanism == SASL_PLAIN ? plain_name(initial) : initial;
}

/* The name as it is compared, so that spelling it otherwise makes no new one; nor does naming a mailbox. */
static void remember_name(struct login *login, struct slice name)
{
    struct slice mailbox;
    people_split_name(name, &mailbox, &name);
    login->name_n = MIN(name.n, sizeof(login->name));
    for (size_t i = 0; i < login->name_n; i++)
        login->name[i] = ascii_lower(name.p[i]);
}

enum metric_protocol login_metric(enum door door)
{
    if (door == DOOR_IMAP)
        return METRIC_IMAP;
    if (door == DOOR_POP3)
        return METRIC_POP3;
    return door == DOOR_MANAGESIEVE ? METRIC_MANAGESIEVE : METRIC_SUBMISSION;
}

static void count(const struct login *login, enum metric_login result)
{
    enum metric_protocol protocol = login_metric(login->door);
    metric_count(LOGINS, METRIC_LABELS(protocol, result, METRIC_LOGIN_COUNT));
}

static bool must_wait(struct login *login)
{
    bool wait = guard_must_wait(login->guard, conn_peer(login->conn), slice_of(login->name, login->name_n));
    if (wait)
        count(login, METRIC_LOGIN_SLOWED);
    return wait;
}

static void note_failure(struct login *login)
{
    struct slice name = slice_of(login->name, login->name_n);
    login->failures++;
    count(login, METRIC_LOGIN_WRONG);
    guard_failed(login->guard, conn_peer(login->conn), name);
    LOG(LOG_INFO, conn_sid(login->conn), "login.failed", F_CSTR("peer", conn_peer(login->conn)),
        F_CSTR("mechanism", sasl_mechanism_name(login->start.mechanism)), F_STR("name", name));
}

static void note_success(struct login *login)
{
    count(login, METRIC_LOGIN_OK);
    guard_succeeded(login->guard, conn_peer(login->conn), slice_of(login->name, login->name_n),
                    login->result.address);
    LOG(LOG_INFO, conn_sid(login->conn), "login.ok", F_CSTR("peer", conn_peer(login->conn)),
        F_CSTR("mechanism", sasl_mechanism_name(login->start.mechanism)),
        F_STR("account", login->result.address),
        F_STR("person", login->result.person.n > 0 ? login->result.person : login->result.address));
}

static void say_plan(const struct login *login, struct error *error)
{
    if (login->door == DOOR_POP3 && (login->result.doors & DOOR_IMAP) != 0)
        (void)fail_plain(error, ERR_DENIED,
                         "this account's plan has no POP3; use IMAP, or have the plan changed");
    else if (login->door == DOOR_IMAP && (login->result.doors & DOOR_POP3) != 0)
        (void)fail_plain(error, ERR_DENIED,
                         "this account's plan has no IMAP; use POP3, or have the plan changed");
    else if (login->door == DOOR_SUBMISSION)
        (void)fail_plain(error, ERR_DENIED, "this account's plan sends no mail; have the plan changed");
    else
        (void)fail_plain(error, ERR_DENIED,
                         "this account's plan does not open this door; have the plan changed");
}

static void say_denial(const struct login *login, struct error *error)
{
    switch (login->result.denial) {
    case DENIED_DISABLED:
        (void)fail_plain(error, ERR_DENIED, "this account is disabled; ask its administrator");
        return;
    case DENIED_BY_PLAN:
        say_plan(login, error);
        return;
    case DENIED_APP_PASSWORD:
        (void)fail_plain(error, ERR_DENIED, "this app password is for other programs; make another one");
        return;
    case DENIED_READS_ONLY:
        (void)fail_plain(error, ERR_DENIED, "you may read this mailbox, not send as it");
        return;
    case DENIED_CERTIFICATE:
        (void)fail_plain(error, ERR_DENIED, "this account does not log in by certificate; use its password");
        return;
    default:
        (void)fail_plain(error, ERR_DENIED, "who logs in by that name may not be another one");
        return;
    }
}

/* What store said, as the protocol needs it. */
static enum login_status outcome(struct login *login, enum err err, struct error *error)
{
    if (err != ERR_OK) {
        forget(login);
        if (err != ERR_INVALID)
            count(login, METRIC_LOGIN_UNAVAILABLE);
        return err == ERR_INVALID ? LOGIN_MALFORMED : LOGIN_UNAVAILABLE;
    }
    buf_clear(&login->text);
    base64_encode(&login->text, login->result.data);
    switch (login->result.status) {
    case SASL_CONTINUE:
        login->exchange = login->result.exchange;
        /* A token's refusal comes as a challenge; who leaves then has failed all the same. */
        login->noted = sasl_is_oauth(login->start.mechanism);
        if (login->noted)
            note_failure(login);
        return LOGIN_CHALLENGE;
    case SASL_OK:
        note_success(login);
        login->awaits_last = login->result.data.n > 0;
        if (login->awaits_last)
            return LOGIN_CHALLENGE;
        forget(login);
        return LOGIN_OK;
    case SASL_TEMPORARY:
        count(login, METRIC_LOGIN_UNAVAILABLE);
        forget(login);
        return LOGIN_UNAVAILABLE;
    case SASL_FAILED:
        break;
    }
    bool noted = login->noted;
    forget(login);
    if (login->result.code == ERR_DENIED) {
        count(login, METRIC_LOGIN_CLOSED);
        say_denial(login, error);
        return LOGIN_CLOSED_DOOR;
    }
    if (!noted)
        note_failure(login);
    return LOGIN_FAILED;
}

/* With -PLUS the binding type that the client asks for: "p=tls-exporter,..." (RFC 5802 7). Without it the one
 * that it could have had: so store sees through a "y", which says that -PLUS was not offered (RFC 5802 6). */
static struct slice wanted_binding(const struct login *login)
{
    struct slice type, rest;
    struct slice first = login->start.initial;
    const struct sasl_scram *scram = sasl_scram_of(login->start.mechanism);
    if (scram == NULL || login_is_off(scram->plus, login->settings))
        return slice_none();
    if (login->start.mechanism == scram->plain)
        return strcmp(tls_version(conn_tls(login->conn)), "TLSv1.3") == 0 ? S("tls-exporter")
                                                                          : S("tls-unique");
    if (!slice_starts(first, S("p=")))
        return slice_none();
    slice_cut(slice_from(first, 2), ',', &type, &rest);
    return type;
}

static void find_binding(struct login *login, struct buf *binding)
{
    if (conn_tls(login->conn) == NULL)
        return;
    struct slice type = wanted_binding(login);
    if (type.n > 0 && tls_channel_binding(conn_tls(login->conn), type, binding)) {
        login->start.binding_type = type;
        login->start.binding = buf_slice(binding);
    }
}

static enum login_status begin_with(struct login *login, struct slice initial, bool has_initial,
                                    struct error *error)
{
    CLEANUP(buf_release) struct buf binding = BUF(1024);
    CLEANUP(buf_release) struct buf certificate = BUF(CLIENT_CHAIN_MAX);
    login->start.initial = initial;
    login->start.has_initial = has_initial;
    login->awaits_first = false;
    remember_name(login, name_in(login->start.mechanism, initial));
    if (must_wait(login)) {
        forget(login);
        login->failures++;
        return LOGIN_SLOW_DOWN;
    }
    find_binding(login, &binding);
    if (login->start.mechanism == SASL_EXTERNAL)
        tls_client_chain(conn_tls(login->conn), &certificate);
    login->start.certificate = buf_slice(&certificate);
    enum err err = link_sasl_begin(login->link, &login->start, &login->arena, &login->result, error);
    enum login_status status = outcome(login, err, error);
    login->start.initial = slice_none();
    login->start.binding = slice_none();
    login->start.certificate = slice_none();
    login->start.binding_type = slice_none();
    return status;
}

static bool decode(struct buf *out, struct slice base64)
{
    if (slice_eq(base64, S("=")))
        return true; /* an empty response (RFC 4954 4) */
    return base64_decode(out, base64) && !buf_failed(out);
}

static enum login_status malformed(struct login *login)
{
    login_cancel(login);
    return LOGIN_MALFORMED;
}

/* What can't be used: there was no memory for it, or it is wrong. */
static enum login_status useless(struct login *login, const struct buf *message, struct error *error)
{
    if (!buf_no_memory(message))
        return malformed(login);
    login_cancel(login);
    (void)fail_nomem(error);
    return LOGIN_UNAVAILABLE;
}

enum login_status login_begin(struct login *login, enum sasl_mechanism mechanism, struct slice initial,
                              struct error *error)
{
    CLEANUP(buf_release) struct buf decoded = BUF(SASL_MESSAGE_MAX);
    arena_reset(&login->arena);
    buf_clear(&login->text);
    login->active = true;
    login->start = (struct sasl_start){
        .mechanism = mechanism,
        .door = login->door,
        .tls = conn_is_tls(login->conn),
        .sid = conn_sid(login->conn),
        .peer = slice_cstr(conn_peer(login->conn)),
    };
    if (initial.p != NULL) {
        if (!decode(&decoded, initial))
            return useless(login, &decoded, error);
        return begin_with(login, buf_slice(&decoded), true, error);
    }
    if (mechanism == SASL_LOGIN)
        return begin_with(login, slice_none(), false, error);
    login->awaits_first = true;
    return LOGIN_CHALLENGE;
}

enum login_status login_step(struct login *login, struct slice answer, struct error *error)
{
    CLEANUP(buf_release) struct buf decoded = BUF(SASL_MESSAGE_MAX);
    if (login->awaits_last && answer.n == 0) {
        forget(login);
        return LOGIN_OK;
    }
    if (login->awaits_last || !decode(&decoded, answer))
        return useless(login, &decoded, error);
    if (login->awaits_first)
        return begin_with(login, buf_slice(&decoded), true, error);
    if (login->start.mechanism == SASL_LOGIN && login->name_n == 0) {
        remember_name(login, buf_slice(&decoded));
        if (must_wait(login)) {
            login_cancel(login);
            login->failures++;
            return LOGIN_SLOW_DOWN;
        }
    }
    arena_reset(&login->arena);
    enum err err = link_sasl_step(login->link, login->exchange, buf_slice(&decoded), &login->arena,
                                  &login->result, error);
    return outcome(login, err, error);
}

enum login_status login_password(struct login *login, struct slice name, struct slice password,
                                 struct error *error)
{
    CLEANUP(buf_release) struct buf message = BUF(SASL_MESSAGE_MAX);
    arena_reset(&login->arena);
    login->active = true;
    login->start = (struct sasl_start){
        .mechanism = SASL_PLAIN,
        .door = login->door,
        .tls = conn_is_tls(login->conn),
        .sid = conn_sid(login->conn),
        .peer = slice_cstr(conn_peer(login->conn)),
    };
    if (slice_find_char(name, 0) >= 0 || slice_find_char(password, 0) >= 0)
        return malformed(login);
    buf_putc(&message, 0);
    buf_put(&message, name);
    buf_putc(&message, 0);
    buf_put(&message, password);
    if (buf_failed(&message))
        return useless(login, &message, error);
    return begin_with(login, buf_slice(&message), true, error);
}

static struct slice refusal_for(const struct login_refusals *refusals, enum err err)
{
    return err == ERR_LIMIT ? refusals->too_many : refusals->unavailable;
}

/* TLS stays here: the conn becomes a bridge to one end of a pair, store gets the other. */
static void hand_over_bridge(struct login *login, struct link_hand_over *hand_over,
                             const struct login_refusals *refusals)
{
    struct error error;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        conn_write(login->conn, refusals->unavailable);
        conn_close(login->conn);
        return;
    }
    CLEANUP(fd_close) int ours = pair[0];
    CLEANUP(fd_close) int theirs = pair[1];
    hand_over->fd = theirs;
    enum err err = link_hand_over(login->link, hand_over, &error);
    if (err == ERR_OK) {
        conn_bridge(login->conn, fd_take(&ours), login->home);
        return;
    }
    LOG(LOG_WARN, hand_over->sid, "login.hand_over_failed", F_ERR(&error));
    conn_write(login->conn, refusal_for(refusals, err));
    conn_close(login->conn);
}

static void hand_over_descriptor(struct login *login, struct link_hand_over *hand_over,
                                 const struct login_refusals *refusals)
{
    struct error error;
    CLEANUP(fd_close) int fd = -1;
    CLEANUP(buf_release) struct buf pending = BUF(CONN_PENDING_MAX);
    if (login->home != NULL)
        link_ensure_way_back(login->link);
    if (conn_hand_over(login->conn, &fd, &pending, &error) != ERR_OK) {
        conn_close(login->conn);
        return;
    }
    hand_over->pending = buf_slice(&pending);
    hand_over->fd = fd;
    enum err err = link_hand_over(login->link, hand_over, &error);
    if (err == ERR_OK)
        return;
    LOG(LOG_WARN, hand_over->sid, "login.hand_over_failed", F_ERR(&error));
    if (fd_write_all(fd, refusal_for(refusals, err), &error) != ERR_OK)
        LOG(LOG_DEBUG, hand_over->sid, "login.peer_gone", F_ERR(&error));
}

void login_hand_over(struct login *login, struct slice tag, const struct login_refusals *refusals)
{
    struct link_hand_over hand_over = {
        .door = login->door,
        .ticket = slice_of(login->result.ticket, TICKET_SIZE),
        .sid = conn_sid(login->conn),
        .peer = slice_cstr(conn_peer(login->conn)),
        .tls = conn_is_tls(login->conn),
        .tag = tag,
        .capabilities_off = login->capabilities_off,
        .language =
            login->tongue.negotiated ? slice_cstr(language_tag(login->tongue.language)) : slice_none(),
    };
    if (conn_tls(login->conn) != NULL)
        hand_over_bridge(login, &hand_over, refusals);
    else
        hand_over_descriptor(login, &hand_over, refusals);
}
