/* Both ends of the channel by which edge asks about addresses that another server has. */
#include "link/callout.h"

#include "base/wire.h"

enum { CALLOUT_CALL = 44, CALLOUT_ERROR = 1 };

/* --- the asking side --- */

static enum err read_reply(const struct ipc_message *reply, enum callout_answer *ret_answer,
                           struct error *error)
{
    struct wire_reader r = wire_reader_of(reply->body);
    if (reply->type == CALLOUT_ERROR) {
        uint32_t code = wire_get_u32(&r);
        struct slice text = wire_get_slice(&r);
        bool known = wire_end(&r) && code > ERR_OK && code <= ERR_VERSION;
        return fail(error, known ? (enum err)code : ERR_UNAVAILABLE, NULL, "relay: %.*s",
                    SLICE_ARGS(slice_sub(text, 0, ERROR_DETAIL_MAX - 10)));
    }
    uint8_t answer = wire_get_u8(&r);
    if (!wire_end(&r) || reply->type != CALLOUT_CALL || answer >= CALLOUT_ANSWERS)
        return fail(error, ERR_INVALID, NULL, "malformed answer from relay");
    *ret_answer = (enum callout_answer)answer;
    return ERR_OK;
}

enum err callout_ask(void *context, struct slice address, enum callout_answer *ret_answer,
                     struct error *error)
{
    CLEANUP(buf_release) struct buf record = BUF(IPC_BODY_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    wire_put_slice(&record, address);
    if (buf_failed(&record))
        return fail_nomem(error);
    const struct ipc_message message = {.type = CALLOUT_CALL, .body = buf_slice(&record)};
    enum err err = ipc_call(context, &message, CALLOUT_WAIT_US + CALLOUT_MARGIN_US, &storage, &reply, error);
    return err == ERR_OK ? read_reply(&reply, ret_answer, error) : err;
}

/* --- the answering side --- */

bool callout_serve(const struct callout_service *service, const struct ipc_message *request,
                   struct buf *reply_body, struct ipc_message *reply)
{
    struct error error;
    enum callout_answer answer = CALLOUT_UNKNOWN;
    struct wire_reader r = wire_reader_of(request->body);
    if (request->type != CALLOUT_CALL)
        return false;
    struct slice address = wire_get_slice(&r);
    enum err err = !wire_end(&r) || address.n == 0 || address.n > ADDRESS_MAX
                       ? fail(&error, ERR_INVALID, NULL, "malformed question about an address")
                       : service->answer(service->context, address, &answer, &error);
    if (err == ERR_OK) {
        wire_put_u8(reply_body, (uint8_t)answer);
    } else {
        wire_put_u32(reply_body, (uint32_t)err);
        wire_put_slice(reply_body, slice_cstr(error.detail));
    }
    reply->type = err == ERR_OK ? CALLOUT_CALL : CALLOUT_ERROR;
    reply->body = buf_slice(reply_body);
    return true;
}
