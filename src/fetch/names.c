/* Both ends of the channel by which edge asks for names. */
#include "fetch/names.h"

#include "base/wire.h"

enum {
    NAMES_ERROR = 1,
    ANSWER_ARENA_MAX = 256 * 1024,
    ANSWER_SECURE = 1,
    ANSWER_NO_NAME = 2,
};

static bool may_be_asked(int type)
{
    static const int types[] = {
#define X(name) RESOLVER_##name,
        NAMES_TYPE_TABLE(X)
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i] == type)
            return true;
    return false;
}

/* --- the asking side --- */

static enum err get_records(const struct ipc_message *reply, struct arena *arena,
                            struct resolver_records *ret_records, struct error *error)
{
    struct wire_reader r = wire_reader_of(reply->body);
    struct resolver_records records = {0};
    unsigned flags = wire_get_u8(&r);
    records.canonical = arena_dup(arena, wire_get_slice(&r));
    uint64_t count = wire_get_varint(&r);
    if (!wire_ok(&r) || count > RESOLVER_RECORDS_MAX || reply->type != NAMES_CALL)
        return fail(error, ERR_INVALID, NULL, "malformed answer from relay");
    records.secure = (flags & ANSWER_SECURE) != 0;
    records.no_name = (flags & ANSWER_NO_NAME) != 0;
    records.data = arena_array(arena, count + 1, sizeof(*records.data));
    for (size_t i = 0; records.data != NULL && i < count; i++)
        records.data[records.count++] = arena_dup(arena, wire_get_slice(&r));
    if (arena_failed(arena))
        return fail_nomem(error);
    if (!wire_end(&r))
        return fail(error, ERR_INVALID, NULL, "malformed answer from relay");
    *ret_records = records;
    return ERR_OK;
}

static enum err get_error(const struct ipc_message *reply, struct error *error)
{
    struct wire_reader r = wire_reader_of(reply->body);
    uint32_t code = wire_get_u32(&r);
    struct slice text = wire_get_slice(&r);
    bool known = wire_end(&r) && code > ERR_OK && code <= ERR_VERSION;
    return fail(error, known ? (enum err)code : ERR_UNAVAILABLE, NULL, "relay: %.*s",
                SLICE_ARGS(slice_sub(text, 0, ERROR_DETAIL_MAX - 10)));
}

enum err names_ask(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                   struct resolver_records *ret_records, struct error *error)
{
    struct ipc_client *client = context;
    CLEANUP(buf_release) struct buf record = BUF(IPC_BODY_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    int64_t wait_us = MIN(deadline_us - clock_mono_us(), NAMES_WAIT_MAX_US);
    if (name.n == 0 || name.n > RESOLVER_NAME_MAX || !may_be_asked(type))
        return fail(error, ERR_INVALID, NULL, "type %d of a name of %zu bytes", type, name.n);
    if (wait_us <= 0)
        return fail(error, ERR_TIMEOUT, NULL, "no time is left to ask about %.*s", SLICE_ARGS(name));
    wire_put_u32(&record, (uint32_t)type);
    wire_put_slice(&record, name);
    wire_put_u64(&record, (uint64_t)wait_us);
    if (buf_failed(&record))
        return fail_nomem(error);
    const struct ipc_message message = {.type = NAMES_CALL, .body = buf_slice(&record)};
    enum err err = ipc_call(client, &message, wait_us + NAMES_MARGIN_US, &storage, &reply, error);
    if (err != ERR_OK)
        return err;
    return reply.type == NAMES_ERROR ? get_error(&reply, error)
                                     : get_records(&reply, arena, ret_records, error);
}

/* --- the answering side --- */

enum err names_resolve(void *context, struct slice name, int type, int64_t deadline_us, struct arena *arena,
                       struct resolver_records *ret_records, struct error *error)
{
    return resolver_records(context, name, type, deadline_us, arena, ret_records, error);
}

static void put_records(struct buf *out, const struct resolver_records *records)
{
    wire_put_u8(out,
                (uint8_t)((records->secure ? ANSWER_SECURE : 0) | (records->no_name ? ANSWER_NO_NAME : 0)));
    wire_put_slice(out, records->canonical);
    wire_put_varint(out, records->count);
    for (size_t i = 0; i < records->count; i++)
        wire_put_slice(out, records->data[i]);
}

static enum err answer(const struct names_service *service, const struct ipc_message *message,
                       struct buf *out, struct error *error)
{
    CLEANUP(arena_release) struct arena arena = ARENA(ANSWER_ARENA_MAX);
    struct wire_reader r = wire_reader_of(message->body);
    struct resolver_records records;
    uint32_t type = wire_get_u32(&r);
    struct slice name = wire_get_slice(&r);
    uint64_t wait_us = wire_get_u64(&r);
    if (message->type != NAMES_CALL || !wire_end(&r) || type > INT32_MAX || !may_be_asked((int)type) ||
        wait_us > (uint64_t)NAMES_WAIT_MAX_US)
        return fail(error, ERR_INVALID, NULL, "malformed question about a name");
    enum err err = service->records(service->context, name, (int)type, clock_mono_us() + (int64_t)wait_us,
                                    &arena, &records, error);
    if (err != ERR_OK)
        return err;
    put_records(out, &records);
    return buf_failed(out) || out->n > IPC_BODY_MAX
               ? fail(error, ERR_LIMIT, NULL, "%.*s has too many records", SLICE_ARGS(name))
               : ERR_OK;
}

void names_serve(void *context, struct ipc_message *message, struct buf *reply_body,
                 struct ipc_message *reply)
{
    struct error error;
    enum err err = answer(context, message, reply_body, &error);
    if (err != ERR_OK) {
        buf_clear(reply_body);
        wire_put_u32(reply_body, (uint32_t)err);
        wire_put_slice(reply_body, slice_cstr(error.detail));
    }
    reply->type = err == ERR_OK ? NAMES_CALL : NAMES_ERROR;
    reply->body = buf_slice(reply_body);
}
