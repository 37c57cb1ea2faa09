/* The SASL exchange between client and store (RFC 3501 6.2.2, 6.2.3, RFC 4959), and the hand-over after it.
 */
#include <sys/socket.h>

#include "base/base64.h"
#include "base/fdio.h"
#include "base/log.h"
#include "imap/login_internal.h"

enum { BINDING_MAX = 256 };

static bool set_tag(struct imap_login *login, struct slice tag)
{
    if (tag.n > IMAP_TAG_MAX)
        return false;
    memcpy(login->tag, tag.p, tag.n);
    login->tag[tag.n] = 0;
    return true;
}

static void set_name(struct imap_login *login, struct slice name)
{
    name = slice_sub(name, 0, LOGIN_NAME_MAX);
    memcpy(login->name, name.n > 0 ? name.p : "", name.n);
    login->name[name.n] = 0;
}

/* Who tries to log in, where the first response shows it (RFC 4616 2, RFC 5802 5.1); only for the delay. */
static void note_name(struct imap_login *login, struct slice response)
{
    struct slice head;
    struct slice rest;
    if (login->mechanism == SASL_PLAIN) {
        if (slice_cut(response, 0, &head, &rest) && slice_cut(rest, 0, &head, &rest))
            set_name(login, head);
    } else if (login->mechanism == SASL_LOGIN) {
        set_name(login, response);
    } else {
        ssize_t at = slice_find(response, S(",n="));
        if (at >= 0) {
            (void)slice_cut(slice_from(response, (size_t)at + 3), ',', &head, &rest);
            set_name(login, head);
        }
    }
}

static void answer(struct imap_login *login, const char *text)
{
    login->state = LOGIN_COMMAND;
    imap_login_answer(login, slice_cstr(login->tag), text);
}

void imap_login_cancel(struct imap_login *login)
{
    if (login->state == LOGIN_STEP)
        link_sasl_cancel(login->options->link, login->exchange);
    else if (login->state == LOGIN_FINAL)
        link_ticket_release(login->options->link, slice_of(login->ticket, sizeof(login->ticket)));
    if (login->state != LOGIN_HELD)
        login->state = LOGIN_COMMAND;
}

/* --- failure --- */

static int64_t penalty(struct rate *rate, struct slice key)
{
    if (rate == NULL || key.n == 0)
        return 0;
    rate_failed(rate, key);
    return rate_penalty_us(rate, key);
}

/* The answer waits, as long as this address or this name has earned; meanwhile no thread is held. */
static void refuse(struct imap_login *login, enum err code)
{
    const char *text = code == ERR_DENIED ? "NO [AUTHORIZATIONFAILED] This account may not use IMAP"
                                          : "NO [AUTHENTICATIONFAILED] The name or the password is wrong";
    int64_t by_peer = penalty(login->options->peer_rate, slice_cstr(conn_peer(login->conn)));
    int64_t by_name = penalty(login->options->name_rate, slice_cstr(login->name));
    LOG(LOG_INFO, conn_sid(login->conn), "imap.login_failed", F_CSTR("peer", conn_peer(login->conn)),
        F_CSTR("name", login->name), F_CSTR("why", err_name(code)));
    login->failures++;
    snprintf(login->answer, sizeof(login->answer), "%s", text);
    if (MAX(by_peer, by_name) > 0) {
        login->state = LOGIN_HELD;
        conn_expect(login->conn, &login->holder, MAX(by_peer, by_name));
        return;
    }
    answer(login, text);
    if (login->failures >= IMAP_LOGIN_FAILURES_MAX)
        imap_login_bye(login, "Too many failed log-ins");
}

static void fail_temporarily(struct imap_login *login, const struct error *error)
{
    if (error != NULL)
        LOG(LOG_WARN, conn_sid(login->conn), "imap.login_unavailable", F_ERR(error));
    answer(login, "NO [UNAVAILABLE] Log-in is not possible now; try again later");
}

/* --- hand-over --- */

static struct link_hand_over hand_over_of(const struct imap_login *login)
{
    return (struct link_hand_over){
        .door = DOOR_IMAP,
        .ticket = slice_of(login->ticket, sizeof(login->ticket)),
        .sid = conn_sid(login->conn),
        .peer = slice_cstr(conn_peer(login->conn)),
        .tls = conn_is_tls(login->conn),
        .tag = slice_cstr(login->tag),
    };
}

static const char *refusal(const struct error *error)
{
    return error->code == ERR_LIMIT ? "NO [LIMIT] This account has too many sessions"
                                    : "NO [UNAVAILABLE] The mailbox can't be opened now; try again later";
}

