/* DELE, RSET, NOOP, CAPA, LANG. */
#include "pop3/capability.h"
#include "pop3/session.h"
#include "store/share.h"

void pop3_dele(struct pop3_session *session, struct slice argument)
{
    struct pop3_message *message = pop3_find(session, argument);
    if (message == NULL)
        return;
    if ((session->visit.lacks & (RIGHT_TRASH | RIGHT_EXPUNGE)) != 0) {
        pop3_refuse(session, "you may only read this mailbox");
        return;
    }
    message->deleted = true;
    pop3_ok(session, "deleted at QUIT");
}

void pop3_rset(struct pop3_session *session, struct slice argument)
{
    (void)argument;
    for (size_t i = 0; i < session->count; i++)
        session->messages[i].deleted = false;
    pop3_ok(session, "%zu messages", session->count);
}

void pop3_noop(struct pop3_session *session, struct slice argument)
{
    (void)argument;
    pop3_ok(session, "fine");
}

void pop3_capa(struct pop3_session *session, struct slice argument)
{
    struct buf *out = conn_output(session->conn);
    (void)argument;
    buf_put(out, S("+OK\r\n"));
    pop3_put_capabilities(out);
    buf_put(out, S(".\r\n"));
    conn_wrote(session->conn);
}

/* RFC 6856 3.2: "*" is the account's language here. */
void pop3_lang(struct pop3_session *session, struct slice argument)
{
    const struct tongue by_default = {session->visit.preferred, true};
    pop3_put_lang(conn_output(session->conn), argument, by_default, &session->tongue);
    conn_wrote(session->conn);
}
