#include "imap/session_internal.h"

/* RFC 3501 6.3.5 */
void cmd_rename(struct imap_session *s, struct imap_call *call)
{
    struct imap_place from;
    struct imap_place to;
    (void)s;
    if (!imap_resolve_name(call, call->command.rename.from, RIGHT_DELETE, "NONEXISTENT", &from) ||
        !imap_resolve_new(call, call->command.rename.to, &to))
        return;
    if (from.account != to.account)
        imap_call_no(call, "CANNOT", "A mailbox can't move to another account");
    else if (folder_rename(from.account, from.path, to.path, &call->error) != ERR_OK)
        imap_call_failed(call);
}
