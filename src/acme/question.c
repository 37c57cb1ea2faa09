#include "acme/question.h"

#include "acme/renewer.h"
#include "base/wire.h"

enum {
    ANSWER_CALL = 42,
    STATE_CALL = 43,
    RECORDS_CALL = 46,
    ABOUT_MAX = 512,
    ANSWER_MAX = 1024,
    STATE_ON = 1,
    STATE_WORKING = 2
};

/* --- the asking side --- */

static enum err call(struct ipc_client *relay, uint32_t type, const struct buf *body, struct buf *storage,
                     struct ipc_message *reply, struct error *error)
{
    const struct ipc_message request = {.type = type, .body = buf_slice(body)};
    if (buf_failed(body))
        return fail_nomem(error);
    enum err e = ipc_call(relay, &request, ACME_QUESTION_US, storage, reply, error);
    return e == ERR_OK && reply->type != type
               ? fail(error, ERR_INVALID, NULL, "relay does not know message %u", type)
               : e;
}

enum err acme_ask_answer(struct ipc_client *relay, enum acme_question question, struct slice about,
                         struct buf *ret_answer, struct error *error)
{
    CLEANUP(buf_release) struct buf body = BUF(2 * ABOUT_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    if (about.n > ABOUT_MAX)
        return fail(error, ERR_NOT_FOUND, NULL, "%zu bytes are no token", about.n);
    wire_put_u8(&body, (uint8_t)question);
    wire_put_slice(&body, about);
    enum err e = call(relay, ANSWER_CALL, &body, &storage, &reply, error);
    if (e != ERR_OK)
        return e;
    struct wire_reader r = wire_reader_of(reply.body);
    struct slice answer = wire_get_slice(&r);
    if (!wire_end(&r) || answer.n == 0)
        return fail(error, ERR_NOT_FOUND, NULL, "no such proof is under way");
    buf_put(ret_answer, answer);
    return buf_failed(ret_answer) ? fail_nomem(error) : ERR_OK;
}

static void put_state(struct buf *out, const struct acme_state *state)
{
    wire_put_u8(out, (uint8_t)((state->on ? STATE_ON : 0) | (state->working ? STATE_WORKING : 0)));
    wire_put_u32(out, state->attempts);
    wire_put_u32(out, state->renewals);
    wire_put_u32(out, state->failures);
    wire_put_u64(out, (uint64_t)state->from);
    wire_put_u64(out, (uint64_t)state->until);
    wire_put_u64(out, (uint64_t)state->tried);
    wire_put_u64(out, (uint64_t)state->next);
    wire_put_slice(out, slice_cstr(state->names));
    wire_put_slice(out, slice_cstr(state->error));
}

static bool get_state(struct slice bytes, struct acme_state *ret)
{
    struct wire_reader r = wire_reader_of(bytes);
    unsigned bits = wire_get_u8(&r);
    struct acme_state state = {.on = (bits & STATE_ON) != 0, .working = (bits & STATE_WORKING) != 0};
    state.attempts = wire_get_u32(&r);
    state.renewals = wire_get_u32(&r);
    state.failures = wire_get_u32(&r);
    state.from = (int64_t)wire_get_u64(&r);
    state.until = (int64_t)wire_get_u64(&r);
    state.tried = (int64_t)wire_get_u64(&r);
    state.next = (int64_t)wire_get_u64(&r);
    struct slice names = wire_get_slice(&r);
    struct slice error = wire_get_slice(&r);
    snprintf(state.names, sizeof(state.names), "%.*s", SLICE_ARGS(names));
    snprintf(state.error, sizeof(state.error), "%.*s", SLICE_ARGS(error));
    if (!wire_end(&r))
        return false;
    *ret = state;
    return true;
}

enum err acme_ask_state(struct ipc_client *relay, bool now, struct acme_state *ret_state, struct error *error)
{
    CLEANUP(buf_release) struct buf body = BUF(16);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    wire_put_u8(&body, now);
    enum err e = call(relay, STATE_CALL, &body, &storage, &reply, error);
    return e == ERR_OK && !get_state(reply.body, ret_state)
               ? fail(error, ERR_INVALID, NULL, "malformed answer from relay")
               : e;
}

static bool get_records(struct slice bytes, struct acme_record *ret_records, size_t *ret_count)
{
    struct wire_reader r = wire_reader_of(bytes);
    size_t count = wire_get_u32(&r);
    if (count > ACME_ANSWERS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct slice name = wire_get_slice(&r);
        struct slice value = wire_get_slice(&r);
        snprintf(ret_records[i].name, sizeof(ret_records[i].name), "%.*s", SLICE_ARGS(name));
        snprintf(ret_records[i].value, sizeof(ret_records[i].value), "%.*s", SLICE_ARGS(value));
        ret_records[i].set = wire_get_u8(&r) == 1;
    }
    *ret_count = count;
    return wire_end(&r);
}

enum err acme_ask_records(struct ipc_client *relay, enum acme_records_word word, struct slice about,
                          struct acme_record *ret_records, size_t *ret_count, struct error *error)
{
    CLEANUP(buf_release) struct buf body = BUF(2 * ABOUT_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    wire_put_u8(&body, (uint8_t)word);
    wire_put_slice(&body, slice_sub(about, 0, ABOUT_MAX));
    enum err e = call(relay, RECORDS_CALL, &body, &storage, &reply, error);
    return e == ERR_OK && !get_records(reply.body, ret_records, ret_count)
               ? fail(error, ERR_INVALID, NULL, "malformed answer from relay")
               : e;
}

/* --- the answering side --- */

bool acme_serve_answer(struct acme_renewer *renewer, const struct ipc_message *request,
                       struct buf *reply_body, struct ipc_message *reply)
{
    CLEANUP(buf_release) struct buf answer = BUF(ANSWER_MAX);
    struct wire_reader r = wire_reader_of(request->body);
    if (request->type != ANSWER_CALL)
        return false;
    unsigned question = wire_get_u8(&r);
    struct slice about = wire_get_slice(&r);
    struct acme_answers *answers = acme_renewer_answers(renewer);
    if (wire_end(&r) && question == ACME_BY_TOKEN)
        (void)acme_answers_by_token(answers, about, &answer);
    else if (wire_end(&r) && question == ACME_BY_NAME)
        (void)acme_answers_by_name(answers, about, &answer);
    wire_put_slice(reply_body, buf_slice(&answer));
    reply->type = ANSWER_CALL;
    reply->body = buf_slice(reply_body);
    return true;
}

bool acme_serve_state(struct acme_renewer *renewer, const struct ipc_message *request, struct buf *reply_body,
                      struct ipc_message *reply)
{
    struct wire_reader r = wire_reader_of(request->body);
    struct acme_state state;
    if (request->type != STATE_CALL)
        return false;
    bool now = wire_get_u8(&r) == 1;
    acme_renewer_state(renewer, &state); /* before an attempt that begins now */
    if (now && wire_end(&r))
        acme_renewer_now(renewer);
    put_state(reply_body, &state);
    reply->type = STATE_CALL;
    reply->body = buf_slice(reply_body);
    return true;
}

bool acme_serve_records(struct acme_renewer *renewer, const struct ipc_message *request,
                        struct buf *reply_body, struct ipc_message *reply)
{
    CLEANUP(buf_release) struct buf list = BUF(IPC_BODY_MAX);
    struct acme_answers *answers = acme_renewer_answers(renewer);
    struct wire_reader r = wire_reader_of(request->body);
    struct acme_record record;
    uint32_t count = 0;
    if (request->type != RECORDS_CALL)
        return false;
    unsigned word = wire_get_u8(&r);
    struct slice about = wire_get_slice(&r);
    if (wire_end(&r) && word == ACME_RECORDS_SET)
        acme_answers_set(answers, about);
    else if (wire_end(&r) && word == ACME_RECORDS_GIVE_UP)
        acme_answers_give_up(answers, about);
    for (; acme_answers_record(answers, count, &record); count++) {
        wire_put_slice(&list, slice_cstr(record.name));
        wire_put_slice(&list, slice_cstr(record.value));
        wire_put_u8(&list, record.set);
    }
    wire_put_u32(reply_body, count);
    buf_put(reply_body, buf_slice(&list));
    reply->type = RECORDS_CALL;
    reply->body = buf_slice(reply_body);
    return true;
}
