/*
 * The messages between supervisor and worker, over the worker's descriptor 3 (SOCK_SEQPACKET).
 *
 * Each is a type, one number, and descriptors; the table says how many of those and how large the number may
 * be. Large things (settings, certificates) are sealed memfds among the descriptors.
 *
 * Ownership: descriptors received are the receiver's until control_close. Errors: as ipc.h; ERR_INVALID for a
 * message that the table does not allow from that side, since a worker may be in a stranger's hands.
 */
#ifndef POSTHORN_RT_CONTROL_H
#define POSTHORN_RT_CONTROL_H

#include "rt/ipc.h"
#include "rt/supervisor.h"

/*
 * name, sender, descriptors at least, at most, number at most.
 *   BOOT       settings and, for edge, certificates, for relay acme_material.h's if there is `acme`; number:
 * how many listeners follow LISTENERS  up to IPC_FDS_MAX of them, in order PEER       the way to a service;
 * number: its role CLIENT     a main channel to serve; number: the client's role SETTINGS   as BOOT, on
 * reload STOP       number: the grace in seconds READY      start has succeeded METRICS    behind BOOT: the
 * worker's page; to store those of all processes, in their order CERTIFICATE  of relay: a new chain, in PEM,
 * from the authority of `acme` STOPPED    all sessions have been told; the worker goes when its control
 * channel is closed
 */
#define CONTROL_TABLE(X)                            \
    X(BOOT, SUPERVISOR, 1, 2, WORKER_LISTENERS_MAX) \
    X(LISTENERS, SUPERVISOR, 1, IPC_FDS_MAX, 0)     \
    X(PEER, SUPERVISOR, 1, 1, ROLE_STORE)           \
    X(CLIENT, SUPERVISOR, 1, 1, ROLE_STORE)         \
    X(SETTINGS, SUPERVISOR, 1, 2, 0)                \
    X(STOP, SUPERVISOR, 0, 0, CONTROL_GRACE_MAX)    \
    X(READY, WORKER, 0, 0, 0)                       \
    X(STOPPED, WORKER, 0, 0, 0)                     \
    X(METRICS, SUPERVISOR, 1, IPC_FDS_MAX, 0)       \
    X(CERTIFICATE, WORKER, 1, 1, 0)

enum { CONTROL_FD = 3, CONTROL_GRACE_MAX = 3600, CONTROL_CERTIFICATES_BYTES_MAX = 64 * 1024 * 1024 };

enum control_type {
#define X(name, sender, least, most, number) CONTROL_##name,
    CONTROL_TABLE(X)
#undef X
};

enum control_sender { FROM_SUPERVISOR, FROM_WORKER };

struct control {
    enum control_type type;
    uint32_t number;
    int fds[IPC_FDS_MAX];
    unsigned fd_count;
};

const char *control_name(enum control_type type);
/* Does not take the descriptors. */
enum err control_send(int fd, const struct control *message, struct error *error) MUST_CHECK;
/* deadline: monotonic us, 0 for ever. */
enum err control_receive(int fd, enum control_sender sender, int64_t deadline_us, struct control *ret_message,
                         struct error *error) MUST_CHECK;
void control_close(struct control *message); /* for CLEANUP */

/* Certificates as bytes, one after the other; reading borrows from the bytes and fails past max. */
void control_put_certificate(struct buf *out, const struct tls_pem *pem);
enum err control_get_certificates(struct slice bytes, struct tls_pem *ret_pems, size_t max, size_t *ret_count,
                                  struct error *error) MUST_CHECK;

#endif
