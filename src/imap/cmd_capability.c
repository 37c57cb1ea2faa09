#include "imap/session_internal.h"

/* RFC 3501 6.1.1 */
void cmd_capability(struct imap_session *s, struct imap_call *call)
{
    (void)call;
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* CAPABILITY "));
    imap_put_capabilities(out, true, slice_cstr(s->off), s->settings);
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}
