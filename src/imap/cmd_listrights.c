#include "imap/acl.h"

/* RFC 4314 3.4: no right is tied to another; the owner has all, always. The identifier goes back as it came.
 */
void cmd_listrights(struct imap_session *s, struct imap_call *call)
{
    struct imap_mailbox mailbox;
    struct slice grantee;
    if (!imap_acl_resolve(call, &mailbox, &grantee))
        return;
    struct buf *out = conn_output(s->conn);
    bool owner = share_grantee_is(grantee, account_id(mailbox.account));
    buf_put(out, S("* LISTRIGHTS "));
    imap_put_mailbox(out, mailbox.name, imap_speaks_utf8(s));
    buf_putc(out, ' ');
    imap_put_astring(out, call->command.acl.identifier);
    imap_put_rights(out, owner ? RIGHTS_ALL : 0);
    buf_put(out, owner ? S("\r\n") : S(" l r s w i p k x t e a c d\r\n"));
    conn_wrote(s->conn);
}
