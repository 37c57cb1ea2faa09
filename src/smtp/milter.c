#include "authres/results.h"
#include "smtp/session.h"

enum err smtp_milter_init(struct smtp_session *session, struct error *error)
{
    if (session->guest->milters == NULL || session->service == SMTP_LMTP)
        return ERR_OK;
    return milters_create(session->guest->milters, session->settings, smtp_is_submission(session),
                          &session->milter.milters, error);
}

void smtp_milter_release(struct smtp_session *session)
{
    milters_destroy(take(session->milter.milters));
}

void smtp_milter_close(struct smtp_session *session)
{
    if (session->milter.milters != NULL)
        milters_close(session->milter.milters);
}

void smtp_milter_forget(struct smtp_session *session)
{
    if (session->milter.milters != NULL)
        milters_abort(session->milter.milters);
    session->milter.discarded = false;
}

static bool has_milters(const struct smtp_session *session)
{
    return session->milter.milters != NULL && !session->milter.discarded;
}

static struct milter_client describe(const struct smtp_session *session, char id[static ID_TEXT_MAX])
{
    const struct tls *tls = conn_tls(session->conn);
    id_to_text(conn_sid(session->conn).v, id);
    return (struct milter_client){
        .own_name = slice_cstr(session->settings->hostname),
        .peer = slice_cstr(conn_peer(session->conn)),
        .port = session->guest->peer_port,
        .helo = buf_slice(&session->helo),
        .id = slice_cstr(id),
        .account = buf_slice(&session->account),
        .tls = tls != NULL ? slice_cstr(tls_version(tls)) : slice_none(),
        .cipher = tls != NULL ? slice_cstr(tls_cipher(tls)) : slice_none(),
    };
}

/* False: the client has heard why not. */
static bool go_on(struct smtp_session *session, const char *step, const struct milters_verdict *verdict)
{
    const char *by = verdict->by != NULL ? verdict->by : "";
    if (verdict->failed)
        LOG(LOG_WARN, conn_sid(session->conn), "smtp.milter_failed", F_CSTR("milter", by), F_CSTR("at", step),
            F_ERR(&verdict->error));
    switch (verdict->verdict.outcome) {
    case MILTER_REFUSED:
        LOG(LOG_INFO, conn_sid(session->conn), "smtp.milter_refused", F_CSTR("milter", by),
            F_CSTR("at", step), F_CSTR("reply", verdict->verdict.reply));
        smtp_reply(session, "%s", verdict->verdict.reply);
        if (verdict->verdict.closes)
            conn_close(session->conn);
        return false;
    case MILTER_DISCARDED:
        LOG(LOG_INFO, conn_sid(session->conn), "smtp.milter_discarded", F_CSTR("milter", by),
            F_CSTR("at", step), F_STR("from", session->envelope.sender));
        session->milter.discarded = true;
        return true;
    default:
        return true;
    }
}

bool smtp_milter_mail(struct smtp_session *session)
{
    struct milters_verdict verdict;
    char id[ID_TEXT_MAX];
    const struct milter_client client = describe(session, id);
    if (!has_milters(session))
        return true;
    milters_mail(session->milter.milters, &client, session->envelope.sender, &verdict);
    return go_on(session, "MAIL", &verdict);
}

bool smtp_milter_rcpt(struct smtp_session *session, struct slice address)
{
    struct milters_verdict verdict;
    if (!has_milters(session))
        return true;
    milters_rcpt(session->milter.milters, address, &verdict);
    return go_on(session, "RCPT", &verdict);
}

/* --- what they change --- */

