/*
 * The way of a connection back to edge, when its person has logged out of it (RFC 8437): store's half, and
 * edge's. Edge gives store a channel when it hands over the first connection in the clear; a connection under
 * TLS needs none, since its bridge ends there.
 */
#include "link/way_back.h"
#include <stdatomic.h>

#include "base/fdio.h"
#include "base/log.h"
#include "link/codec.h"
#include "rt/conn.h"

/* A message with one descriptor, which stays the caller's, and an answer without a body. */
static enum err send_descriptor(struct ipc_client *client, enum link_message type, struct buf *record, int fd,
                                struct error *error)
{
    CLEANUP(buf_release) struct buf carrier = BUF(IPC_BODY_MAX);
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    struct ipc_message request = {.type = (uint32_t)type, .fds = {fd}, .fd_count = 1};
    enum err err = link_pack(record, &carrier, &request, error);
    if (err == ERR_OK)
        err = ipc_call(client, &request, LINK_TIMEOUT_US, &storage, &reply, error);
    while (request.fd_count > 1)
        fd_close(&request.fds[--request.fd_count]);
    if (err == ERR_OK && reply.type != (uint32_t)type)
        err = fail(error, ERR_UNAVAILABLE, NULL, "message %d was refused", (int)type);
    return err;
}

/* --- edge --- */

void link_connect(struct link *link, int fd)
{
    ipc_client_connect(link->client, fd);
    atomic_store(&link->has_way_back, false);
}

static enum err take_back(struct link *link, struct ipc_message *request, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF(LINK_RECORD_MAX);
    struct link_give_back given = {.fd = -1};
    struct slice record;
    if (request->type != LINK_GIVE_BACK)
        return fail(error, ERR_UNSUPPORTED, NULL, "unknown message %u", request->type);
    enum err err = link_unpack(request, &storage, &record, error);
    if (err != ERR_OK)
        return err;
    struct wire_reader reader = wire_reader_of(record);
    link_get_give_back(&reader, &given);
    if (!wire_end(&reader) || request->fd_count != 1)
        return fail(error, ERR_INVALID, NULL, "malformed request");
    given.fd = fd_take(&request->fds[0]);
    link->came(link->context, &given);
    return ERR_OK;
}

static void serve_store(void *context, struct ipc_message *request, struct buf *reply_body,
                        struct ipc_message *reply)
{
    struct error error;
    reply->type = request->type;
    enum err err = take_back(context, request, &error);
    if (err != ERR_OK) {
        LOG(LOG_WARN, NO_SID, "link.refused", F_ERR(&error));
        reply->type = LINK_ERROR;
        wire_put_u32(reply_body, (uint32_t)err);
        wire_put_slice(reply_body, slice_cstr(error.client));
    }
    reply->body = buf_slice(reply_body);
}

/* Tells store where connections go that it gives back. */
static enum err open_way_back(struct link *link, struct error *error)
{
    int pair[2];
    enum err err = ipc_pair(pair, error);
    if (err != ERR_OK)
        return err;
    CLEANUP(fd_close) int ours = pair[0];
    CLEANUP(fd_close) int theirs = pair[1];
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    err = send_descriptor(link->client, LINK_WAY_BACK, &record, theirs, error);
    return err == ERR_OK ? ipc_serve(link->loop, fd_take(&ours), serve_store, link, error) : err;
}

void link_ensure_way_back(struct link *link)
{
    struct error error;
    if (link->loop == NULL || atomic_exchange(&link->has_way_back, true))
        return;
    if (open_way_back(link, &error) != ERR_OK) {
        atomic_store(&link->has_way_back, false);
        LOG(LOG_WARN, NO_SID, "link.no_way_back", F_ERR(&error));
    }
}

/* --- store --- */

enum err link_give_back(struct link_service *service, struct link_give_back *given, struct error *error)
{
    CLEANUP(fd_close) int fd = fd_take(&given->fd);
    if (given->tls)
        return conn_give_back(fd_take(&fd), given->pending, error);
    CLEANUP(buf_release) struct buf record = BUF(LINK_RECORD_MAX);
    link_put_give_back(&record, given);
    return send_descriptor(service->edge, LINK_GIVE_BACK, &record, fd, error);
}
