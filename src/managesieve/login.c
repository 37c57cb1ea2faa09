/*
 * Before log-in, in the edge: AUTHENTICATE, STARTTLS, CAPABILITY, NOOP, LOGOUT. Whoever has logged in is
 * handed over to store, which says OK.
 */
#include <sodium.h>
#include <stdlib.h>

#include "base/fdio.h"
#include "base/log.h"
#include "managesieve/capability.h"
#include "managesieve/managesieve.h"
#include "managesieve/reader.h"

struct managesieve_login {
    struct guest *guest;
    struct conn *conn;
    struct managesieve_reader reader;
    struct arena arena; /* of one command */
    struct login login;
    bool in_auth; /* the next line answers a challenge */
    unsigned errors;
};

typedef void login_verb_fn(struct managesieve_login *session, struct cursor *arguments);

static void wait_for_command(struct managesieve_login *session)
{
    conn_expect(session->conn, &session->reader.reader, MANAGESIEVE_LOGIN_IDLE_US);
}

static void speak(struct managesieve_login *session, enum words_status status, const char *code,
                  const char *text)
{
    words_answer(session->conn, status, code, session->login.tongue, slice_cstr(text));
}

static void deny(struct managesieve_login *session, const char *code, const char *text)
{
    if (++session->errors < MANAGESIEVE_ERRORS_MAX) {
        speak(session, WORDS_NO, code, text);
        return;
    }
    speak(session, WORDS_BYE, NULL, "too many errors");
    conn_close(session->conn);
}

static void put_capabilities(struct managesieve_login *session)
{
    const struct guest *guest = session->guest;
    struct managesieve_offer offer = {.starttls = guest->tls != NULL && !conn_is_tls(session->conn)};
    for (unsigned m = 0; m < SASL_MECHANISMS; m++)
        if (login_offers(session->conn, (enum sasl_mechanism)m, guest->settings))
            offer.mechanisms |= UINT64_C(1) << m;
    managesieve_put_capabilities(conn_output(session->conn), &offer);
    conn_wrote(session->conn);
}

/* What is said first, and again when TLS is on (RFC 5804 2.2). */
static void greet(struct managesieve_login *session)
{
    CLEANUP(buf_release) struct buf text = BUF(ERROR_CLIENT_MAX);
    put_capabilities(session);
    buf_printf(&text, "%s ManageSieve", session->guest->settings->hostname);
    words_answer(session->conn, WORDS_OK, NULL, (struct tongue){0}, buf_slice(&text));
}

static void hand_over(struct managesieve_login *session)
{
    const struct login_refusals refusals = {S("BYE (TRYLATER) \"too many sessions\"\r\n"),
                                            S("BYE (TRYLATER) \"temporarily unavailable\"\r\n")};
    login_hand_over(&session->login, slice_none(), &refusals);
}

static void count_failure(struct managesieve_login *session, const char *code, const char *text)
{
    if (session->login.failures < LOGIN_FAILURES_MAX) {
        deny(session, code, text);
        return;
    }
    speak(session, WORDS_BYE, code, text);
    conn_close(session->conn);
}

static void answer(struct managesieve_login *session, enum login_status status, const struct error *error)
{
    struct login *login = &session->login;
    struct buf *out = conn_output(session->conn);
    session->in_auth = status == LOGIN_CHALLENGE;
    switch (status) {
    case LOGIN_CHALLENGE:
        words_put_string(out, buf_slice(&login->text));
        buf_put(out, S("\r\n"));
        conn_wrote(session->conn);
        return;
    case LOGIN_OK:
        hand_over(session);
        return;
    case LOGIN_FAILED:
        count_failure(session, NULL, "name or password is wrong");
        return;
    case LOGIN_CLOSED_DOOR:
        speak(session, WORDS_NO, NULL, error->client);
        return;
    case LOGIN_SLOW_DOWN:
        count_failure(session, "TRYLATER", "too many failed log-ins; wait a few minutes");
        return;
    case LOGIN_UNAVAILABLE:
        speak(session, WORDS_NO, "TRYLATER", "log-in is temporarily unavailable");
        return;
    case LOGIN_MALFORMED:
        break;
    }
    deny(session, NULL, "that is no valid answer");
}

static void do_authenticate(struct managesieve_login *session, struct cursor *arguments)
{
    const struct settings *settings = session->guest->settings;
    struct slice name, initial = slice_none();
    enum sasl_mechanism mechanism;
    struct error error;
    if (!words_string(arguments, &session->arena, &name) ||
        (!cursor_done(arguments) && !words_string(arguments, &session->arena, &initial)) ||
        !cursor_done(arguments))
        deny(session, NULL, "AUTHENTICATE needs a mechanism, and at most one answer");
    else if (!sasl_mechanism_find(name, &mechanism) || login_is_off(mechanism, settings))
        deny(session, NULL, "mechanism not known here");
    else if (!login_offers(session->conn, mechanism, settings))
        deny(session, mechanism == SASL_EXTERNAL ? NULL : "ENCRYPT-NEEDED",
             mechanism == SASL_EXTERNAL ? "that needs TLS with a certificate of yours"
                                        : "please start TLS first (STARTTLS)");
    else
        answer(session,
               login_begin(&session->login, mechanism, initial.p != NULL && initial.n == 0 ? S("=") : initial,
                           &error),
               &error);
}

