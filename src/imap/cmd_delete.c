#include "imap/session_internal.h"

/* RFC 3501 6.3.4. Whoever deletes the mailbox that he has selected has none selected afterwards. */
void cmd_delete(struct imap_session *s, struct imap_call *call)
{
    struct folder folder;
    if (!imap_resolve_folder(call, call->command.mailbox, "NONEXISTENT", &folder))
        return;
    if (folder_delete(s->account, call->command.mailbox, &call->error) != ERR_OK)
        imap_call_failed(call);
    else if (s->view != NULL && folder.id.v == s->folder.v)
        imap_close_view(s);
}
