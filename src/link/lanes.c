#include "link/lanes.h"

#include "base/clock.h"
#include "base/wire.h"

enum { LANES_CALL = 47, LANES_ARENA_MAX = 1024 * 1024, LANES_MAX = 100000 };
#define LANES_WAIT_US (10 * CLOCK_SECOND)

static void put_row(struct buf *b, const struct lane_state *row)
{
    wire_put_slice(b, row->name);
    wire_put_slice(b, row->addresses);
    wire_put_u32(b, row->taken);
    wire_put_u32(b, row->sending);
    wire_put_u32(b, row->limit);
    wire_put_u64(b, row->messages);
    wire_put_u64(b, row->connections);
    wire_put_u64(b, row->blocked_us);
    wire_put_slice(b, row->answer);
    wire_put_slice(b, row->tls);
}

static struct lane_state get_row(struct wire_reader *r, struct arena *arena)
{
    return (struct lane_state){
        .name = arena_dup(arena, wire_get_slice(r)),
        .addresses = arena_dup(arena, wire_get_slice(r)),
        .taken = wire_get_u32(r),
        .sending = wire_get_u32(r),
        .limit = wire_get_u32(r),
        .messages = wire_get_u64(r),
        .connections = wire_get_u64(r),
        .blocked_us = wire_get_u64(r),
        .answer = arena_dup(arena, wire_get_slice(r)),
        .tls = arena_dup(arena, wire_get_slice(r)),
    };
}

/* One page behind the rows that are there; *ret_more: there may be others. */
static enum err ask_page(struct ipc_client *relay, struct arena *arena, struct lane_state *rows,
                         size_t *count, bool *ret_more, struct error *error)
{
    CLEANUP(buf_release) struct buf after = BUF(4096);
    CLEANUP(buf_release) struct buf record = BUF(IPC_BODY_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    if (*count > 0)
        buf_printf(&after, "%.*s\n%.*s", SLICE_ARGS(rows[*count - 1].name),
                   SLICE_ARGS(rows[*count - 1].addresses));
    wire_put_slice(&record, buf_slice(&after));
    if (buf_failed(&after) || buf_failed(&record))
        return fail_nomem(error);
    const struct ipc_message message = {.type = LANES_CALL, .body = buf_slice(&record)};
    enum err err = ipc_call(relay, &message, LANES_WAIT_US, &storage, &reply, error);
    if (err != ERR_OK)
        return err;
    struct wire_reader r = wire_reader_of(reply.body);
    uint64_t found = wire_get_varint(&r);
    bool good = reply.type == LANES_CALL && wire_ok(&r) && found <= LANES_PAGE_MAX;
    for (uint64_t i = 0; good && i < found; i++)
        rows[(*count)++] = get_row(&r, arena);
    if (arena_failed(arena))
        return fail_nomem(error);
    *ret_more = found > 0;
    return good && wire_end(&r) ? ERR_OK : fail(error, ERR_INVALID, NULL, "malformed answer from relay");
}

enum err lanes_ask(struct ipc_client *relay, struct arena *arena, struct lane_state **ret_rows,
                   size_t *ret_count, struct error *error)
{
    struct lane_state *rows = NULL;
    size_t count = 0;
    size_t room = 0;
    bool more = true;
    enum err err = ERR_OK;
    while (err == ERR_OK && more && count < LANES_MAX) {
        if (count + LANES_PAGE_MAX > room) {
            room = 2 * (room + LANES_PAGE_MAX);
            struct lane_state *larger = arena_array(arena, room, sizeof(*larger));
            if (larger == NULL)
                return fail_nomem(error);
            if (count > 0)
                memcpy(larger, rows, count * sizeof(*rows));
            rows = larger;
        }
        err = ask_page(relay, arena, rows, &count, &more, error);
    }
    if (err != ERR_OK)
        return err;
    *ret_rows = rows;
    *ret_count = count;
    return ERR_OK;
}

bool lanes_serve(const struct lanes_service *service, const struct ipc_message *request,
                 struct buf *reply_body, struct ipc_message *reply)
{
    CLEANUP(arena_release) struct arena arena = ARENA(LANES_ARENA_MAX);
    struct lane_state rows[LANES_PAGE_MAX];
    size_t count = 0;
    if (request->type != LANES_CALL)
        return false;
    struct wire_reader r = wire_reader_of(request->body);
    struct slice after = wire_get_slice(&r);
    if (service->list != NULL && wire_end(&r))
        service->list(service->context, after, &arena, rows, &count);
    wire_put_varint(reply_body, count);
    for (size_t i = 0; i < count; i++)
        put_row(reply_body, &rows[i]);
    reply->type = LANES_CALL;
    reply->body = buf_slice(reply_body);
    return true;
}
