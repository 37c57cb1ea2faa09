/*
 * The calling side's pool.
 *
 * Invariants: 1. A busy channel is closed by its caller alone; others may only shut it down, which makes the
 * caller's wait end. 2. A channel belongs to one way (`way`) to the service; those of an old way are never
 * used again. 3. A channel goes back to the pool only after a complete exchange.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fdio.h"
#include "base/must.h"
#include "rt/ipc_private.h"

struct channel {
    int fd; /* -1: not made */
    bool busy;
};

struct ipc_client {
    pthread_mutex_t lock;
    pthread_cond_t freed;
    int main_fd; /* -1: no way to the service */
    uint64_t way;
    struct channel channels[IPC_CHANNELS_MAX];
};

enum err ipc_client_create(struct ipc_client **ret_client, struct error *error)
{
    struct ipc_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return fail_nomem(error);
    pthread_mutex_init(&client->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&client->freed, &attributes);
    pthread_condattr_destroy(&attributes);
    client->main_fd = -1;
    for (size_t i = 0; i < IPC_CHANNELS_MAX; i++)
        client->channels[i].fd = -1;
    *ret_client = client;
    return ERR_OK;
}

/* With the lock held: ends the present way. Calls in flight find their channel closed. */
static void drop_way(struct ipc_client *client)
{
    fd_close(&client->main_fd);
    client->way++;
    for (size_t i = 0; i < IPC_CHANNELS_MAX; i++) {
        struct channel *channel = &client->channels[i];
        if (channel->fd < 0)
            continue;
        if (channel->busy)
            shutdown(channel->fd, SHUT_RDWR);
        else
            fd_close(&channel->fd);
    }
    pthread_cond_broadcast(&client->freed);
}

void ipc_client_connect(struct ipc_client *client, int main_fd)
{
    pthread_mutex_lock(&client->lock);
    drop_way(client);
    client->main_fd = main_fd;
    pthread_mutex_unlock(&client->lock);
}

void ipc_client_destroy(struct ipc_client *client)
{
    if (client == NULL)
        return;
    for (size_t i = 0; i < IPC_CHANNELS_MAX; i++)
        must(!client->channels[i].busy);
    drop_way(client);
    pthread_mutex_destroy(&client->lock);
    pthread_cond_destroy(&client->freed);
    free(client);
}

static enum err fail_not_there(struct error *error)
{
    return fail(error, ERR_UNAVAILABLE, NULL, "the service is not there");
}

/* With the lock held: a new channel, whose other end is sent to the service. */
static enum err open_channel(struct ipc_client *client, struct channel *channel, struct error *error)
{
    CLEANUP(ipc_message_close) struct ipc_message message = {.type = IPC_NEW_CHANNEL};
    int fds[2];
    enum err result = ipc_pair(fds, error);
    if (result != ERR_OK)
        return result;
    channel->fd = fds[0];
    message.fds[message.fd_count++] = fds[1];
    /* An error of the socket's is told once, a service that is gone each time: without it there is no way
     * back. */
    result = ipc_send(client->main_fd, &message, error);
    if (result == ERR_CLOSED)
        result = ipc_send(client->main_fd, &message, error);
    if (result == ERR_OK)
        return ERR_OK;
    fd_close(&channel->fd);
    if (result != ERR_CLOSED)
        return result;
    drop_way(client);
    return fail_not_there(error);
}

/* With the lock held. False: the deadline passed. */
static bool wait_freed(struct ipc_client *client, int64_t deadline)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t wait = deadline - clock_mono_us();
    if (wait <= 0)
        return false;
    wait += until.tv_nsec / 1000;
    until.tv_sec += wait / CLOCK_SECOND;
    until.tv_nsec = wait % CLOCK_SECOND * 1000;
    pthread_cond_timedwait(&client->freed, &client->lock, &until);
    return true;
}

/* A free channel, or a new one, or one that gets free in time. */
static enum err take_channel(struct ipc_client *client, int64_t deadline, struct channel **ret_channel,
                             uint64_t *ret_way, struct error *error)
{
    enum err result = ERR_OK;
    struct channel *found = NULL;
    pthread_mutex_lock(&client->lock);
    while (found == NULL && result == ERR_OK) {
        struct channel *unmade = NULL;
        for (size_t i = 0; i < IPC_CHANNELS_MAX && found == NULL; i++) {
            struct channel *channel = &client->channels[i];
            if (channel->fd >= 0 && !channel->busy)
                found = channel;
            else if (channel->fd < 0 && unmade == NULL)
                unmade = channel;
        }
        if (client->main_fd < 0) {
            result = fail_not_there(error);
        } else if (found == NULL && unmade != NULL) {
            result = open_channel(client, unmade, error);
            found = unmade;
        } else if (found == NULL && !wait_freed(client, deadline)) {
            result = fail_plain(error, ERR_TIMEOUT, "all ways to the service are taken");
        }
    }
    if (result == ERR_OK) {
        found->busy = true;
        *ret_channel = found;
        *ret_way = client->way;
    }
    pthread_mutex_unlock(&client->lock);
    return result;
}

static void give_back(struct ipc_client *client, struct channel *channel, uint64_t way, bool usable)
{
    pthread_mutex_lock(&client->lock);
    if (!usable || way != client->way)
        fd_close(&channel->fd);
    channel->busy = false;
    pthread_cond_signal(&client->freed);
    pthread_mutex_unlock(&client->lock);
}

enum err ipc_call(struct ipc_client *client, const struct ipc_message *request, int64_t timeout_us,
                  struct buf *storage, struct ipc_message *ret_reply, struct error *error)
{
    int64_t deadline = clock_mono_us() + timeout_us;
    struct channel *channel;
    uint64_t way;
    if (request->body.n > IPC_BODY_MAX)
        return fail(error, ERR_INVALID, NULL, "a request of %zu bytes is too large", request->body.n);
    enum err result = take_channel(client, deadline, &channel, &way, error);
    if (result != ERR_OK)
        return result;
    result = ipc_send(channel->fd, request, error);
    if (result == ERR_OK)
        result = ipc_receive(channel->fd, deadline, storage, ret_reply, error);
    give_back(client, channel, way, result == ERR_OK);
    return result == ERR_CLOSED ? fail_not_there(error) : result;
}
