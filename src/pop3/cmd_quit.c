/* QUIT (RFC 1939 6): the UPDATE state. What DELE marked goes now, and is gone for good before +OK. */
#include "base/log.h"
#include "pop3/session.h"

static enum err remove_deleted(struct pop3_session *session, struct error *error)
{
    CLEANUP(uid_set_release) struct uid_set deleted = {0};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    for (size_t i = 0; i < session->count; i++)
        if (session->messages[i].deleted)
            uid_set_add(&deleted, session->messages[i].uid.v, session->messages[i].uid.v);
    if (deleted.failed)
        return fail_nomem(error);
    if (deleted.count == 0)
        return ERR_OK;
    enum err err = message_expunge(session->visit.account, session->inbox, &deleted, false, &removed, error);
    return err == ERR_OK ? account_sync(session->visit.account, error) : err;
}

void pop3_quit(struct pop3_session *session, struct slice argument)
{
    struct error error;
    (void)argument;
    pop3_keep_seen(session);
    if (remove_deleted(session, &error) == ERR_OK) {
        pop3_ok(session, "goodbye");
    } else {
        LOG(LOG_ERROR, conn_sid(session->conn), "pop3.quit", F_ERR(&error));
        pop3_cannot(session, "[SYS/TEMP] some deleted messages were not removed");
    }
    conn_close(session->conn);
}
