/*
 * A guest at the edge: one accepted connection and what its session needs from the process, before a protocol
 * takes it.
 *
 * Ownership: the session calls release(guest) once, as its last act: then the settings of its time and its
 * place in the count of connections are given back. Everything pointed to lives until then.
 */
#ifndef POSTHORN_LINK_GUEST_H
#define POSTHORN_LINK_GUEST_H

#include "authres/guards.h"
#include "authres/judge.h"
#include "link/login.h"
#include "milter/milters.h"
#include "rt/metrics.h"
#include "rt/settings.h"

struct guest {
    struct loop *loop;
    struct link *link;
    struct login_guard *guard;
    struct ipc_client *relay;      /* the way to it; NULL: none */
    struct judge *judge;           /* of mail from strangers; NULL: nobody judges */
    struct guards *guards;         /* NULL: nobody looks at strangers before that */
    struct milter_office *milters; /* NULL: none are asked */
    struct tls_context *tls;       /* NULL: no TLS set up */
    const struct settings *settings;
    bool tls_first;                /* implicit TLS: the handshake comes before the greeting */
    enum metric_protocol protocol; /* under which it is counted */
    bool in_tls;                   /* the same */
    int fd;                        /* the session's (fd_take); -1: it is to resume `conn` */
    struct conn *conn;
    struct session_id sid;        /* of a connection that came back; 0: it is a new one */
    const struct conn_home *home; /* where it comes back to */
    char peer[CONN_PEER_TEXT_MAX];
    uint16_t peer_port;
    void (*release)(struct guest *guest);
};

/* conn_open or conn_resume for a guest. On failure everything is released through handler->closed. */
enum err guest_open(struct guest *guest, const struct conn_handler *handler, void *session,
                    struct conn **ret_conn, struct error *error) MUST_CHECK;

/* For metrics: it came, it went; by STARTTLS it moved from one count to the other. */
void guest_arrived(struct guest *guest) NONNULL;
void guest_returned(struct guest *guest) NONNULL; /* his connection, that is, from store */
void guest_left(struct guest *guest) NONNULL;
void guest_secured(struct guest *guest) NONNULL;

#endif
