#include "link/guest.h"

#include "base/fdio.h"
#include "base/log.h"

static void count(const struct guest *guest, int by)
{
    metric_add(SESSIONS, METRIC_SESSION(guest->protocol, guest->in_tls), by);
}

void guest_arrived(struct guest *guest)
{
    guest->in_tls = guest->tls_first;
    metric_count(CONNECTIONS, guest->protocol);
    count(guest, 1);
}

void guest_returned(struct guest *guest)
{
    guest->in_tls = guest->conn != NULL;
    count(guest, 1);
}

void guest_left(struct guest *guest)
{
    count(guest, -1);
}

void guest_secured(struct guest *guest)
{
    count(guest, -1);
    guest->in_tls = true;
    count(guest, 1);
}

enum err guest_open(struct guest *guest, const struct conn_handler *handler, void *session,
                    struct conn **ret_conn, struct error *error)
{
    if (guest->conn != NULL) {
        conn_resume(guest->conn, handler, session);
        *ret_conn = guest->conn;
        return ERR_OK;
    }
    struct conn_options options = {
        .sid = guest->sid.v != 0 ? guest->sid : (struct session_id){id_random()},
        .peer = guest->peer,
        .peer_port = guest->peer_port,
        .tls = guest->tls_first ? guest->tls : NULL,
    };
    LOG(LOG_DEBUG, options.sid, "edge.connect", F_CSTR("protocol", handler->protocol),
        F_CSTR("peer", guest->peer), F_INT("port", guest->peer_port));
    return conn_open(guest->loop, fd_take(&guest->fd), handler, session, &options, ret_conn, error);
}
