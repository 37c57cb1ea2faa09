#include "imap/session_internal.h"

/* RFC 2342: one personal namespace at the root. */
void cmd_namespace(struct imap_session *s, struct imap_call *call)
{
    (void)call;
    conn_write(s->conn, S("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"));
}
