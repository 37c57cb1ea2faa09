#include "imap/acl.h"

/* RFC 4314 3.5 */
void cmd_myrights(struct imap_session *s, struct imap_call *call)
{
    struct imap_mailbox mailbox;
    if (imap_resolve_mailbox(call, call->command.mailbox, IMAP_RIGHTS_ANY, "NONEXISTENT", &mailbox))
        imap_send_myrights(s, mailbox.name, mailbox.rights);
}
