#include "imap/session_internal.h"

/* RFC 3501 6.1.3 */
void cmd_logout(struct imap_session *s, struct imap_call *call)
{
    (void)call;
    imap_put_line(s, S("*"), "BYE", slice_none(), "Logging out");
    s->closing = true; /* the driver closes after the tagged OK */
}