/* A string; "*" gives up (RFC 5804 2.1). */
static void auth_answer(struct managesieve_login *session, struct slice line)
{
    CLEANUP(buf_release)
    struct buf with_blank = BUF(MANAGESIEVE_LOGIN_LINE_MAX + MANAGESIEVE_LOGIN_LITERAL_MAX);
    struct error error;
    struct slice text;
    session->in_auth = false;
    buf_putc(&with_blank, ' ');
    buf_put(&with_blank, line);
    struct cursor c = cursor_of(buf_slice(&with_blank));
    if (buf_failed(&with_blank) || !words_string(&c, &session->arena, &text) || !cursor_done(&c)) {
        login_cancel(&session->login);
        deny(session, NULL, "that is no valid answer");
    } else if (slice_eq(text, S("*"))) {
        login_cancel(&session->login);
        deny(session, NULL, "log-in given up");
    } else {
        answer(session, login_step(&session->login, text, &error), &error);
    }
    if (with_blank.p != NULL)
        sodium_memzero(with_blank.p, with_blank.n);
}

static void do_starttls(struct managesieve_login *session, struct cursor *arguments)
{
    if (!cursor_done(arguments)) {
        deny(session, NULL, "STARTTLS has no argument");
        return;
    }
    if (session->guest->tls == NULL || conn_is_tls(session->conn)) {
        deny(session, NULL, "TLS is on already, or not set up");
        return;
    }
    if (conn_has_pending(session->conn)) {
        speak(session, WORDS_BYE, NULL, "nothing may follow STARTTLS before TLS is on");
        conn_close(session->conn);
        return;
    }
    speak(session, WORDS_OK, NULL, "go ahead");
    conn_start_tls(session->conn, session->guest->tls);
}

static void do_capability(struct managesieve_login *session, struct cursor *arguments)
{
    if (!cursor_done(arguments)) {
        deny(session, NULL, "CAPABILITY has no argument");
        return;
    }
    put_capabilities(session);
    speak(session, WORDS_OK, NULL, "");
}

static void do_noop(struct managesieve_login *session, struct cursor *arguments)
{
    words_noop(session->conn, session->login.tongue, arguments, &session->arena);
}

static void do_logout(struct managesieve_login *session, struct cursor *arguments UNUSED)
{
    speak(session, WORDS_OK, NULL, "goodbye");
    conn_close(session->conn);
}

static const struct {
    struct slice name;
    login_verb_fn *run;
} verbs[] = {
    {{"AUTHENTICATE", 12}, do_authenticate},
    {{"STARTTLS", 8}, do_starttls},
    {{"CAPABILITY", 10}, do_capability},
    {{"NOOP", 4}, do_noop},
    {{"LOGOUT", 6}, do_logout},
};

static void run_command(struct managesieve_login *session, struct slice text)
{
    struct cursor c = cursor_of(text);
    struct slice name = words_verb(&c);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (slice_eq_nocase(verbs[i].name, name)) {
            verbs[i].run(session, &c);
            return;
        }
    }
    deny(session, NULL, "not known, or only after log-in");
}

static void on_ready(struct conn *conn UNUSED, void *context)
{
    struct managesieve_login *session = context;
    struct slice text = managesieve_reader_text(&session->reader);
    wait_for_command(session);
    arena_reset(&session->arena);
    if (session->in_auth)
        auth_answer(session, text);
    else
        run_command(session, text);
    if (session->reader.text.n > 0) /* it may hold a password */
        sodium_memzero(session->reader.text.p, session->reader.text.n);
}

static void on_failed(struct conn *conn, void *context)
{
    struct managesieve_login *session = context;
    login_cancel(&session->login);
    session->in_auth = false;
    if (session->reader.flooded) {
        speak(session, WORDS_BYE, NULL, "too much input that can't be used");
        conn_close(conn);
        return;
    }
    wait_for_command(session);
    deny(session, NULL, "the command is too long");
}

static void say_goodbye(struct conn *conn, void *context)
{
    speak(context, WORDS_BYE, "TRYLATER", "goodbye; please come again");
    conn_close(conn);
}

/* What was said in the clear is forgotten (RFC 5804 2.2). */
static void on_secured(struct conn *conn UNUSED, void *context)
{
    struct managesieve_login *session = context;
    guest_secured(session->guest);
    greet(session);
}

static void on_closed(void *context)
{
    struct managesieve_login *session = context;
    login_release(&session->login);
    managesieve_reader_release(&session->reader);
    arena_release(&session->arena);
    session->guest->release(session->guest);
    free(session);
}

static const struct conn_handler handler = {
    .protocol = "managesieve",
    .ready = on_ready,
    .failed = on_failed,
    .expired = say_goodbye,
    .stopping = say_goodbye,
    .secured = on_secured,
    .closed = on_closed,
};

void managesieve_login_start(struct guest *guest)
{
    struct error error;
    struct managesieve_login *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        fd_close(&guest->fd);
        guest->release(guest);
        return;
    }
    session->guest = guest;
    session->arena = ARENA(LOGIN_ARENA_MAX);
    managesieve_reader_init(&session->reader, MANAGESIEVE_LOGIN_LINE_MAX, MANAGESIEVE_LOGIN_LITERAL_MAX);
    if (guest_open(guest, &handler, session, &session->conn, &error) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "managesieve.open", F_ERR(&error));
        return;
    }
    login_init(&session->login, guest->link, guest->guard, guest->settings, session->conn, DOOR_MANAGESIEVE);
    greet(session);
    wait_for_command(session);
    conn_start(session->conn, slice_none());
}
