/* DELE, RSET, NOOP, CAPA, LANG. */
#include "base/log.h"
#include "pop3/capability.h"
#include "pop3/session.h"
#include "store/expire.h"
#include "store/share.h"

enum { SECONDS_PER_DAY = 24 * 3600 };

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
    struct account_usage usage = {0};
    struct error error;
    char expire[ID_TEXT_MAX];
    (void)argument;
    if (account_usage(session->visit.account, &usage, &error) != ERR_OK) {
        LOG(LOG_ERROR, conn_sid(session->conn), "pop3.capa", F_ERR(&error));
        pop3_cannot(session, "[SYS/TEMP] temporarily unavailable");
        return;
    }
    uint64_t days = pop3_keep_s(&usage.limits) / SECONDS_PER_DAY;
    snprintf(expire, sizeof(expire), "%llu", (unsigned long long)days);
    buf_put(out, S("+OK\r\n"));
    pop3_put_capabilities(out, days > 0 ? slice_cstr(expire) : S("NEVER"));
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
