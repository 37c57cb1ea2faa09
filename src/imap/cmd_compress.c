#include "imap/session_internal.h"

static void bad(struct imap_call *call, const char *code, const char *text)
{
    imap_reply_set(&call->reply, IMAP_STATUS_BAD, code, "%s", text);
}

/* RFC 4978 3. The OK is the last that goes out as it is. */
void cmd_compress(struct imap_session *s, struct imap_call *call)
{
    if (!slice_eq_nocase(call->command.algorithm, S("DEFLATE")))
        bad(call, "", "DEFLATE is all we can");
    else if (conn_is_deflated(s->conn))
        bad(call, "COMPRESSIONACTIVE", "DEFLATE is active already");
    else if (conn_has_pending(s->conn))
        bad(call, "", "Nothing may follow COMPRESS before our answer");
    else if (conn_start_deflate(s->conn, &call->error) != ERR_OK)
        imap_call_failed(call);
}
