#include <stdlib.h>

#include "base/fdio.h"
#include "base/log.h"
#include "imap/capability.h"
#include "imap/login_internal.h"

static bool may_start_tls(const struct imap_login *login)
{
    return login->guest->tls != NULL && !conn_is_tls(login->conn);
}

static void put_capabilities(const struct imap_login *login, struct buf *out)
{
    imap_put_capabilities(out, false, imap_login_off(login), login->guest->settings);
    if (may_start_tls(login))
        buf_put(out, S(" STARTTLS"));
    if (!imap_login_allowed(login))
        buf_put(out, S(" LOGINDISABLED"));
    for (int mechanism = 0; mechanism < SASL_MECHANISMS; mechanism++)
        if (login_offers(login->conn, (enum sasl_mechanism)mechanism, login->guest->settings))
            buf_printf(out, " AUTH=%s", sasl_mechanism_name((enum sasl_mechanism)mechanism));
}

static void put_capability_response(const struct imap_login *login, struct buf *out)
{
    buf_put(out, S("* CAPABILITY "));
    put_capabilities(login, out);
    buf_put(out, S("\r\n"));
}

void imap_login_answer(struct imap_login *login, struct slice tag, const char *text)
{
    struct buf *out = conn_output(login->conn);
    struct slice status, sentence;
    (void)slice_cut(slice_cstr(text), ' ', &status, &sentence);
    buf_put(out, tag.n > 0 ? tag : S("*"));
    buf_putc(out, ' ');
    buf_put(out, status);
    buf_putc(out, ' ');
    language_put_coded(out, login->login.tongue, sentence);
    buf_put(out, S("\r\n"));
    conn_wrote(login->conn);
}

void imap_login_bye(struct imap_login *login, const char *text)
{
    if (login->closing)
        return;
    login->closing = true;
    struct buf *out = conn_output(login->conn);
    buf_put(out, S("* BYE "));
    language_put_coded(out, login->login.tongue, slice_cstr(text));
    buf_put(out, S("\r\n"));
    conn_wrote(login->conn);
    conn_close(login->conn);
}

static void start_tls(struct imap_login *login, struct slice tag)
{
    if (!may_start_tls(login)) {
        imap_login_answer(login, tag, "BAD TLS is not to be had here, or is there already");
    } else if (conn_has_pending(login->conn)) {
        /* What was sent in the clear must not be read as if TLS had protected it (RFC 3207 4.2, RFC
         * 9051 11.3). */
        imap_login_answer(login, tag, "BAD Nothing may follow STARTTLS before our answer");
        imap_login_bye(login, "Commands were sent behind STARTTLS");
    } else {
        imap_login_answer(login, tag, "OK Begin TLS negotiation now");
        conn_start_tls(login->conn, login->guest->tls);
    }
}

/* What is switched off for this client is unknown from now on, and store hears of it. */
static void identify(struct imap_login *login, const struct imap_command *command, struct buf *out)
{
    CLEANUP(buf_release) struct buf off = BUF(IMAP_OFF_MAX);
    struct slice name, version;
    /* The version is nobody's business yet. */
    buf_put(out, S("* ID (\"name\" \"Posthorn\")\r\n"));
    imap_id_of(command, &name, &version);
    buf_put(&off, imap_login_off(login));
    char *added =
        imap_add_off_for(&off, login->guest->settings, name, version) ? slice_to_cstr(buf_slice(&off)) : NULL;
    if (added == NULL)
        return;
    free(login->off);
    login->off = added;
    login->login.capabilities_off = slice_cstr(added);
    login->reader.limits.plus_max = imap_literal_plus_max(imap_login_off(login));
    put_capability_response(login, out);
}

static const char *choose_language(struct imap_login *login, const struct imap_languages *ranges)
{
    static const struct tongue by_default = {0};
    struct buf *out = conn_output(login->conn);
    if (ranges->count == 0)
        imap_put_languages(out);
    else if (!imap_choose_language(ranges, &by_default, &login->login.tongue, out))
        return "NO " IMAP_LANGUAGE_UNKNOWN;
    return "OK Completed";
}

static void run_verb(struct imap_login *login, const struct imap_command *command)
{
    struct conn *conn = login->conn;
    struct buf *out = conn_output(conn);
    const char *answer = "OK Completed";
    switch (command->verb) {
    case IMAP_VERB_CAPABILITY:
        put_capability_response(login, out);
        break;
    case IMAP_VERB_NOOP:
        break;
    case IMAP_VERB_ID:
        identify(login, command, out);
        break;
    case IMAP_VERB_LANGUAGE:
        answer = choose_language(login, &command->languages);
        break;
    case IMAP_VERB_LOGOUT:
        imap_login_answer(login, slice_none(), "BYE Logging out");
        login->closing = true;
        break;
    case IMAP_VERB_STARTTLS:
        start_tls(login, command->tag);
        return;
    case IMAP_VERB_LOGIN:
        imap_login_with_password(login, command);
        return;
    case IMAP_VERB_AUTHENTICATE:
        imap_login_authenticate(login, command);
        return;
    default:
        imap_login_answer(login, command->tag, "BAD Log in first");
        login->errors_in_a_row++;
        return;
    }
    conn_wrote(conn);
    imap_login_answer(login, command->tag, answer);
    if (login->closing)
        conn_close(conn);
}

