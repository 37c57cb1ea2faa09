/* AUTH (RFC 4954). */
#include <sodium.h>

#include "smtp/session.h"

static void logged_in(struct smtp_session *session)
{
    struct login *login = &session->login;
    session->logged_in = true;
    buf_clear(&session->account);
    buf_put(&session->account, login->result.address);
    memcpy(session->ticket, login->result.ticket, TICKET_SIZE);
    smtp_reply(session, "235 2.7.0 welcome");
}

static void failed(struct smtp_session *session, const char *text)
{
    smtp_refuse(session, "%s", text);
    if (session->login.failures >= LOGIN_FAILURES_MAX) {
        smtp_reply(session, "421 4.7.0 too many failed log-ins");
        conn_close(session->conn);
    }
}

static void answer(struct smtp_session *session, enum login_status status, struct error *error)
{
    struct login *login = &session->login;
    smtp_expect(session, status == LOGIN_CHALLENGE ? INPUT_AUTH : INPUT_COMMAND);
    switch (status) {
    case LOGIN_CHALLENGE:
        smtp_reply(session, "334 %.*s", SLICE_ARGS(buf_slice(&login->text)));
        break;
    case LOGIN_OK:
        logged_in(session);
        break;
    case LOGIN_FAILED:
        failed(session, "535 5.7.8 name or password is wrong");
        break;
    case LOGIN_CLOSED_DOOR:
        smtp_refuse(session, "535 5.7.8 %s", error->client);
        break;
    case LOGIN_MALFORMED:
        smtp_refuse(session, "501 5.5.2 that is no valid answer");
        break;
    case LOGIN_SLOW_DOWN:
        failed(session, "454 4.7.0 too many failed log-ins; wait a few minutes");
        break;
    case LOGIN_UNAVAILABLE:
        smtp_reply(session, "454 4.7.0 log-in is temporarily unavailable; please try again later");
        break;
    }
}

void smtp_auth(struct smtp_session *session, struct slice argument)
{
    struct slice name, initial;
    enum sasl_mechanism mechanism;
    struct error error;
    if (!smtp_is_submission(session) || !session->extended) {
        smtp_refuse(session, "503 5.5.1 AUTH is for the submission ports 465 and 587");
        return;
    }
    if (session->logged_in) {
        smtp_refuse(session, "503 5.5.1 you are logged in already");
        return;
    }
    bool has_initial = slice_cut(argument, ' ', &name, &initial);
    if (!sasl_mechanism_find(name, &mechanism) || login_is_off(mechanism, session->settings)) {
        smtp_refuse(session, "504 5.5.4 mechanism not known here");
        return;
    }
    if (!login_offers(session->conn, mechanism, session->settings)) {
        smtp_refuse(session, "%s",
                    mechanism == SASL_EXTERNAL ? "504 5.5.4 that needs TLS with a certificate of yours"
                                               : "538 5.7.11 please start TLS first");
        return;
    }
    enum login_status status =
        login_begin(&session->login, mechanism, has_initial ? slice_trim(initial) : slice_none(), &error);
    answer(session, status, &error);
}

void smtp_auth_answer(struct smtp_session *session, struct slice line)
{
    struct error error;
    struct login *login = &session->login;
    if (slice_eq(line, S("*"))) {
        login_cancel(login);
        smtp_expect(session, INPUT_COMMAND);
        smtp_refuse(session, "501 5.0.0 log-in given up");
        return;
    }
    enum login_status status = login_step(login, line, &error);
    if (session->line.line.n > 0)
        sodium_memzero(session->line.line.p, session->line.line.n);
    answer(session, status, &error);
}
