#include "imap/session_internal.h"

/*
 * RFC 3501 6.3.4. Whoever deletes the mailbox that he has selected has none selected afterwards. A name that
 * was left over for those below it goes when they are gone.
 */
void cmd_delete(struct imap_session *s, struct imap_call *call)
{
    struct imap_mailbox mailbox;
    if (!imap_resolve_any(call, call->command.mailbox, RIGHT_DELETE, "NONEXISTENT", &mailbox))
        return;
    if (!mailbox.folder.selectable && mailbox.folder.has_children)
        imap_call_no(call, "HASCHILDREN", "This name has folders below it");
    else if (folder_delete(mailbox.account, mailbox.folder.path, &call->error) != ERR_OK)
        imap_call_failed(call);
    else if (s->view != NULL && mailbox.account == s->account && mailbox.folder.id.v == s->folder.v)
        imap_close_view(s);
}
