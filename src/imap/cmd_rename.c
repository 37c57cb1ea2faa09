#include "imap/session_internal.h"

/* RFC 3501 6.3.5 */
void cmd_rename(struct imap_session *s, struct imap_call *call)
{
    if (folder_rename(s->account, call->command.rename.from, call->command.rename.to, &call->error) != ERR_OK)
        imap_call_failed(call);
}
