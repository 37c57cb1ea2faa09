/*
 * Records between processes over SOCK_SEQPACKET: a type, a body (written and read with base/wire.h),
 * descriptors.
 *
 * A client (edge, relay) holds a pool of channels to a service (store): ipc_call takes a free channel, sends
 * one request, waits for its one reply. When all are taken it makes another: a socket pair, one end of which
 * it sends over the main channel. In the service each channel is a place in the loop; a request is served by
 * whichever worker takes it.
 *
 * Ownership: descriptors received belong to the receiver: ipc_message_close closes those not taken (fd_take).
 * Errors: ERR_CLOSED when the other side is gone, ERR_TIMEOUT, ERR_INVALID for a malformed or oversized
 * record. Threads: the client's pool may be used by all. Limits: IPC_*.
 */
#ifndef POSTHORN_RT_IPC_H
#define POSTHORN_RT_IPC_H

#include "base/buf.h"
#include "rt/loop.h"

enum {
    IPC_BODY_MAX = 96 * 1024, /* bytes; larger things travel as a sealed memfd or a spool file */
    IPC_FDS_MAX = 4,
    IPC_CHANNELS_MAX = 512, /* one client's */
};

struct ipc_message {
    uint32_t type;
    struct slice body; /* borrowed: from the caller when sending, from the storage buf when received */
    int fds[IPC_FDS_MAX];
    unsigned fd_count;
};

void ipc_message_close(struct ipc_message *message); /* for CLEANUP */
enum err ipc_send(int fd, const struct ipc_message *message, struct error *error) MUST_CHECK;
/* deadline: monotonic us, 0 for ever. storage holds the body. */
enum err ipc_receive(int fd, int64_t deadline_us, struct buf *storage, struct ipc_message *ret_message,
                     struct error *error) MUST_CHECK;
/* A connected pair. */
enum err ipc_pair(int ret_fds[static 2], struct error *error) MUST_CHECK;

/* The calling side. */
struct ipc_client;
enum err ipc_client_create(struct ipc_client **ret_client, struct error *error) MUST_CHECK;
/* The way to the service; a new one after the service was restarted (old channels are dropped). Takes fd. */
void ipc_client_connect(struct ipc_client *client, int main_fd);
/* One request, one reply. ERR_UNAVAILABLE when the service is not there. */
enum err ipc_call(struct ipc_client *client, const struct ipc_message *request, int64_t timeout_us,
                  struct buf *storage, struct ipc_message *ret_reply, struct error *error) MUST_CHECK;
void ipc_client_destroy(struct ipc_client *client);

/* The serving side: fills *reply (type, body in reply_body, fds: sent, then closed). Request fds not taken
 * are closed. */
typedef void ipc_serve_fn(void *context, struct ipc_message *request, struct buf *reply_body,
                          struct ipc_message *reply);
/* Serves a client's main channel, and every channel that comes over it, until the client is gone. Takes
 * main_fd. */
enum err ipc_serve(struct loop *loop, int main_fd, ipc_serve_fn *serve, void *context,
                   struct error *error) MUST_CHECK;

/* Bytes as a sealed, read-only memfd; and such a memfd read back as a mapped slice, checked against limit.
 * Nothing else is mapped: its sender could change it, or take it away. */
enum err ipc_memfd(struct slice bytes, int *ret_fd, struct error *error) MUST_CHECK;
enum err ipc_map(int fd, size_t limit, struct slice *ret_bytes, struct error *error) MUST_CHECK;
void ipc_unmap(struct slice *bytes); /* for CLEANUP */

#endif
