#include "smtp/session.h"

#include "base/fdio.h"
#include <stdlib.h>

struct verb {
    struct slice name;
    smtp_verb_fn *handler;
    unsigned states;
    unsigned flags;
};

#define X(name, handler, states, flags) {{name, sizeof(name) - 1}, handler, states, flags},
static const struct verb verbs[] = {SMTP_VERB_TABLE(X)};
#undef X

void smtp_reply(struct smtp_session *session, const char *format, ...)
{
    va_list args;
    struct buf *out = conn_output(session->conn);
    size_t before = out->n;
    va_start(args, format);
    buf_vprintf(out, format, args);
    va_end(args);
    smtp_count_refusal(slice_from(buf_slice(out), before));
    buf_put(out, S("\r\n"));
    conn_wrote(session->conn);
}

void smtp_refuse(struct smtp_session *session, const char *format, ...)
{
    va_list args;
    struct buf *out = conn_output(session->conn);
    size_t before = out->n;
    va_start(args, format);
    buf_vprintf(out, format, args);
    va_end(args);
    smtp_count_refusal(slice_from(buf_slice(out), before));
    buf_put(out, S("\r\n"));
    conn_wrote(session->conn);
    session->errors++;
}

const char *smtp_full_text(const struct smtp_session *session)
{
    return session->settings->full_mailbox_refuse ? "552 5.2.2 the mailbox is full"
                                                  : "452 4.2.2 the mailbox is full; try again later";
}

void smtp_reply_unavailable(struct smtp_session *session, const struct error *error)
{
    LOG(LOG_WARN, conn_sid(session->conn), "smtp.unavailable", F_ERR(error));
    smtp_reply(session, "451 4.3.0 temporarily unavailable; please try again later");
}

bool smtp_is_stranger(const struct smtp_session *session)
{
    return session->service == SMTP_RELAY && session->guest->judge != NULL &&
           !settings_trust(session->settings, conn_peer(session->conn));
}

struct slice smtp_ticket(const struct smtp_session *session)
{
    return session->logged_in ? slice_of(session->ticket, TICKET_SIZE) : slice_none();
}

void smtp_expect(struct smtp_session *session, enum smtp_input input)
{
    struct reader *readers[] = {
        [INPUT_COMMAND] = &session->line.reader, [INPUT_EARLY] = &session->early,
        [INPUT_AUTH] = &session->line.reader,    [INPUT_DATA] = &session->dot.reader,
        [INPUT_CHUNK] = &session->chunk.reader,
    };
    session->input = input;
    conn_expect(session->conn, readers[input],
                input == INPUT_EARLY ? session->settings->greeting_delay_seconds * CLOCK_SECOND
                                     : SMTP_IDLE_US);
}

void smtp_reset(struct smtp_session *session)
{
    smtp_reception_drop(&session->reception);
    smtp_body_drop(&session->body);
    smtp_guard_forget(session);
    smtp_milter_forget(session);
    arena_reset(&session->arena);
    session->envelope = (struct queue_envelope){0};
    session->recipients_cap = 0;
    session->announced_size = 0;
    if (session->state != SMTP_STATE_START)
        session->state = SMTP_STATE_READY;
}

static const struct verb *find_verb(const struct smtp_session *session, struct slice name)
{
    unsigned kind = session->service == SMTP_LMTP ? VERB_LMTP : VERB_SMTP;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if ((verbs[i].flags & kind) != 0 && slice_eq_nocase(verbs[i].name, name) &&
            ((verbs[i].flags & VERB_SUBMISSION) == 0 || smtp_is_submission(session)))
            return &verbs[i];
    return NULL;
}

static void run_command(struct smtp_session *session, struct slice line)
{
    struct slice name, argument;
    slice_cut(line, ' ', &name, &argument);
    argument = slice_trim(argument);
    const struct verb *verb = find_verb(session, name);
    if (verb == NULL)
        smtp_refuse(session, "500 5.5.1 command not known");
    else if ((verb->states & session->state) == 0)
        smtp_refuse(session, "503 5.5.1 %.*s is out of order here", SLICE_ARGS(verb->name));
    else if ((verb->flags & VERB_NO_ARGUMENT) != 0 && argument.n > 0)
        smtp_refuse(session, "501 5.5.4 %.*s takes no argument", SLICE_ARGS(verb->name));
    else if ((verb->flags & VERB_NEEDS_LOGIN) != 0 && smtp_is_submission(session) && !session->logged_in)
        smtp_refuse(session, "530 5.7.0 please log in first");
    else
        verb->handler(session, argument);
}

static void serve_command(struct smtp_session *session)
{
    struct slice line = line_reader_line(&session->line);
    smtp_expect(session, INPUT_COMMAND);
    if (session->line.bare_lf) {
        /* RFC 5321 2.3.8; what was meant as two commands by one server must not be one to another. */
        smtp_reply(session, "500 5.5.2 lines must end in CRLF");
        conn_close(session->conn);
        return;
    }
    if (++session->commands > SMTP_COMMANDS_MAX) {
        smtp_reply(session, "421 4.7.0 too many commands");
        conn_close(session->conn);
        return;
    }
    run_command(session, line);
    if (session->errors >= SMTP_ERRORS_MAX) {
        smtp_reply(session, "421 4.7.0 too many errors");
        conn_close(session->conn);
    }
}

