/* DATA (RFC 5321 4.1.1.4) and BDAT (RFC 3030): the message itself, and the moment when we take charge of it.
 */
#include "rt/metrics.h"
#include "smtp/session.h"

static void sink(void *context, struct slice s)
{
    struct smtp_session *session = context;
    if (smtp_reception_is(&session->reception))
        smtp_reception_put(&session->reception, s);
    else
        smtp_body_put(&session->body, s);
}

/* RFC 3848, RFC 6531 4.3. */
static const char *protocol_name(const struct smtp_session *session)
{
    bool utf8 = session->envelope.smtputf8;
    bool tls = conn_is_tls(session->conn);
    if (session->service == SMTP_LMTP)
        return utf8 ? (tls ? "UTF8LMTPS" : "UTF8LMTP") : (tls ? "LMTPS" : "LMTP");
    if (!session->extended)
        return "SMTP";
    if (session->logged_in)
        return utf8 ? (tls ? "UTF8SMTPSA" : "UTF8SMTPA") : (tls ? "ESMTPSA" : "ESMTPA");
    return utf8 ? (tls ? "UTF8SMTPS" : "UTF8SMTP") : (tls ? "ESMTPS" : "ESMTP");
}

/* One reply, or in LMTP one for each recipient (RFC 2033 4.2). */
static void reply_all(struct smtp_session *session, const char *text)
{
    size_t times = session->service == SMTP_LMTP ? session->envelope.recipient_count : 1;
    for (size_t i = 0; i < times; i++)
        smtp_reply(session, "%s", text);
}

static enum err hand_in(struct smtp_session *session, struct queue_id *ret_id, struct error *error)
{
    struct queue_envelope *e = &session->envelope;
    CLEANUP(buf_release) struct buf tls = BUF(200);
    if (conn_tls(session->conn) != NULL)
        buf_printf(&tls, "%s with %s", tls_version(conn_tls(session->conn)),
                   tls_cipher(conn_tls(session->conn)));
    e->protocol = slice_cstr(protocol_name(session));
    e->helo = buf_slice(&session->helo);
    e->peer = slice_cstr(conn_peer(session->conn));
    e->tls = buf_slice(&tls);
    struct slice inline_body = session->body.spool == 0 ? buf_slice(&session->body.memory) : slice_none();
    return link_accept(session->guest->link, smtp_ticket(session), e, inline_body, session->body.spool,
                       ret_id, error);
}

static void refuse_author(struct smtp_session *session, const struct error *error)
{
    char text[ERROR_CLIENT_MAX + 16];
    snprintf(text, sizeof(text), "550 5.7.1 %s", error->client);
    reply_all(session, text);
}

static void accept_message(struct smtp_session *session)
{
    CLEANUP(arena_release) struct arena judged = ARENA(JUDGE_ARENA_MAX);
    struct queue_id id;
    struct error error;
    if (smtp_reception_is(&session->reception) && !smtp_reception_judge(session, &judged))
        return;
    bool discarded;
    if (!smtp_milter_message(session, &discarded))
        return;
    if (discarded) {
        smtp_reply(session, "250 2.0.0 accepted");
        return;
    }
    enum err err = hand_in(session, &id, &error);
    if (err == ERR_OK) {
        char text[64 + ID_TEXT_MAX];
        char id_text[ID_TEXT_MAX];
        id_to_text(id.v, id_text);
        snprintf(text, sizeof(text), "250 2.0.0 accepted as %s", id_text);
        metric_count(MESSAGES, session->guest->protocol);
        metric_add(MESSAGE_BYTES, METRIC_ONE, session->body.size);
        smtp_body_accepted(&session->body);
        reply_all(session, text);
        return;
    }
    LOG(LOG_WARN, conn_sid(session->conn), "smtp.not_accepted", F_CSTR("code", err_name(err)), F_ERR(&error));
    if (err == ERR_DENIED)
        refuse_author(session, &error);
    else if (err == ERR_LIMIT)
        reply_all(session, "552 5.3.4 too large");
    else if (err == ERR_BUSY)
        reply_all(session, SMTP_SENT_ENOUGH);
    else if (err == ERR_QUOTA)
        reply_all(session, smtp_full_text(session));
    else
        reply_all(session, "451 4.3.0 temporarily unavailable; please try again later");
}

