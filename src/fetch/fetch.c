/* Both ends of the channel between whoever asks and the fetcher. */
#include "fetch/fetch.h"

#include "base/wire.h"

enum { FETCH_CALL = 40, FETCH_ERROR = 1, ANSWER_ARENA_MAX = FETCH_BODY_MAX + 8192 };

/* More than the fetch itself takes, so that its own word about the time is heard. */
#define MARGIN_US (5 * CLOCK_SECOND)

/* --- requests --- */

static bool is_visible(struct slice s, bool blanks)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c >= 0x7f || (c == ' ' && !blanks))
            return false;
    }
    return s.n > 0;
}

enum err fetch_check(const struct fetch_request *r, struct error *error)
{
    size_t total = r->url.n + r->body.n;
    bool good = (unsigned)r->method < FETCH_METHODS && r->url.n <= FETCH_URL_MAX && is_visible(r->url, false);
    good = good && r->header_count <= FETCH_HEADERS_MAX && r->body.n <= FETCH_REQUEST_BODY_MAX;
    good = good && (r->method == FETCH_POST || r->body.n == 0);
    good =
        good && r->body_max <= FETCH_BODY_MAX && r->timeout_us > 0 && r->timeout_us <= FETCH_TIMEOUT_MAX_US;
    for (size_t i = 0; good && i < r->header_count; i++) {
        total += r->headers[i].n;
        good = r->headers[i].n <= FETCH_HEADER_LINE_MAX && is_visible(r->headers[i], true) &&
               slice_find_char(r->headers[i], ':') > 0;
    }
    /* All of it travels in one record. */
    good = good && total <= IPC_BODY_MAX - 1024;
    return good ? ERR_OK : fail(error, ERR_INVALID, NULL, "not a request that can be made");
}

static void put_request(struct buf *b, const struct fetch_request *request)
{
    wire_put_u8(b, (uint8_t)request->method);
    wire_put_slice(b, request->url);
    wire_put_u8(b, (uint8_t)request->header_count);
    for (size_t i = 0; i < request->header_count; i++)
        wire_put_slice(b, request->headers[i]);
    wire_put_slice(b, request->body);
    wire_put_u32(b, (uint32_t)request->body_max);
    wire_put_u64(b, (uint64_t)request->timeout_us);
    wire_put_u8(b, request->public_only);
}

static enum err get_request(struct slice record, struct slice headers[static FETCH_HEADERS_MAX],
                            struct fetch_request *ret_request, struct error *error)
{
    struct wire_reader r = wire_reader_of(record);
    struct fetch_request request = {.method = (enum fetch_method)wire_get_u8(&r), .headers = headers};
    request.url = wire_get_slice(&r);
    request.header_count = wire_get_u8(&r);
    for (size_t i = 0; i < MIN(request.header_count, (size_t)FETCH_HEADERS_MAX); i++)
        headers[i] = wire_get_slice(&r);
    request.body = wire_get_slice(&r);
    request.body_max = wire_get_u32(&r);
    request.timeout_us = (int64_t)wire_get_u64(&r);
    request.public_only = wire_get_u8(&r) != 0;
    enum err err = wire_end(&r) ? fetch_check(&request, error)
                                : fail(error, ERR_INVALID, NULL, "malformed request to fetch");
    if (err == ERR_OK)
        *ret_request = request;
    return err;
}

/* --- the asking side --- */

static enum err get_answer(const struct ipc_message *reply, struct arena *arena,
                           struct fetch_answer *ret_answer, struct error *error)
{
    struct wire_reader r = wire_reader_of(reply->body);
    uint32_t number = wire_get_u32(&r);
    struct slice rest = wire_get_slice(&r);
    struct slice type = wire_get_slice(&r);
    if (!wire_end(&r) || (reply->type != FETCH_CALL && reply->type != FETCH_ERROR))
        return fail(error, ERR_INVALID, NULL, "malformed answer from relay");
    if (reply->type == FETCH_ERROR) {
        bool known = number > ERR_OK && number <= ERR_VERSION;
        return fail(error, known ? (enum err)number : ERR_UNAVAILABLE, NULL, "relay: %.*s", SLICE_ARGS(rest));
    }
    struct fetch_answer answer = {
        .status = number, .body = arena_dup(arena, rest), .content_type = arena_dup(arena, type)};
    if (arena_failed(arena))
        return fail_nomem(error);
    *ret_answer = answer;
    return ERR_OK;
}

enum err fetch_ask(void *context, const struct fetch_request *request, struct arena *arena,
                   struct fetch_answer *ret_answer, struct error *error)
{
    struct ipc_client *client = context;
    CLEANUP(buf_release) struct buf record = BUF(IPC_BODY_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    enum err err = fetch_check(request, error);
    if (err != ERR_OK)
        return err;
    put_request(&record, request);
    if (buf_failed(&record))
        return fail_nomem(error);
    const struct ipc_message message = {.type = FETCH_CALL, .body = buf_slice(&record)};
    err = ipc_call(client, &message, request->timeout_us + MARGIN_US, &storage, &reply, error);
    return err == ERR_OK ? get_answer(&reply, arena, ret_answer, error) : err;
}

/* --- the answering side --- */

void fetch_serve(void *context, struct ipc_message *message, struct buf *reply_body,
                 struct ipc_message *reply)
{
    const struct fetch_service *service = context;
    CLEANUP(arena_release) struct arena arena = ARENA(ANSWER_ARENA_MAX);
    struct slice headers[FETCH_HEADERS_MAX];
    struct fetch_request request;
    struct fetch_answer answer = {0};
    struct error error;
    enum err err = message->type == FETCH_CALL
                       ? get_request(message->body, headers, &request, &error)
                       : fail(&error, ERR_UNSUPPORTED, NULL, "message %u", message->type);
    if (err == ERR_OK)
        err = service->fetch(service->context, &request, &arena, &answer, &error);
    reply->type = err == ERR_OK ? FETCH_CALL : FETCH_ERROR;
    wire_put_u32(reply_body, err == ERR_OK ? answer.status : (uint32_t)err);
    wire_put_slice(reply_body, err == ERR_OK ? answer.body : slice_cstr(error.detail));
    wire_put_slice(reply_body, err == ERR_OK ? answer.content_type : slice_none());
    reply->body = buf_slice(reply_body);
}