static void run_command(struct imap_login *login)
{
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_LOGIN_ARENA_MAX);
    struct imap_parser parser = {
        .text = cursor_of(imap_reader_text(&login->reader)), .arena = &arena, .off = imap_login_off(login)};
    struct imap_command command;
    if (imap_command_parse(&parser, &command)) {
        login->errors_in_a_row =
            (imap_verb_states(command.verb) & IMAP_IN_LOGIN) ? 0 : login->errors_in_a_row;
        run_verb(login, &command);
    } else {
        char text[ERROR_CLIENT_MAX];
        snprintf(text, sizeof(text), "BAD %s", parser.problem);
        imap_login_answer(login, command.tag, text);
        login->errors_in_a_row++;
    }
    if (login->errors_in_a_row >= IMAP_LOGIN_ERRORS_MAX)
        imap_login_bye(login, "Too many errors");
}

/* One complete unit. */
static void serve_unit(struct imap_login *login)
{
    if (login->in_exchange)
        imap_login_response(login, imap_reader_text(&login->reader));
    else
        run_command(login);
    imap_reader_clear(&login->reader);
    login->reader.raw = login->in_exchange;
}

static void refuse_unit(struct imap_login *login)
{
    enum imap_reader_failure failure = login->reader.failure;
    char text[ERROR_CLIENT_MAX];
    if (failure == IMAP_READER_FLOOD || login->in_exchange) {
        login_cancel(&login->login);
        imap_login_bye(login, imap_reader_failure_text(failure));
    } else {
        snprintf(text, sizeof(text), "%s %s", imap_reader_failure_status(failure),
                 imap_reader_failure_text(failure));
        imap_login_answer(login, slice_cstr(login->reader.tag), text);
        if (++login->errors_in_a_row >= IMAP_LOGIN_ERRORS_MAX)
            imap_login_bye(login, "Too many errors");
    }
    imap_reader_clear(&login->reader);
}

static void expect_next(struct imap_login *login)
{
    if (!login->closing)
        conn_expect(login->conn, &login->reader.reader, IMAP_LOGIN_TIMEOUT_US);
}

static void ready(struct conn *conn, void *session)
{
    (void)conn;
    serve_unit(session);
    expect_next(session);
}

static void failed(struct conn *conn, void *session)
{
    struct imap_login *login = session;
    (void)conn;
    refuse_unit(login);
    expect_next(login);
}

static void expired(struct conn *conn, void *session)
{
    (void)conn;
    imap_login_bye(session, "Nobody logged in");
}

static void stopping(struct conn *conn, void *session)
{
    (void)conn;
    imap_login_bye(session, "[UNAVAILABLE] The server is stopping; come back in a moment");
}

static void closed(void *session)
{
    struct imap_login *login = session;
    login_release(&login->login);
    imap_reader_clear(&login->reader);
    free(login->off);
    login->guest->release(login->guest);
    free(login);
}

static void greet(struct imap_login *login)
{
    CLEANUP(buf_release) struct buf capabilities = BUF(4096);
    put_capabilities(login, &capabilities);
    conn_printf(login->conn, "* OK [CAPABILITY %.*s] %s Posthorn ready\r\n",
                SLICE_ARGS(buf_slice(&capabilities)), login->guest->settings->hostname);
}

/* Implicit TLS greets now, as what we can do depends on TLS; after STARTTLS nothing is said (RFC
 * 3501 6.2.1).
 */
static void secured(struct conn *conn, void *session)
{
    struct imap_login *login = session;
    (void)conn;
    guest_secured(login->guest);
    if (login->guest->tls_first)
        greet(login);
    login->login.tongue = (struct tongue){0}; /* who knows who has chosen it (RFC 5255 3.1) */
    imap_reader_clear(&login->reader);
    expect_next(login);
}

static const struct conn_handler handler = {
    .protocol = "imap",
    .ready = ready,
    .failed = failed,
    .expired = expired,
    .stopping = stopping,
    .secured = secured,
    .closed = closed,
};

static struct imap_login *open_login(struct guest *guest)
{
    struct error error;
    struct imap_login *login = calloc(1, sizeof(*login));
    if (login == NULL) {
        fd_close(&guest->fd);
        if (guest->conn != NULL)
            conn_close(guest->conn);
        guest->release(guest);
        return NULL;
    }
    login->guest = guest;
    imap_reader_init(&login->reader,
                     &(struct imap_reader_limits){.line_max = IMAP_LOGIN_LINE_MAX,
                                                  .literal_max = IMAP_LOGIN_LITERAL_MAX,
                                                  .plus_max = imap_literal_plus_max(imap_login_off(login))});
    if (guest_open(guest, &handler, login, &login->conn, &error) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "imap.open", F_ERR(&error));
        return NULL;
    }
    login_init(&login->login, guest->link, guest->guard, guest->settings, login->conn, DOOR_IMAP);
    login->login.home = guest->home;
    return login;
}

void imap_login_start(struct guest *guest)
{
    struct imap_login *login = open_login(guest);
    if (login == NULL)
        return;
    if (!guest->tls_first)
        greet(login);
    expect_next(login);
    conn_start(login->conn, slice_none());
}

void imap_login_resume(struct guest *guest, struct slice pending)
{
    struct imap_login *login = open_login(guest);
    if (login == NULL)
        return;
    expect_next(login);
    if (guest->conn == NULL)
        conn_start(login->conn, pending);
}