static void end_message(struct smtp_session *session, bool bare)
{
    if (smtp_reception_is(&session->reception))
        smtp_reception_finish(&session->reception);
    smtp_body_finish(&session->body);
    if (bare)
        reply_all(session, "554 5.6.0 lines must end in CRLF; this message has a bare CR or LF");
    else if (session->body.too_large)
        reply_all(session, "552 5.3.4 the message is too large");
    else if (session->reception.too_long)
        reply_all(session, "552 5.3.4 the header is too large");
    else if (session->body.failed)
        reply_all(session, "451 4.3.0 no room for the message now; please try again later");
    else
        accept_message(session);
    session->commands = 0;
    smtp_reset(session);
}

void smtp_data(struct smtp_session *session, struct slice argument)
{
    (void)argument;
    if (session->envelope.binary) {
        smtp_refuse(session, "503 5.5.1 BINARYMIME needs BDAT"); /* RFC 3030 3 */
        return;
    }
    smtp_reception_begin(session);
    dot_reader_init(&session->dot, sink, session);
    smtp_reply(session, "354 go ahead; end with a line that has only a dot");
    smtp_expect(session, INPUT_DATA);
}

void smtp_data_complete(struct smtp_session *session)
{
    smtp_expect(session, INPUT_COMMAND);
    end_message(session, session->dot.bare);
}

static void swallow(void *context, struct slice s)
{
    (void)context;
    (void)s;
}

bool smtp_begin_chunk(struct smtp_session *session, bool last, uint64_t size)
{
    bool in_order = session->state == SMTP_STATE_RCPT || session->state == SMTP_STATE_CHUNKS;
    if (session->state != SMTP_STATE_CHUNKS)
        chunk_reader_init(&session->chunk, in_order ? sink : swallow, session);
    if (session->state == SMTP_STATE_RCPT)
        smtp_reception_begin(session);
    if (in_order)
        session->state = SMTP_STATE_CHUNKS;
    session->last_chunk = last;
    chunk_reader_expect(&session->chunk, size);
    return in_order;
}

/* The chunk follows the command at once, whatever we think of it: so it is always read (RFC 3030 2). */
void smtp_bdat(struct smtp_session *session, struct slice argument)
{
    struct cursor c = cursor_of(argument);
    uint64_t size;
    bool readable = cursor_u64(&c, &size);
    bool last = cursor_take_while(&c, S(" ")).n > 0 && cursor_skip_nocase(&c, S("LAST"));
    if (!readable || !cursor_done(&c)) {
        /* Nobody knows where the next command starts. */
        smtp_reply(session, "501 5.5.4 BDAT size [LAST] was expected");
        conn_close(session->conn);
        return;
    }
    (void)smtp_begin_chunk(session, last, size);
    if (size == 0)
        smtp_chunk_complete(session);
    else
        smtp_expect(session, INPUT_CHUNK);
}

void smtp_chunk_complete(struct smtp_session *session)
{
    bool text = !session->envelope.binary;
    smtp_expect(session, INPUT_COMMAND);
    if (session->state != SMTP_STATE_CHUNKS) {
        smtp_refuse(session, "503 5.5.1 BDAT is out of order here");
        return;
    }
    if (session->last_chunk) {
        end_message(session, text && (session->chunk.bare || session->chunk.last == '\r'));
    } else if (session->body.too_large) {
        smtp_refuse(session, "552 5.3.4 the message is too large");
        smtp_reset(session);
    } else {
        smtp_reply(session, "250 2.0.0 chunk received");
    }
}
