#include "imap/session_internal.h"

/* RFC 3501 6.3.3 */
void cmd_create(struct imap_session *s, struct imap_call *call)
{
    struct folder_id id;
    if (folder_create(s->account, call->command.mailbox, FOLDER_MAIL, ROLE_FOLDER_NONE, &id, &call->error) !=
        ERR_OK)
        imap_call_failed(call);
    else /* RFC 8474 4.1 */
        buf_printf(&call->reply.code, "[MAILBOXID (" IMAP_MAILBOXID_FORMAT ")]", (unsigned long long)id.v);
}