/* TLS stays here: the conn becomes a bridge to one end of a pair, store gets the other. */
static void hand_over_bridged(struct imap_login *login)
{
    struct error error;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        fail_errno(&error, "socketpair");
        fail_temporarily(login, &error);
        return;
    }
    CLEANUP(fd_close) int store_end = pair[1];
    CLEANUP(fd_close) int our_end = pair[0];
    struct link_hand_over hand_over = hand_over_of(login);
    hand_over.pending = buf_slice(&login->held);
    hand_over.fd = store_end;
    if (link_hand_over(login->options->link, &hand_over, &error) != ERR_OK) {
        LOG(LOG_WARN, conn_sid(login->conn), "imap.hand_over_failed", F_ERR(&error));
        answer(login, refusal(&error));
        return;
    }
    login->handed_over = true;
    conn_bridge(login->conn, fd_take(&our_end));
}

/* In the clear the descriptor itself moves. From here on the conn is over, so a refusal is written by hand.
 */
static void hand_over_descriptor(struct imap_login *login)
{
    struct error error;
    CLEANUP(fd_close) int fd = -1;
    CLEANUP(buf_release) struct buf later = BUF(CONN_PENDING_MAX);
    CLEANUP(buf_release) struct buf pending = BUF(CONN_PENDING_MAX + IMAP_LOGIN_HELD_MAX);
    struct link_hand_over hand_over = hand_over_of(login);
    struct session_id sid = conn_sid(login->conn);
    if (conn_hand_over(login->conn, &fd, &later, &error) != ERR_OK) {
        login->closing = true;
        conn_close(login->conn);
        return;
    }
    login->handed_over = true;
    buf_put(&pending, buf_slice(&login->held));
    buf_put(&pending, buf_slice(&later));
    hand_over.pending = buf_slice(&pending);
    hand_over.fd = fd;
    if (link_hand_over(login->options->link, &hand_over, &error) == ERR_OK)
        return;
    LOG(LOG_WARN, sid, "imap.hand_over_failed", F_ERR(&error));
    CLEANUP(buf_release) struct buf text = BUF(1024);
    buf_printf(&text, "%s %s\r\n* BYE Try again later\r\n", login->tag, refusal(&error));
    if (fd_write_all(fd, buf_slice(&text), &error) != ERR_OK)
        LOG(LOG_DEBUG, sid, "imap.gone", F_ERR(&error));
}

static void log_in(struct imap_login *login)
{
    if (login->options->name_rate != NULL && login->name[0] != 0)
        rate_succeeded(login->options->name_rate, slice_cstr(login->name));
    login->state = LOGIN_COMMAND;
    if (conn_tls(login->conn) != NULL)
        hand_over_bridged(login);
    else
        hand_over_descriptor(login);
}

/* --- the exchange --- */

static void challenge(struct imap_login *login, struct slice data, enum imap_login_state next)
{
    CLEANUP(buf_release) struct buf text = BUF(2 * SASL_MESSAGE_MAX);
    base64_encode(&text, data);
    conn_printf(login->conn, "+ %.*s\r\n", SLICE_ARGS(buf_slice(&text)));
    login->state = next;
}

static void go_on(struct imap_login *login, enum err err, const struct sasl_result *result,
                  const struct error *error)
{
    if (err != ERR_OK) {
        fail_temporarily(login, error);
        return;
    }
    switch (result->status) {
    case SASL_CONTINUE:
        login->exchange = result->exchange;
        challenge(login, result->data, LOGIN_STEP);
        return;
    case SASL_OK:
        memcpy(login->ticket, result->ticket, sizeof(login->ticket));
        /* IMAP's OK has no room for the mechanism's last word (RFC 4422 4, RFC 3501 6.2.2): one more round.
         */
        if (result->data.n > 0)
            challenge(login, result->data, LOGIN_FINAL);
        else
            log_in(login);
        return;
    case SASL_FAILED:
        refuse(login, result->code);
        return;
    case SASL_TEMPORARY:
        fail_temporarily(login, NULL);
        return;
    }
}

/* The client says which binding it means in its first message: "p=tls-exporter,,..." (RFC 5802 7). */
static struct slice binding_type(const struct imap_login *login, struct slice initial)
{
    struct slice head;
    struct slice rest;
    if (slice_starts(initial, S("p=")) && slice_cut(slice_from(initial, 2), ',', &head, &rest))
        return head;
    return strcmp(tls_version(conn_tls(login->conn)), "TLSv1.3") == 0 ? S("tls-exporter") : S("tls-unique");
}

