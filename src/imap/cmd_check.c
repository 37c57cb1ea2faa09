#include "imap/session_internal.h"

/* RFC 3501 6.4.1: a checkpoint; here, what was changed is made durable now. */
void cmd_check(struct imap_session *s, struct imap_call *call)
{
    if (account_sync(s->account, &call->error) != ERR_OK)
        imap_call_failed(call);
}
