#include "imap/session_internal.h"

/* RFC 2342: the personal namespace at the root, and that of others where there are any. */
void cmd_namespace(struct imap_session *s, struct imap_call *call)
{
    (void)call;
    if (s->directory != NULL)
        conn_write(s->conn, S("* NAMESPACE ((\"\" \"/\")) ((\"" IMAP_OTHER_USERS "/\" \"/\")) NIL\r\n"));
    else
        conn_write(s->conn, S("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"));
}