static void on_ready(struct conn *conn, void *context)
{
    struct smtp_session *session = context;
    (void)conn;
    switch (session->input) {
    case INPUT_COMMAND:
        serve_command(session);
        break;
    case INPUT_EARLY:
        smtp_guard_early(session);
        break;
    case INPUT_AUTH:
        smtp_auth_answer(session, line_reader_line(&session->line));
        break;
    case INPUT_DATA:
        smtp_data_complete(session);
        break;
    case INPUT_CHUNK:
        smtp_chunk_complete(session);
        break;
    }
}

/* Whatever comes is too early. */
static enum reader_status feed_early(struct reader *reader, struct slice in, size_t *ret_used,
                                     struct buf *out)
{
    (void)reader;
    (void)in;
    (void)out;
    *ret_used = 0;
    return READER_DONE;
}

/* Only lines can be too long. */
static void on_failed(struct conn *conn, void *context)
{
    struct smtp_session *session = context;
    login_cancel(&session->login);
    smtp_expect(session, INPUT_COMMAND);
    smtp_refuse(session, "500 5.5.6 line too long");
    if (session->errors >= SMTP_ERRORS_MAX)
        conn_close(conn);
}

static void greet(struct smtp_session *session)
{
    smtp_reply(session, "220 %s %s Posthorn", session->settings->hostname,
               session->service == SMTP_LMTP ? "LMTP" : "ESMTP");
    smtp_expect(session, INPUT_COMMAND);
}

static void on_expired(struct conn *conn, void *context)
{
    struct smtp_session *session = context;
    if (session->input == INPUT_EARLY) {
        greet(session);
        return;
    }
    smtp_reply(session, "421 4.4.2 %s: nothing came for too long", session->settings->hostname);
    conn_close(conn);
}

static void on_stopping(struct conn *conn, void *context)
{
    struct smtp_session *session = context;
    smtp_reply(session, "421 4.3.2 %s: the server stops; please try again", session->settings->hostname);
    conn_close(conn);
}

static void forget_login(struct smtp_session *session)
{
    if (session->logged_in)
        link_ticket_release(session->guest->link, smtp_ticket(session));
    session->logged_in = false;
    buf_clear(&session->account);
}

/* RFC 3207 4.2: what was said before TLS is forgotten, a log-in too: it may have been somebody in between.
 * With implicit TLS the greeting is waiting to be sent.
 */
static void on_secured(struct conn *conn, void *context)
{
    struct smtp_session *session = context;
    (void)conn;
    if (session->guest->tls_first)
        return;
    guest_secured(session->guest);
    smtp_reset(session);
    login_cancel(&session->login);
    forget_login(session);
    smtp_milter_close(session);
    session->state = SMTP_STATE_START;
    session->extended = false;
    buf_clear(&session->helo);
}

static void on_closed(void *context)
{
    struct smtp_session *session = context;
    smtp_reception_drop(&session->reception);
    smtp_body_drop(&session->body);
    smtp_milter_release(session);
    login_release(&session->login);
    forget_login(session);
    line_reader_release(&session->line);
    arena_release(&session->arena);
    buf_release(&session->helo);
    buf_release(&session->account);
    session->guest->release(session->guest);
    free(session);
}

static const struct conn_handler handler = {
    .protocol = "smtp",
    .ready = on_ready,
    .failed = on_failed,
    .expired = on_expired,
    .stopping = on_stopping,
    .secured = on_secured,
    .closed = on_closed,
};

static struct smtp_session *session_create(struct guest *guest, enum smtp_service service)
{
    struct error error;
    struct smtp_session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return NULL;
    session->guest = guest;
    session->settings = guest->settings;
    session->service = service;
    if (smtp_milter_init(session, &error) != ERR_OK) {
        free(session);
        return NULL;
    }
    session->state = SMTP_STATE_START;
    session->helo = BUF(ADDRESS_DOMAIN_MAX);
    session->account = BUF(ADDRESS_MAX);
    session->arena = ARENA(SMTP_TRANSACTION_MAX);
    line_reader_init(&session->line, SMTP_LINE_MAX);
    session->early.feed = feed_early;
    smtp_guard_own_address(session, guest->fd);
    smtp_body_init(&session->body, guest->link, guest->settings->message_size_max);
    return session;
}

void smtp_start(struct guest *guest, enum smtp_service service)
{
    struct error error;
    struct smtp_session *session = session_create(guest, service);
    if (session == NULL) {
        fd_close(&guest->fd);
        guest->release(guest);
        return;
    }
    if (guest_open(guest, &handler, session, &session->conn, &error) != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "smtp.open", F_ERR(&error));
        return;
    }
    login_init(&session->login, guest->link, guest->guard, guest->settings, session->conn, DOOR_SUBMISSION);
    if (!smtp_guard_connection(session))
        conn_close(session->conn);
    else if (smtp_is_stranger(session) && session->settings->greeting_delay_seconds > 0)
        smtp_expect(session, INPUT_EARLY);
    else
        greet(session);
    conn_start(session->conn, slice_none());
}
