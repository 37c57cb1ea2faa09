/* STARTTLS (RFC 3207). */
#include "smtp/session.h"

void smtp_starttls(struct smtp_session *session, struct slice argument)
{
    (void)argument;
    if (session->guest->tls == NULL) {
        smtp_refuse(session, "502 5.5.1 TLS is not set up here");
        return;
    }
    if (conn_is_tls(session->conn)) {
        smtp_refuse(session, "503 5.5.1 TLS is on already");
        return;
    }
    if (conn_has_pending(session->conn)) {
        /* Commands sent ahead in the clear must not be taken for commands sent inside TLS. */
        smtp_reply(session, "501 5.5.1 nothing may follow STARTTLS before TLS is on");
        conn_close(session->conn);
        return;
    }
    smtp_reply(session, "220 2.0.0 go ahead");
    conn_start_tls(session->conn, session->guest->tls);
}
