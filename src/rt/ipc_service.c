#include <stdatomic.h>
#include <stdlib.h>

#include "base/fdio.h"
#include "base/log.h"
#include "rt/ipc_private.h"

/* Twice what a client has, since we may not have seen yet that it closed some. */
enum { REQUESTS_IN_A_ROW = 16, CHANNELS_MAX = 2 * IPC_CHANNELS_MAX };

/* One client's: shared by its main channel and its channels, gone with the last of them. */
struct service {
    _Atomic unsigned references;
    ipc_serve_fn *serve;
    void *context;
};

struct channel {
    struct service *service;
    int fd;
    bool is_main;
};

static void channel_free(struct channel *channel)
{
    fd_close(&channel->fd);
    if (atomic_fetch_sub(&channel->service->references, 1) == 1)
        free(channel->service);
    free(channel);
}

static void channel_wake(struct loop *loop, struct place place, void *owner, unsigned wakes);

/* Takes fd, and a reference to the service. */
static enum err channel_add(struct loop *loop, struct service *service, int fd, bool is_main,
                            struct error *error)
{
    CLEANUP(fd_close) int owned = fd;
    struct channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL)
        return fail_nomem(error);
    struct place place;
    enum err result = loop_add(loop, fd, channel_wake, channel, &place, error);
    if (result != ERR_OK) {
        free(channel);
        return result;
    }
    atomic_fetch_add(&service->references, 1);
    *channel = (struct channel){.service = service, .fd = fd_take(&owned), .is_main = is_main};
    loop_park(loop, place, WAKE_INPUT, 0);
    return ERR_OK;
}

static enum err take_channel(struct loop *loop, struct channel *main, struct ipc_message *message,
                             struct error *error)
{
    if (message->type != IPC_NEW_CHANNEL || message->fd_count != 1 || message->body.n != 0)
        return fail(error, ERR_INVALID, NULL, "not a new channel: type %u", message->type);
    enum err result = ERR_OK;
    if (atomic_load(&main->service->references) > CHANNELS_MAX)
        result = fail(error, ERR_LIMIT, NULL, "over %d channels", CHANNELS_MAX);
    else
        result = channel_add(loop, main->service, fd_take(&message->fds[0]), false, error);
    if (result != ERR_OK) {
        /* The client finds this one channel closed; the others live. */
        LOG(LOG_WARN, NO_SID, "rt.ipc_channel", F_ERR(error));
    }
    return ERR_OK;
}

static enum err serve_request(struct channel *channel, struct ipc_message *request, struct error *error)
{
    CLEANUP(buf_release) struct buf body = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message reply = {0};
    channel->service->serve(channel->service->context, request, &body, &reply);
    if (buf_no_memory(&body))
        return fail_nomem(error);
    if (buf_failed(&body))
        return fail(error, ERR_INVALID, NULL, "the reply to type %u is too large", request->type);
    reply.body = buf_slice(&body);
    return ipc_send(channel->fd, &reply, error);
}

/* One record. *ret_none: there was none. */
static enum err serve_one(struct loop *loop, struct channel *channel, bool *ret_none, struct error *error)
{
    CLEANUP(buf_release) struct buf storage = BUF(IPC_BODY_MAX);
    CLEANUP(ipc_message_close) struct ipc_message request = {0};
    enum err result = ipc_receive_now(channel->fd, &storage, &request, ret_none, error);
    if (result != ERR_OK || *ret_none)
        return result;
    return channel->is_main ? take_channel(loop, channel, &request, error)
                            : serve_request(channel, &request, error);
}

/*
 * Whether an error ends the channel. A client that lives has no other way to us than its main channel: lack
 * of descriptors or memory costs it the one channel that it sent, and it is gone only when that is told
 * twice.
 */
static bool ends(const struct channel *channel, enum err result, unsigned *closed)
{
    if (!channel->is_main)
        return true;
    *closed += result == ERR_CLOSED;
    return result == ERR_INVALID || *closed > 1;
}

static void channel_wake(struct loop *loop, struct place place, void *owner, unsigned wakes)
{
    struct channel *channel = owner;
    unsigned closed = 0;
    struct error error;
    bool none = (wakes & WAKE_STOP) != 0;
    enum err result = none ? fail_plain(&error, ERR_CLOSED, "the service stops") : ERR_OK;
    for (int i = 0; i < REQUESTS_IN_A_ROW && result == ERR_OK && !none; i++) {
        result = serve_one(loop, channel, &none, &error);
        if (result != ERR_OK && !ends(channel, result, &closed)) {
            LOG(LOG_WARN, NO_SID, "rt.ipc_failed", F_ERR(&error));
            result = ERR_OK;
        }
        /* A channel has one request at a time, so there is no second one to look for. */
        none = none || !channel->is_main;
    }
    if (result == ERR_OK) {
        loop_park(loop, place, WAKE_INPUT, 0);
        return;
    }
    if (result != ERR_CLOSED)
        LOG(LOG_WARN, NO_SID, "rt.ipc_closed", F_ERR(&error));
    loop_remove(loop, place);
    channel_free(channel);
}

enum err ipc_serve(struct loop *loop, int main_fd, ipc_serve_fn *serve, void *context, struct error *error)
{
    CLEANUP(fd_close) int fd = main_fd;
    struct service *service = calloc(1, sizeof(*service));
    if (service == NULL)
        return fail_nomem(error);
    /* Ours, until the main channel has its own: it may be gone by the time channel_add returns. */
    *service = (struct service){.references = 1, .serve = serve, .context = context};
    enum err result = channel_add(loop, service, fd_take(&fd), true, error);
    if (atomic_fetch_sub(&service->references, 1) == 1)
        free(service);
    return result;
}
