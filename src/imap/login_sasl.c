/* LOGIN and AUTHENTICATE (RFC 3501 6.2.2, 6.2.3, RFC 4959), and the hand-over after them. */
#include "imap/capability.h"
#include "imap/login_internal.h"

bool imap_login_allowed(const struct imap_login *login)
{
    return login_offers(login->conn, SASL_PLAIN, login->guest->settings);
}

static void answer(struct imap_login *login, const char *text)
{
    imap_login_answer(login, slice_cstr(login->tag), text);
}

static void put_refusal(const struct imap_login *login, struct buf *out, const char *text)
{
    buf_printf(out, "%s NO ", login->tag);
    language_put_coded(out, login->login.tongue, slice_cstr(text));
    buf_put(out, S("\r\n* BYE "));
    language_put(out, login->login.tongue, S("Try again later"));
    buf_put(out, S("\r\n"));
}

static void hand_over(struct imap_login *login)
{
    CLEANUP(buf_release) struct buf too_many = BUF(IMAP_TAG_MAX + 500);
    CLEANUP(buf_release) struct buf unavailable = BUF(IMAP_TAG_MAX + 500);
    put_refusal(login, &too_many, "[LIMIT] This account has too many sessions");
    put_refusal(login, &unavailable, "[UNAVAILABLE] The mailbox can't be opened now");
    const struct login_refusals refusals = {buf_slice(&too_many), buf_slice(&unavailable)};
    login->closing = true; /* nothing more is expected here */
    login_hand_over(&login->login, slice_cstr(login->tag), &refusals);
}

static void failed(struct imap_login *login, const char *text)
{
    answer(login, text);
    if (login->login.failures >= LOGIN_FAILURES_MAX)
        imap_login_bye(login, "Too many failed log-ins");
}

static void go_on(struct imap_login *login, enum login_status status, const struct error *error)
{
    char text[ERROR_CLIENT_MAX + 30];
    login->in_exchange = status == LOGIN_CHALLENGE;
    switch (status) {
    case LOGIN_CHALLENGE:
        /* IMAP's OK has no room for a mechanism's last word (RFC 4422 4): that comes as a challenge too. */
        conn_printf(login->conn, "+ %.*s\r\n", SLICE_ARGS(buf_slice(&login->login.text)));
        break;
    case LOGIN_OK:
        hand_over(login);
        break;
    case LOGIN_FAILED:
        failed(login, "NO [AUTHENTICATIONFAILED] The name or the password is wrong");
        break;
    case LOGIN_CLOSED_DOOR:
        snprintf(text, sizeof(text), "NO [AUTHORIZATIONFAILED] %s", error->client);
        answer(login, text);
        break;
    case LOGIN_MALFORMED:
        answer(login, "BAD That is no valid response");
        break;
    case LOGIN_SLOW_DOWN:
        failed(login, "NO [LIMIT] Too many failed log-ins; wait a few minutes");
        break;
    case LOGIN_UNAVAILABLE:
        answer(login, "NO [UNAVAILABLE] Log-in is not possible now; try again later");
        break;
    }
}

static bool begin_command(struct imap_login *login, const struct imap_command *command,
                          enum sasl_mechanism mechanism)
{
    if (command->tag.n > IMAP_TAG_MAX)
        return false;
    memcpy(login->tag, command->tag.p, command->tag.n);
    login->tag[command->tag.n] = 0;
    if (login_offers(login->conn, mechanism, login->guest->settings))
        return true;
    if (login_is_off(mechanism, login->guest->settings))
        answer(login, "NO [CANNOT] This way of logging in is switched off here");
    else if (mechanism == SASL_EXTERNAL)
        answer(login, "NO [CANNOT] This mechanism needs TLS with a certificate of yours");
    else if (sasl_scram_of(mechanism) != NULL)
        answer(login, "NO [CANNOT] This mechanism needs TLS");
    else
        answer(login, "NO [PRIVACYREQUIRED] Use STARTTLS first: a password is not sent in the clear");
    return false;
}

void imap_login_with_password(struct imap_login *login, const struct imap_command *command)
{
    struct error error;
    if (!begin_command(login, command, SASL_PLAIN))
        return;
    enum login_status status =
        login_password(&login->login, command->login.user, command->login.password, &error);
    go_on(login, status, &error);
}

void imap_login_authenticate(struct imap_login *login, const struct imap_command *command)
{
    enum sasl_mechanism mechanism;
    struct error error;
    if (!sasl_mechanism_find(command->authenticate.mechanism, &mechanism)) {
        imap_login_answer(login, command->tag, "NO [CANNOT] We don't know this mechanism");
        return;
    }
    if (command->authenticate.has_initial && !imap_capable(imap_login_off(login), S("SASL-IR"))) {
        imap_login_answer(login, command->tag, "BAD AUTHENTICATE takes the mechanism only");
        return;
    }
    if (!begin_command(login, command, mechanism))
        return;
    struct slice initial = command->authenticate.has_initial ? command->authenticate.initial : slice_none();
    go_on(login, login_begin(&login->login, mechanism, initial, &error), &error);
}

void imap_login_response(struct imap_login *login, struct slice line)
{
    struct error error;
    if (slice_eq(line, S("*"))) {
        login_cancel(&login->login);
        login->in_exchange = false;
        answer(login, "BAD AUTHENTICATE was cancelled");
        return;
    }
    go_on(login, login_step(&login->login, line, &error), &error);
}
