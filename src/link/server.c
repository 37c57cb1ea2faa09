/*
 * The store's side: one handler a message, in a table. Nothing in a request is trusted but that it came from
 * the edge; who a person is, the ticket says.
 */
#include "base/fdio.h"
#include "base/log.h"
#include "link/serving.h"
#include "queue/author.h"

enum { LINK_TEXT_MAX = 64 * 1024 }; /* bytes of a reply that fits IPC_BODY_MAX */

enum err link_check_request(const struct service_call *call, struct error *error)
{
    return wire_end(&call->request) ? ERR_OK : fail(error, ERR_INVALID, NULL, "malformed request");
}

static enum err serve_sasl_begin(struct service_call *call, struct error *error)
{
    struct sasl_start start;
    struct sasl_result result = {0};
    link_get_sasl_start(&call->request, &start);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = sasl_begin(call->service->sasl, &start, &call->arena, &result, error);
    if (err == ERR_OK)
        link_put_sasl_result(call->reply, &result);
    return err;
}

static enum err serve_sasl_step(struct service_call *call, struct error *error)
{
    struct sasl_result result = {0};
    uint64_t exchange = wire_get_u64(&call->request);
    struct slice response = wire_get_slice(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = sasl_step(call->service->sasl, exchange, response, &call->arena, &result, error);
    if (err == ERR_OK)
        link_put_sasl_result(call->reply, &result);
    return err;
}

static enum err serve_sasl_cancel(struct service_call *call, struct error *error)
{
    uint64_t exchange = wire_get_u64(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        sasl_cancel(call->service->sasl, exchange);
    return err;
}

static enum err serve_ticket_release(struct service_call *call, struct error *error)
{
    struct slice ticket = wire_get_slice(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        sasl_ticket_release(call->service->sasl, ticket);
    return err;
}

static enum err serve_hand_over(struct service_call *call, struct error *error)
{
    struct link_hand_over hand_over = {0};
    struct sasl_holder holder;
    link_get_hand_over(&call->request, &hand_over);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK && call->message->fd_count != 1)
        err = fail(error, ERR_INVALID, NULL, "hand-over without a descriptor");
    if (err == ERR_OK)
        err = sasl_ticket(call->service->sasl, hand_over.ticket, hand_over.door, true, &holder, error);
    if (err != ERR_OK)
        return err;
    hand_over.fd = fd_take(&call->message->fds[0]);
    return call->service->start_session(call->service->context, &holder, &hand_over, error);
}

static enum err serve_way_back(struct service_call *call, struct error *error)
{
    enum err err = link_check_request(call, error);
    if (err == ERR_OK && (call->message->fd_count != 1 || call->service->edge == NULL))
        err = fail(error, ERR_INVALID, NULL, "no way back");
    if (err == ERR_OK)
        ipc_client_connect(call->service->edge, fd_take(&call->message->fds[0]));
    return err;
}

/* The account that submits, 0 for a stranger. */
static enum err holder_of(struct service_call *call, struct slice ticket, struct sasl_holder *ret_holder,
                          struct error *error)
{
    *ret_holder = (struct sasl_holder){0};
    return ticket.n > 0 ? sasl_ticket(call->service->sasl, ticket, DOOR_SUBMISSION, false, ret_holder, error)
                        : ERR_OK;
}

static enum err who(struct service_call *call, struct slice ticket, struct account_id *ret_account,
                    struct error *error)
{
    struct sasl_holder holder;
    enum err err = holder_of(call, ticket, &holder, error);
    if (err == ERR_OK)
        *ret_account = holder.account;
    return err;
}

static enum err serve_recipient(struct service_call *call, struct error *error)
{
    struct account_id sender;
    enum recipient_answer answer;
    struct slice ticket = wire_get_slice(&call->request);
    struct slice address = wire_get_slice(&call->request);
    uint64_t size = wire_get_u64(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = who(call, ticket, &sender, error);
    if (err == ERR_OK)
        err = queue_recipient_check(call->service->queue, sender, address, size, &answer, error);
    if (err == ERR_OK)
        wire_put_u8(call->reply, (uint8_t)answer);
    return err;
}

static enum err serve_url(struct service_call *call, struct error *error)
{
    struct account_id account;
    struct slice ticket = wire_get_slice(&call->request);
    struct slice url = wire_get_slice(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK && (ticket.n == 0 || call->service->read_url == NULL))
        err = fail(error, ERR_DENIED, NULL, "a stranger submits no message of ours");
    if (err == ERR_OK)
        err = who(call, ticket, &account, error);
    if (err == ERR_OK)
        err = call->service->read_url(call->service->context, account, url, &call->reply_message->fds[0],
                                      error);
    if (err == ERR_OK)
        call->reply_message->fd_count = 1;
    return err;
}

static enum err serve_spool_create(struct service_call *call, struct error *error)
{
    uint64_t spool;
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = queue_spool_create(call->service->queue, &spool, &call->reply_message->fds[0], error);
    if (err == ERR_OK) {
        call->reply_message->fd_count = 1;
        wire_put_u64(call->reply, spool);
    }
    return err;
}

static enum err serve_spool_drop(struct service_call *call, struct error *error)
{
    uint64_t spool = wire_get_u64(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        queue_spool_drop(call->service->queue, spool);
    return err;
}

static bool is_one_line(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

/* What becomes part of a header is one line, whoever sits in the edge. (ORCPT and ENVID may be anything.) */
static enum err check_texts(const struct queue_envelope *e, struct error *error)
{
    bool good = is_one_line(e->sender) && is_one_line(e->protocol) && is_one_line(e->helo) &&
                is_one_line(e->peer) && is_one_line(e->tls);
    for (size_t i = 0; i < e->recipient_count && good; i++)
        good = is_one_line(e->recipients[i].address);
    return good ? ERR_OK : fail(error, ERR_INVALID, NULL, "control characters in an envelope");
}

/* The edge has asked about each recipient (serve_recipient), but a stranger's mail goes nowhere else even if
 * it has not. */
static enum err check_no_relay(struct service_call *call, const struct queue_envelope *e, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(LINK_ARENA_MAX);
    for (size_t i = 0; i < e->recipient_count; i++) {
        struct slice local, domain;
        arena_reset(&arena);
        enum err err = address_normalise(e->recipients[i].address, &arena, &local, &domain, error);
        if (err != ERR_OK)
            return err;
        bool ours;
        err = domain_is_local(call->service->directory, domain, &ours, error);
        if (err != ERR_OK)
            return err;
        if (!ours)
            return fail(error, ERR_DENIED, "mail for that domain is not taken here without log-in",
                        "a stranger's mail for a foreign domain");
    }
    return ERR_OK;
}

/*
 * The size is known only now. A message for one mailbox, which it does not fit, is refused while its sender
 * listens; one for several is taken, and waits for the mailbox that is full.
 */
static enum err check_room(struct service_call *call, const struct queue_envelope *envelope, uint64_t size,
                           struct error *error)
{
    enum recipient_answer answer;
    if (envelope->recipient_count != 1)
        return ERR_OK;
    enum err err = queue_recipient_check(call->service->queue, envelope->account,
                                         envelope->recipients[0].address, size, &answer, error);
    if (err != ERR_OK)
        return err;
    return answer == RECIPIENT_FULL ? fail(error, ERR_QUOTA, NULL, "the recipient's mailbox is full")
                                    : ERR_OK;
}

/* Who submits does so in his own name, on the envelope and inside. */
static enum err check_sender(struct service_call *call, struct slice ticket, struct queue_envelope *envelope,
                             struct slice body, uint64_t spool, struct error *error)
{
    struct sasl_holder holder;
    enum err err = holder_of(call, ticket, &holder, error);
    if (err != ERR_OK)
        return err;
    envelope->account = holder.account;
    if (holder.account.v == 0)
        return ERR_OK;
    if (envelope->sender.n > 0 &&
        !directory_may_send_as(call->service->directory, holder.account, envelope->sender))
        return fail(error, ERR_DENIED, "you may not send as this sender", "sender is not the account's");
    return queue_author_check(call->service->queue, holder.account, holder.person, body, spool, error);
}

/* Those to whom our people write need not come twice when they answer. That it is not noted costs them a
 * while. */
static void note_correspondents(struct service_call *call, const struct queue_envelope *envelope)
{
    enum { NOTED_MAX = 100 }; /* who writes to more has a list */
    struct error error;
    if (call->service->greylist == NULL || envelope->account.v == 0 || envelope->recipient_count > NOTED_MAX)
        return;
    for (size_t i = 0; i < envelope->recipient_count; i++)
        if (greylist_wrote_to(call->service->greylist, envelope->recipients[i].address, clock_wall_us(),
                              &error) != ERR_OK)
            LOG(LOG_DEBUG, envelope->sid, "link.not_noted", F_ERR(&error));
}

static enum err serve_accept(struct service_call *call, struct error *error)
{
    struct queue_envelope envelope;
    struct queue_id id;
    struct slice ticket = wire_get_slice(&call->request);
    link_get_envelope(&call->request, &call->arena, &envelope);
    uint64_t spool = wire_get_u64(&call->request);
    struct slice body = wire_get_slice(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK)
        err = check_sender(call, ticket, &envelope, body, spool, error);
    if (err == ERR_OK)
        err = check_texts(&envelope, error);
    if (err == ERR_OK && envelope.account.v == 0)
        err = check_no_relay(call, &envelope, error);
    uint64_t size = body.n;
    if (err == ERR_OK && spool != 0)
        err = queue_spool_size(call->service->queue, spool, &size, error);
    if (err == ERR_OK)
        err = check_room(call, &envelope, size, error);
    if (err == ERR_OK)
        err = queue_accept(call->service->queue, &envelope, body, spool, &id, error);
    if (err == ERR_OK) {
        note_correspondents(call, &envelope);
        wire_put_u64(call->reply, id.v);
    }
    return err;
}

static enum err serve_sighting(struct service_call *call, struct error *error)
{
    struct feedback_note note;
    link_get_note(&call->request, &note);
    enum err err = link_check_request(call, error);
    if (err != ERR_OK || call->service->feedback == NULL)
        return err;
    return feedback_note(call->service->feedback, &note, clock_wall_us(), error);
}

static enum err serve_greylist(struct service_call *call, struct error *error)
{
    struct greylist_question question = {.network = wire_get_slice(&call->request)};
    enum greylist_answer answer = GREYLIST_KNOWN;
    int64_t left_us = 0;
    question.sender = wire_get_slice(&call->request);
    question.recipient = wire_get_slice(&call->request);
    uint64_t wait_us = wire_get_u64(&call->request);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK && wait_us > (uint64_t)CLOCK_DAY)
        err = fail(error, ERR_INVALID, NULL, "more than a day of greylisting");
    question.wait_us = (int64_t)wait_us;
    if (err == ERR_OK && call->service->greylist != NULL)
        err = greylist_ask(call->service->greylist, &question, clock_wall_us(), &answer, &left_us, error);
    if (err == ERR_OK) {
        wire_put_u8(call->reply, (uint8_t)answer);
        wire_put_u64(call->reply, (uint64_t)left_us);
    }
    return err;
}

static enum err serve_health(struct service_call *call, struct error *error)
{
    bool well = true;
    uint8_t question = wire_get_u8(&call->request);
    CLEANUP(buf_release) struct buf text = BUF(LINK_TEXT_MAX);
    enum err err = link_check_request(call, error);
    if (err == ERR_OK && question > HEALTH_STATE)
        err = fail(error, ERR_INVALID, NULL, "health question %u", question);
    if (err == ERR_OK && call->service->health == NULL)
        err = fail(error, ERR_UNSUPPORTED, NULL, "no health is told here");
    if (err != ERR_OK)
        return err;
    call->service->health(call->service->context, (enum health_question)question, &text, &well);
    if (buf_failed(&text))
        return fail_nomem(error);
    wire_put_u8(call->reply, well);
    wire_put_slice(call->reply, buf_slice(&text));
    return ERR_OK;
}

static const struct link_row rows[] = {
    {LINK_SASL_BEGIN, "sasl-begin", serve_sasl_begin},
    {LINK_SASL_STEP, "sasl-step", serve_sasl_step},
    {LINK_SASL_CANCEL, "sasl-cancel", serve_sasl_cancel},
    {LINK_TICKET_RELEASE, "ticket-release", serve_ticket_release},
    {LINK_HAND_OVER, "hand-over", serve_hand_over},
    {LINK_WAY_BACK, "way-back", serve_way_back},
    {LINK_RECIPIENT, "recipient", serve_recipient},
    {LINK_SPOOL_CREATE, "spool-create", serve_spool_create},
    {LINK_SPOOL_DROP, "spool-drop", serve_spool_drop},
    {LINK_URL, "url", serve_url},
    {LINK_ACCEPT, "accept", serve_accept},
    {LINK_SIGHTING, "sighting", serve_sighting},
    {LINK_GREYLIST, "greylist", serve_greylist},
    {LINK_HEALTH, "health", serve_health},
};

static enum err dispatch(struct service_call *call, const struct link_row *rows_of, size_t count,
                         struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    struct slice record;
    enum err err = link_unpack(call->message, &storage, &record, error);
    if (err != ERR_OK)
        return err;
    call->request = wire_reader_of(record);
    for (size_t i = 0; i < count; i++) {
        if (rows_of[i].type != call->message->type)
            continue;
        err = rows_of[i].handler(call, error);
        if (err != ERR_OK)
            LOG(err == ERR_AUTH || err == ERR_DENIED || err == ERR_LIMIT ? LOG_INFO : LOG_WARN, NO_SID,
                "link.refused", F_CSTR("call", rows_of[i].name), F_CSTR("code", err_name(err)), F_ERR(error));
        return err;
    }
    return fail(error, ERR_UNSUPPORTED, NULL, "unknown message %u", call->message->type);
}

void link_serve_rows(const struct link_row *rows_of, size_t count, void *context, struct ipc_message *request,
                     struct buf *reply_body, struct ipc_message *reply)
{
    struct service_call call = {
        .service = context,
        .message = request,
        .reply = reply_body,
        .reply_message = reply,
        .arena = ARENA(LINK_ARENA_MAX),
    };
    struct error error;
    enum err err = dispatch(&call, rows_of, count, &error);
    reply->type = request->type;
    if (err != ERR_OK) {
        buf_clear(reply_body);
        reply->type = LINK_ERROR;
        wire_put_u32(reply_body, (uint32_t)err);
        wire_put_slice(reply_body, slice_cstr(error.client));
    }
    reply->body = buf_slice(reply_body);
    arena_release(&call.arena);
}

void link_serve(void *context, struct ipc_message *request, struct buf *reply_body, struct ipc_message *reply)
{
    link_serve_rows(rows, ARRAY_LEN(rows), context, request, reply_body, reply);
}
