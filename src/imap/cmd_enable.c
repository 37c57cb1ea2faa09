#include "imap/session_internal.h"

/* RFC 5161: names we don't know, or that have no effect, are passed over. */
void cmd_enable(struct imap_session *s, struct imap_call *call)
{
    (void)call;
    conn_write(s->conn, S("* ENABLED\r\n"));
}