/* The message as it is now takes the place of the one that came. */
static bool write_anew(struct smtp_session *session, struct milter_message *message)
{
    CLEANUP(buf_release) struct buf header = BUF(2 * MILTER_HEADER_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(MILTER_CHUNK_MAX);
    struct smtp_body fresh;
    struct slice piece = slice_none();
    struct error error;
    uint64_t offset = 0;
    if (!message->changed)
        return true;
    /* What milters add is not the sender's to answer for. */
    smtp_body_init(&fresh, session->guest->link,
                   session->body.max + 2 * MILTER_HEADER_MAX + MILTER_REPLACED_MAX);
    milter_message_put_header(message, &header);
    smtp_body_put(&fresh, buf_slice(&header));
    enum err err = buf_failed(&header) ? fail_nomem(&error) : ERR_OK;
    do {
        if (err == ERR_OK)
            err = milter_message_body(message, &offset, MILTER_CHUNK_MAX, &storage, &piece, &error);
        if (err == ERR_OK)
            smtp_body_put(&fresh, piece);
    } while (err == ERR_OK && piece.n > 0);
    smtp_body_finish(&fresh);
    fresh.max = session->body.max;
    if (err != ERR_OK || fresh.failed || fresh.too_large) {
        smtp_body_drop(&fresh);
        LOG(LOG_WARN, conn_sid(session->conn), "smtp.not_changed",
            F_ERR(err != ERR_OK ? &error : &fresh.error));
        return false;
    }
    smtp_body_drop(&session->body);
    session->body = fresh;
    return true;
}

static bool read_address(struct slice text, struct arena *arena, struct slice *ret_address)
{
    CLEANUP(buf_release) struct buf path = BUF(ADDRESS_MAX + 2);
    struct smtp_path found;
    buf_putc(&path, '<');
    buf_put(&path, text);
    buf_putc(&path, '>');
    struct cursor c = cursor_of(buf_slice(&path));
    if (buf_failed(&path) || !smtp_path_parse(&c, false, &found) || !cursor_done(&c))
        return false;
    *ret_address = arena_dup(arena, found.address);
    return !arena_failed(arena);
}

static void remove_recipient(struct smtp_session *session, struct slice address)
{
    struct queue_envelope *e = &session->envelope;
    size_t kept = 0;
    for (size_t i = 0; i < e->recipient_count; i++)
        if (!slice_eq_nocase(e->recipients[i].address, address))
            e->recipients[kept++] = e->recipients[i];
    e->recipient_count = kept;
}

/* A milter sends nobody's mail where he could not send it himself. */
static void add_recipient(struct smtp_session *session, struct slice text)
{
    struct queue_recipient recipient = {0};
    enum recipient_answer answer = RECIPIENT_UNKNOWN;
    struct error error;
    for (size_t i = 0; i < session->envelope.recipient_count; i++)
        if (slice_eq_nocase(session->envelope.recipients[i].address, text))
            return;
    bool good = read_address(text, &session->arena, &recipient.address) && recipient.address.n > 0 &&
                link_recipient(session->guest->link, smtp_ticket(session), recipient.address,
                               session->body.size, &answer, &error) == ERR_OK &&
                (answer == RECIPIENT_LOCAL || answer == RECIPIENT_FOREIGN) &&
                smtp_keep_recipient(session, &recipient);
    if (!good)
        LOG(LOG_WARN, conn_sid(session->conn), "smtp.milter_recipient", F_STR("to", text));
}

/* Into Junk, and the field says why. */
static void quarantine(struct smtp_session *session, struct slice reason, const char *by)
{
    CLEANUP(buf_release) struct buf field = BUF(2 * RESULTS_MAX);
    struct slice before = session->envelope.results;
    session->envelope.junk = true;
    if (before.n > 0)
        buf_put(&field, slice_sub(before, 0, before.n - 2));
    else
        results_begin(&field, slice_cstr(session->settings->hostname));
    results_put(&field, "x-milter", "quarantine", reason);
    results_put_property(&field, "policy.milter", slice_cstr(by));
    results_end(&field);
    if (!buf_failed(&field))
        session->envelope.results = arena_dup(&session->arena, buf_slice(&field));
}

static void apply(struct smtp_session *session, const struct milter_changes *changes)
{
    struct slice sender;
    if (changes->has_sender && read_address(changes->sender, &session->arena, &sender))
        session->envelope.sender = sender;
    for (size_t i = 0; i < changes->count; i++) {
        if (changes->recipients[i].removed)
            remove_recipient(session, changes->recipients[i].address);
        else
            add_recipient(session, changes->recipients[i].address);
    }
    if (changes->quarantined)
        quarantine(session, changes->reason, changes->quarantined_by);
}

static bool show(struct smtp_session *session, struct milter_message *message)
{
    struct milters_verdict verdict;
    struct milter_changes changes = {0};
    char id[ID_TEXT_MAX];
    const struct milter_client client = describe(session, id);
    milters_message(session->milter.milters, &client, message, &changes, &verdict);
    if (!go_on(session, "DATA", &verdict))
        return false;
    if (session->milter.discarded)
        return true;
    apply(session, &changes);
    if (arena_failed(&session->arena) || !write_anew(session, message)) {
        smtp_reply(session, "451 4.3.0 no room for the message now; please try again later");
        return false;
    }
    if (session->envelope.recipient_count == 0)
        session->milter.discarded = true;
    return true;
}

bool smtp_milter_message(struct smtp_session *session, bool *ret_discarded)
{
    CLEANUP(arena_release) struct arena arena = ARENA(MILTER_ARENA_MAX);
    const struct smtp_body *body = &session->body;
    struct milter_message message;
    struct error error;
    bool in_file = body->spool != 0;
    bool good = true;
    if (has_milters(session)) {
        enum err err = milter_message_read(&message, in_file ? slice_none() : buf_slice(&body->memory),
                                           in_file ? body->fd : -1, body->size, &arena, &error);
        good = err == ERR_OK;
        if (good)
            good = show(session, &message);
        else if (err == ERR_LIMIT)
            smtp_reply(session, "552 5.3.4 the header is too large");
        else
            smtp_reply(session, "451 4.3.0 the message can't be checked now; please try again later");
        milter_message_release(&message);
    }
    *ret_discarded = session->milter.discarded;
    return good;
}
