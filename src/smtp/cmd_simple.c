/* RSET, NOOP, VRFY, HELP, QUIT (RFC 5321 4.1.1.5 to 4.1.1.10). */
#include "smtp/session.h"

void smtp_rset(struct smtp_session *session, struct slice argument)
{
    (void)argument;
    smtp_reset(session);
    smtp_reply(session, "250 2.0.0 forgotten");
}

void smtp_noop(struct smtp_session *session, struct slice argument)
{
    (void)argument;
    smtp_reply(session, "250 2.0.0 fine");
}

/* Whether an address exists is told to those who write to it (RFC 5321 7.3). */
void smtp_vrfy(struct smtp_session *session, struct slice argument)
{
    if (argument.n == 0)
        smtp_refuse(session, "501 5.5.4 VRFY what?");
    else
        smtp_reply(session, "252 2.1.5 send some mail; then it will be seen");
}

void smtp_help(struct smtp_session *session, struct slice argument)
{
    (void)argument;
    smtp_reply(session, "214 2.0.0 see RFC 5321");
}

void smtp_quit(struct smtp_session *session, struct slice argument)
{
    (void)argument;
    smtp_reply(session, "221 2.0.0 %s: goodbye", session->settings->hostname);
    conn_close(session->conn);
}
