#include "imap/session_internal.h"

/* RFC 3501 6.1.2: the driver tells what is new. */
void cmd_noop(struct imap_session *s, struct imap_call *call)
{
    (void)s;
    (void)call;
}