static void begin(struct imap_login *login, struct slice initial, bool has_initial)
{
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_LOGIN_ARENA_MAX);
    CLEANUP(buf_release) struct buf binding = BUF(BINDING_MAX);
    struct sasl_start start = {
        .mechanism = login->mechanism,
        .door = DOOR_IMAP,
        .initial = initial,
        .has_initial = has_initial,
        .tls = conn_is_tls(login->conn),
        .sid = conn_sid(login->conn),
        .peer = slice_cstr(conn_peer(login->conn)),
    };
    if (has_initial)
        note_name(login, initial);
    if (login->mechanism == SASL_SCRAM_SHA_256_PLUS) {
        start.binding_type = binding_type(login, initial);
        if (!tls_channel_binding(conn_tls(login->conn), start.binding_type, &binding)) {
            answer(login, "BAD This connection has no such channel binding");
            return;
        }
        start.binding = buf_slice(&binding);
    }
    struct sasl_result result;
    struct error error;
    enum err err = link_sasl_begin(login->options->link, &start, &arena, &result, &error);
    go_on(login, err, &result, &error);
}

static void step(struct imap_login *login, struct slice response)
{
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_LOGIN_ARENA_MAX);
    struct sasl_result result;
    struct error error;
    if (login->mechanism == SASL_LOGIN && login->name[0] == 0)
        note_name(login, response);
    enum err err = link_sasl_step(login->options->link, login->exchange, response, &arena, &result, &error);
    go_on(login, err, &result, &error);
}

static bool begin_command(struct imap_login *login, const struct imap_command *command,
                          enum sasl_mechanism mechanism)
{
    login->mechanism = mechanism;
    login->name[0] = 0;
    if (!set_tag(login, command->tag))
        return false;
    if (imap_login_mechanism_allowed(login, mechanism))
        return true;
    answer(login, "NO [PRIVACYREQUIRED] Use STARTTLS first: a password is not sent in the clear");
    return false;
}

void imap_login_with_password(struct imap_login *login, const struct imap_command *command)
{
    if (!begin_command(login, command, SASL_PLAIN))
        return;
    struct slice user = command->login.user;
    struct slice password = command->login.password;
    CLEANUP(buf_release) struct buf plain = BUF(SASL_MESSAGE_MAX);
    buf_putc(&plain, 0);
    buf_put(&plain, user);
    buf_putc(&plain, 0);
    buf_put(&plain, password);
    if (buf_failed(&plain)) {
        answer(login, "NO [LIMIT] The name or the password is too long");
        return;
    }
    begin(login, buf_slice(&plain), true);
    explicit_bzero(plain.p, plain.n);
}

/* False: not base64, or too long; answered. */
static bool decode(struct imap_login *login, struct slice line, struct buf *out)
{
    if (slice_eq(line, S("="))) /* RFC 4959 3: an empty initial response */
        return true;
    if (base64_decode(out, line) && !buf_failed(out))
        return true;
    answer(login, "BAD That is no base64, or too long");
    return false;
}

void imap_login_authenticate(struct imap_login *login, const struct imap_command *command)
{
    enum sasl_mechanism mechanism;
    if (!sasl_mechanism_find(command->authenticate.mechanism, &mechanism)) {
        imap_login_answer(login, command->tag, "NO [CANNOT] We don't know this mechanism");
        return;
    }
    if (!begin_command(login, command, mechanism))
        return;
    CLEANUP(buf_release) struct buf initial = BUF(SASL_MESSAGE_MAX);
    if (command->authenticate.has_initial) {
        if (decode(login, command->authenticate.initial, &initial))
            begin(login, buf_slice(&initial), true);
    } else if (mechanism == SASL_LOGIN) {
        begin(login, slice_none(), false);
    } else {
        challenge(login, slice_none(), LOGIN_FIRST);
    }
    if (initial.n > 0)
        explicit_bzero(initial.p, initial.n);
}

void imap_login_response(struct imap_login *login, struct slice line)
{
    if (slice_eq(line, S("*"))) {
        imap_login_cancel(login);
        answer(login, "BAD AUTHENTICATE was cancelled");
        return;
    }
    enum imap_login_state state = login->state;
    CLEANUP(buf_release) struct buf response = BUF(SASL_MESSAGE_MAX);
    if (slice_eq(line, S("=")) || !base64_decode(&response, line) || buf_failed(&response)) {
        imap_login_cancel(login);
        answer(login, "BAD That is no base64, or too long");
    } else if (state == LOGIN_FIRST) {
        begin(login, buf_slice(&response), true);
    } else if (state == LOGIN_STEP) {
        step(login, buf_slice(&response));
    } else if (response.n > 0) {
        imap_login_cancel(login);
        answer(login, "BAD An empty line was expected");
    } else {
        log_in(login);
    }
    if (response.n > 0)
        explicit_bzero(response.p, response.n);
}
