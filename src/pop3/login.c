/*
 * POP3's AUTHORIZATION state, in the edge: USER and PASS, AUTH, STLS, UTF8, CAPA, QUIT. Whoever has logged in
 * is handed over to store, which says +OK.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/utf8.h"
#include "directory/saslprep.h"
#include "pop3/capability.h"
#include "pop3/language.h"
#include "pop3/pop3.h"
#include "rt/line_reader.h"

struct pop3_login {
    struct guest *guest;
    struct conn *conn;
    struct line_reader line;
    struct login login;
    struct buf user;
    bool utf8;    /* UTF8 was said */
    bool in_auth; /* the next line answers a challenge */
    unsigned errors;
};

typedef void login_verb_fn(struct pop3_login *session, struct slice argument);

static void wait_for_line(struct pop3_login *session)
{
    conn_expect(session->conn, &session->line.reader, POP3_LOGIN_IDLE_US);
}

static struct tongue tongue_of(const struct pop3_login *session)
{
    return (struct tongue){session->login.tongue.language, session->login.tongue.negotiated || session->utf8};
}

static void say(struct pop3_login *session, const char *start, const char *text)
{
    pop3_put_line(conn_output(session->conn), start, tongue_of(session), slice_cstr(text));
    conn_wrote(session->conn);
}

static void refuse(struct pop3_login *session, const char *text)
{
    say(session, "-ERR", text);
    if (++session->errors >= POP3_ERRORS_MAX) {
        say(session, "-ERR", "too many errors");
        conn_close(session->conn);
    }
}

static bool is_off(struct pop3_login *session, enum sasl_mechanism mechanism)
{
    return login_is_off(mechanism, session->guest->settings);
}

static bool offers(struct pop3_login *session, enum sasl_mechanism mechanism)
{
    return login_offers(session->conn, mechanism, session->guest->settings);
}

static void failed(struct pop3_login *session, const char *text)
{
    refuse(session, text);
    if (session->login.failures >= LOGIN_FAILURES_MAX)
        conn_close(session->conn);
}

static void hand_over(struct pop3_login *session)
{
    CLEANUP(buf_release) struct buf too_many = BUF(500);
    CLEANUP(buf_release) struct buf unavailable = BUF(500);
    pop3_put_line(&too_many, "-ERR", tongue_of(session), S("[SYS/TEMP] too many sessions"));
    pop3_put_line(&unavailable, "-ERR", tongue_of(session), S("[SYS/TEMP] temporarily unavailable"));
    const struct login_refusals refusals = {buf_slice(&too_many), buf_slice(&unavailable)};
    login_hand_over(&session->login, session->utf8 ? POP3_MODE_UTF8 : slice_none(), &refusals);
}

static void answer(struct pop3_login *session, enum login_status status, const struct error *error)
{
    char text[ERROR_CLIENT_MAX + 30];
    struct login *login = &session->login;
    session->in_auth = status == LOGIN_CHALLENGE;
    if (session->in_auth) {
        conn_printf(session->conn, "+ %.*s\r\n", SLICE_ARGS(buf_slice(&login->text)));
        return;
    }
    switch (status) {
    case LOGIN_OK:
        hand_over(session);
        break;
    case LOGIN_FAILED:
        failed(session, "[AUTH] name or password is wrong");
        break;
    case LOGIN_CLOSED_DOOR:
        snprintf(text, sizeof(text), "[AUTH] %s", error->client);
        say(session, "-ERR", text);
        break;
    case LOGIN_SLOW_DOWN:
        failed(session, "[SYS/TEMP] too many failed log-ins; wait a few minutes");
        break;
    case LOGIN_UNAVAILABLE:
        say(session, "-ERR", "[SYS/TEMP] log-in is temporarily unavailable");
        break;
    case LOGIN_CHALLENGE:
    case LOGIN_MALFORMED:
        refuse(session, "that is no valid answer");
        break;
    }
}

/* RFC 6856 2.2: no name and no password that is not UTF-8, or holds what SASLprep forbids. ASCII is as it
 * always was. */
