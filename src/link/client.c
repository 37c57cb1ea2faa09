/* The edge's side: each call packs a record, waits for the reply, unpacks it. */
#include "base/fdio.h"
#include "base/log.h"
#include "base/must.h"
#include "link/call.h"

struct link_call link_call_of(struct link *link, enum link_message type)
{
    return (struct link_call){
        .link = link,
        .record = BUF(LINK_RECORD_MAX),
        .carrier = BUF(IPC_BODY_MAX),
        .storage = BUF(IPC_BODY_MAX),
        .request = {.type = (uint32_t)type},
    };
}

void link_call_release(struct link_call *call)
{
    ipc_message_close(&call->reply);
    buf_release(&call->record);
    buf_release(&call->carrier);
    buf_release(&call->storage);
}

static enum err from_wire(uint32_t code)
{
    return code > ERR_OK && code <= ERR_VERSION ? (enum err)code : ERR_UNAVAILABLE;
}

/* borrowed: how many of the request's descriptors stay the caller's; a memfd added for the record is closed.
 */
enum err link_call_run(struct link_call *call, struct error *error)
{
    unsigned borrowed = call->request.fd_count;
    enum err err = link_pack(&call->record, &call->carrier, &call->request, error);
    if (err != ERR_OK)
        return err;
    err = ipc_call(call->link->client, &call->request, LINK_TIMEOUT_US, &call->storage, &call->reply, error);
    while (call->request.fd_count > borrowed)
        fd_close(&call->request.fds[--call->request.fd_count]);
    if (err != ERR_OK)
        return err;
    call->reader = wire_reader_of(call->reply.body);
    if (call->reply.type == call->request.type)
        return ERR_OK;
    uint32_t code = wire_get_u32(&call->reader);
    CLEANUP(buf_release) struct buf text = BUF(ERROR_CLIENT_MAX);
    buf_put(&text, wire_get_slice(&call->reader));
    return fail(error, from_wire(code), buf_cstr(&text), "store: %.*s", SLICE_ARGS(buf_slice(&text)));
}

enum err link_call_end(const struct link_call *call, struct error *error)
{
    return wire_end(&call->reader) ? ERR_OK
                                   : fail(error, ERR_UNAVAILABLE, NULL, "malformed reply from store");
}

static enum err get_sasl_result(struct link_call *call, struct arena *arena, struct sasl_result *ret_result,
                                struct error *error)
{
    struct sasl_result result = {0};
    enum err err = link_call_run(call, error);
    if (err != ERR_OK)
        return err;
    link_get_sasl_result(&call->reader, arena, &result);
    if (arena_failed(arena))
        return fail_nomem(error);
    err = link_call_end(call, error);
    if (err == ERR_OK)
        *ret_result = result;
    return err;
}

enum err link_sasl_begin(struct link *link, const struct sasl_start *start, struct arena *arena,
                         struct sasl_result *ret_result, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_SASL_BEGIN);
    link_put_sasl_start(&call.record, start);
    return get_sasl_result(&call, arena, ret_result, error);
}

enum err link_sasl_step(struct link *link, uint64_t exchange, struct slice response, struct arena *arena,
                        struct sasl_result *ret_result, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_SASL_STEP);
    wire_put_u64(&call.record, exchange);
    wire_put_slice(&call.record, response);
    return get_sasl_result(&call, arena, ret_result, error);
}

/* For what needs no answer: when store can't be told, it finds out by itself (expiry, restart). */
static void tell(struct link_call *call)
{
    struct error error;
    if (link_call_run(call, &error) != ERR_OK)
        LOG(LOG_DEBUG, NO_SID, "link.tell", F_ERR(&error));
}

void link_sasl_cancel(struct link *link, uint64_t exchange)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_SASL_CANCEL);
    wire_put_u64(&call.record, exchange);
    tell(&call);
}

void link_ticket_release(struct link *link, struct slice ticket)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_TICKET_RELEASE);
    wire_put_slice(&call.record, ticket);
    tell(&call);
}

enum err link_hand_over(struct link *link, const struct link_hand_over *hand_over, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_HAND_OVER);
    call.request.fds[0] = hand_over->fd;
    call.request.fd_count = 1;
    link_put_hand_over(&call.record, hand_over);
    enum err err = link_call_run(&call, error);
    return err == ERR_OK ? link_call_end(&call, error) : err;
}

