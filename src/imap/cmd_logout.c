#include "imap/session_internal.h"

/* RFC 3501 6.1.3 */
void cmd_logout(struct imap_session *s, struct imap_call *call)
{
    (void)call;
    conn_write(s->conn, S("* BYE Logging out\r\n"));
    s->closing = true; /* the driver closes after the tagged OK */
}