static bool may_be_sent(struct slice text)
{
    bool ascii = true;
    for (size_t i = 0; i < text.n && ascii; i++)
        ascii = (unsigned char)text.p[i] < 0x80;
    if (ascii)
        return true;
    CLEANUP(buf_release) struct buf prepared = BUF(SASLPREP_MAX);
    bool good = utf8_valid(text) && saslprep(text, &prepared) == SASLPREP_OK;
    if (prepared.p != NULL)
        sodium_memzero(prepared.p, prepared.cap);
    return good;
}

static void do_user(struct pop3_login *session, struct slice argument)
{
    if (!offers(session, SASL_PLAIN)) {
        refuse(session,
               is_off(session, SASL_PLAIN) ? "USER is switched off here" : "please start TLS first (STLS)");
        return;
    }
    if (argument.n == 0 || argument.n > POP3_USER_MAX) {
        refuse(session, "USER needs a name");
        return;
    }
    if (!may_be_sent(argument)) {
        refuse(session, "a name is in UTF-8, without control characters");
        return;
    }
    buf_clear(&session->user);
    buf_put(&session->user, argument);
    if (buf_failed(&session->user))
        say(session, "-ERR", "[SYS/TEMP] log-in is temporarily unavailable");
    else
        say(session, "+OK", "and the password?");
}

/* The password is all of the rest of the line, blanks too. */
static void do_pass(struct pop3_login *session, struct slice argument)
{
    struct error error;
    if (session->user.n == 0) {
        refuse(session, "USER comes first");
        return;
    }
    enum login_status status = LOGIN_MALFORMED;
    if (may_be_sent(argument))
        status = login_password(&session->login, buf_slice(&session->user), argument, &error);
    if (session->line.line.n > 0)
        sodium_memzero(session->line.line.p, session->line.line.n);
    buf_clear(&session->user);
    answer(session, status, &error);
}

static void list_mechanisms(struct pop3_login *session)
{
    conn_write(session->conn, S("+OK\r\n"));
    for (unsigned m = 0; m < SASL_MECHANISMS; m++)
        if (offers(session, (enum sasl_mechanism)m))
            conn_printf(session->conn, "%s\r\n", sasl_mechanism_name((enum sasl_mechanism)m));
    conn_write(session->conn, S(".\r\n"));
}

static void do_auth(struct pop3_login *session, struct slice argument)
{
    struct slice name, initial;
    enum sasl_mechanism mechanism;
    struct error error;
    if (argument.n == 0) { /* what some clients ask before they know CAPA */
        list_mechanisms(session);
        return;
    }
    bool has_initial = slice_cut(argument, ' ', &name, &initial);
    if (!sasl_mechanism_find(name, &mechanism) || is_off(session, mechanism)) {
        refuse(session, "mechanism not known here");
        return;
    }
    if (!offers(session, mechanism)) {
        refuse(session, mechanism == SASL_EXTERNAL ? "that needs TLS with a certificate of yours"
                                                   : "please start TLS first (STLS)");
        return;
    }
    enum login_status status =
        login_begin(&session->login, mechanism, has_initial ? slice_trim(initial) : slice_none(), &error);
    answer(session, status, &error);
}

static void auth_answer(struct pop3_login *session, struct slice line)
{
    struct error error;
    struct login *login = &session->login;
    session->in_auth = false;
    if (slice_eq(line, S("*"))) {
        login_cancel(login);
        refuse(session, "log-in given up");
        return;
    }
    enum login_status status = login_step(login, line, &error);
    if (session->line.line.n > 0)
        sodium_memzero(session->line.line.p, session->line.line.n);
    answer(session, status, &error);
}

static void do_stls(struct pop3_login *session, struct slice argument)
{
    (void)argument;
    if (session->guest->tls == NULL || conn_is_tls(session->conn)) {
        refuse(session, "TLS is on already, or not set up");
        return;
    }
    if (session->utf8) { /* RFC 6856 2.1 */
        refuse(session, "STLS comes before UTF8");
        return;
    }
    if (conn_has_pending(session->conn)) {
        say(session, "-ERR", "nothing may follow STLS before TLS is on");
        conn_close(session->conn);
        return;
    }
    say(session, "+OK", "go ahead");
    conn_start_tls(session->conn, session->guest->tls);
}