enum err link_recipient(struct link *link, struct slice ticket, struct slice address, uint64_t size,
                        enum recipient_answer *ret_answer, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_RECIPIENT);
    wire_put_slice(&call.record, ticket);
    wire_put_slice(&call.record, address);
    wire_put_u64(&call.record, size);
    enum err err = link_call_run(&call, error);
    if (err != ERR_OK)
        return err;
    uint8_t answer = wire_get_u8(&call.reader);
    err = answer > RECIPIENT_REST ? fail(error, ERR_UNAVAILABLE, NULL, "answer %u from store", answer)
                                  : link_call_end(&call, error);
    if (err == ERR_OK)
        *ret_answer = (enum recipient_answer)answer;
    return err;
}

enum err link_spool_create(struct link *link, uint64_t *ret_spool, int *ret_fd, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_SPOOL_CREATE);
    enum err err = link_call_run(&call, error);
    if (err != ERR_OK)
        return err;
    uint64_t spool = wire_get_u64(&call.reader);
    if (call.reply.fd_count != 1)
        return fail(error, ERR_UNAVAILABLE, NULL, "store sent no spool file");
    err = link_call_end(&call, error);
    if (err == ERR_OK) {
        *ret_spool = spool;
        *ret_fd = fd_take(&call.reply.fds[0]);
    }
    return err;
}

void link_spool_drop(struct link *link, uint64_t spool)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_SPOOL_DROP);
    wire_put_u64(&call.record, spool);
    tell(&call);
}

enum err link_accept(struct link *link, struct slice ticket, const struct queue_envelope *envelope,
                     struct slice body, uint64_t spool, struct queue_id *ret_id, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_ACCEPT);
    wire_put_slice(&call.record, ticket);
    link_put_envelope(&call.record, envelope);
    wire_put_u64(&call.record, spool);
    wire_put_slice(&call.record, body);
    enum err err = link_call_run(&call, error);
    if (err != ERR_OK)
        return err;
    struct queue_id id = {wire_get_u64(&call.reader)};
    err = link_call_end(&call, error);
    if (err == ERR_OK)
        *ret_id = id;
    return err;
}

enum err link_url(struct link *link, struct slice ticket, struct slice url, int *ret_fd, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_URL);
    wire_put_slice(&call.record, ticket);
    wire_put_slice(&call.record, url);
    enum err err = link_call_run(&call, error);
    if (err != ERR_OK)
        return err;
    if (call.reply.fd_count != 1)
        return fail(error, ERR_UNAVAILABLE, NULL, "store sent no message");
    err = link_call_end(&call, error);
    if (err == ERR_OK)
        *ret_fd = fd_take(&call.reply.fds[0]);
    return err;
}

enum err link_sighting(struct link *link, const struct feedback_note *note, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_SIGHTING);
    link_put_note(&call.record, note);
    enum err err = link_call_run(&call, error);
    return err == ERR_OK ? link_call_end(&call, error) : err;
}

enum err link_greylist(struct link *link, const struct greylist_question *question,
                       enum greylist_answer *ret_answer, int64_t *ret_left_us, struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_GREYLIST);
    wire_put_slice(&call.record, question->network);
    wire_put_slice(&call.record, question->sender);
    wire_put_slice(&call.record, question->recipient);
    wire_put_u64(&call.record, (uint64_t)question->wait_us);
    enum err err = link_call_run(&call, error);
    if (err != ERR_OK)
        return err;
    uint8_t answer = wire_get_u8(&call.reader);
    uint64_t left = wire_get_u64(&call.reader);
    err = link_call_end(&call, error);
    if (err == ERR_OK && (answer >= GREYLIST_ANSWERS || left > INT64_MAX))
        err = fail(error, ERR_INVALID, NULL, "malformed reply from store");
    if (err == ERR_OK) {
        *ret_answer = (enum greylist_answer)answer;
        *ret_left_us = (int64_t)left;
    }
    return err;
}

enum err link_health(struct link *link, enum health_question question, struct buf *ret_text, bool *ret_well,
                     struct error *error)
{
    CLEANUP(link_call_release) struct link_call call = link_call_of(link, LINK_HEALTH);
    wire_put_u8(&call.record, (uint8_t)question);
    enum err err = link_call_run(&call, error);
    if (err != ERR_OK)
        return err;
    bool well = wire_get_u8(&call.reader) != 0;
    struct slice text = wire_get_slice(&call.reader);
    err = link_call_end(&call, error);
    if (err != ERR_OK)
        return err;
    buf_put(ret_text, text);
    *ret_well = well;
    return buf_failed(ret_text) ? fail_nomem(error) : ERR_OK;
}
