#include "base/log.h"
#include "imap/notify_session.h"
#include "imap/session_internal.h"

/* Nothing of the person is left: what follows can't be done in his name. His place among the account's
 * sessions is free before the client hears so. */
static void forget_person(struct imap_session *s)
{
    imap_notify_end(s);
    imap_close_view(s);
    s->account = NULL;
    account_unref(take(s->own));
    if (s->ended != NULL)
        s->ended(s->context);
    s->ended = NULL;
}

/*
 * RFC 8437 3: OK is all that may be said, or BYE. The connection goes back to edge, as it was before log-in,
 * and this session ends; a compressed stream ends with our OK and with the client's command (4.1).
 */
void cmd_unauthenticate(struct imap_session *s, struct imap_call *call)
{
    struct link_give_back given = {
        .sid = conn_sid(s->conn),
        .peer = slice_cstr(conn_peer(s->conn)),
        .peer_port = s->peer_port,
        .tls = s->tls,
    };
    CLEANUP(buf_release) struct buf pending = BUF(CONN_PENDING_MAX);
    call->reply.none = true;
    if (s->give_back == NULL) {
        imap_bye(s, "[UNAVAILABLE] This connection can't be used again");
        return;
    }
    forget_person(s);
    s->closing = true;
    struct buf *out = conn_output(s->conn);
    buf_put(out, call->command.tag);
    buf_put(out, S(" OK "));
    language_put(out, s->tongue, S("Logged out; the connection is yours to log in again"));
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
    enum err err = conn_hand_over(s->conn, &given.fd, &pending, &call->error);
    given.pending = buf_slice(&pending);
    if (err == ERR_OK)
        err = s->give_back(s->owner, &given, &call->error);
    if (err != ERR_OK)
        LOG(LOG_WARN, conn_sid(s->conn), "imap.not_given_back", F_ERR(&call->error));
}