static void do_capa(struct pop3_login *session, struct slice argument)
{
    struct buf *out = conn_output(session->conn);
    (void)argument;
    buf_put(out, S("+OK\r\n"));
    pop3_put_capabilities(out, POP3_EXPIRE_BEFORE_LOGIN);
    if (offers(session, SASL_PLAIN))
        buf_put(out, S("USER\r\n"));
    buf_put(out, S("SASL"));
    for (unsigned m = 0; m < SASL_MECHANISMS; m++)
        if (offers(session, (enum sasl_mechanism)m))
            buf_printf(out, " %s", sasl_mechanism_name((enum sasl_mechanism)m));
    buf_put(out, S("\r\n"));
    if (session->guest->tls != NULL && !conn_is_tls(session->conn))
        buf_put(out, S("STLS\r\n"));
    buf_put(out, S(".\r\n"));
    conn_wrote(session->conn);
}

/* RFC 6856 2.1 */
static void do_utf8(struct pop3_login *session, struct slice argument)
{
    if (slice_trim(argument).n > 0) {
        refuse(session, "UTF8 has no argument");
        return;
    }
    session->utf8 = true;
    say(session, "+OK", "UTF8 it is");
}

/* RFC 6856 3.2: "*" is English here, until it is known who it is. */
static void do_lang(struct pop3_login *session, struct slice argument)
{
    pop3_put_lang(conn_output(session->conn), argument, (struct tongue){0}, &session->login.tongue);
    conn_wrote(session->conn);
}

static void do_quit(struct pop3_login *session, struct slice argument)
{
    (void)argument;
    say(session, "+OK", "goodbye");
    conn_close(session->conn);
}

static const struct {
    struct slice name;
    login_verb_fn *run;
} verbs[] = {
    {{"USER", 4}, do_user}, {{"PASS", 4}, do_pass}, {{"AUTH", 4}, do_auth}, {{"STLS", 4}, do_stls},
    {{"CAPA", 4}, do_capa}, {{"UTF8", 4}, do_utf8}, {{"LANG", 4}, do_lang}, {{"QUIT", 4}, do_quit},
};

static void on_ready(struct conn *conn, void *context)
{
    struct pop3_login *session = context;
    struct slice name, argument;
    (void)conn;
    wait_for_line(session);
    if (session->in_auth) {
        auth_answer(session, line_reader_line(&session->line));
        return;
    }
    slice_cut(line_reader_line(&session->line), ' ', &name, &argument);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (slice_eq_nocase(verbs[i].name, slice_trim(name))) {
            verbs[i].run(session, argument);
            return;
        }
    }
    refuse(session, "not known, or only after log-in");
}

static void on_failed(struct conn *conn, void *context)
{
    struct pop3_login *session = context;
    (void)conn;
    login_cancel(&session->login);
    session->in_auth = false;
    wait_for_line(session);
    refuse(session, "line too long");
}

static void say_goodbye(struct conn *conn, void *context)
{
    say(context, "-ERR", "[SYS/TEMP] goodbye; please come again");
    conn_close(conn);
}

/* What was said in the clear is forgotten (RFC 2595 4). */
static void on_secured(struct conn *conn, void *context)
{
    struct pop3_login *session = context;
    (void)conn;
    guest_secured(session->guest);
    buf_clear(&session->user);
    session->login.tongue = (struct tongue){0};
}

static void on_closed(void *context)
{
    struct pop3_login *session = context;
    login_release(&session->login);
    line_reader_release(&session->line);
    buf_release(&session->user);
    session->guest->release(session->guest);
    free(session);
}

static const struct conn_handler handler = {
    .protocol = "pop3",
    .ready = on_ready,
    .failed = on_failed,
    .expired = say_goodbye,
    .stopping = say_goodbye,
    .secured = on_secured,
    .closed = on_closed,
};

void pop3_login_start(struct guest *guest)
{
    struct error error;
    struct pop3_login *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        fd_close(&guest->fd);
        guest->release(guest);
        return;
    }
    session->guest = guest;
    session->user = BUF(POP3_USER_MAX);
    line_reader_init(&session->line, POP3_LINE_MAX);
    if (guest_open(guest, &handler, session, &session->conn, &error) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "pop3.open", F_ERR(&error));
        return;
    }
    login_init(&session->login, guest->link, guest->guard, guest->settings, session->conn, DOOR_POP3);
    conn_printf(session->conn, "+OK %s POP3\r\n", guest->settings->hostname);
    wait_for_line(session);
    conn_start(session->conn, slice_none());
}
