#include "imap/acl.h"

bool imap_acl_resolve(struct imap_call *call, struct imap_mailbox *ret_mailbox, struct slice *ret_grantee)
{
    const struct imap_acl *acl = &call->command.acl;
    struct directory *directory = call->session->directory;
    if (!imap_resolve_mailbox(call, acl->mailbox, RIGHT_ADMINISTER, "NONEXISTENT", ret_mailbox))
        return false;
    enum err err = ERR_NOT_FOUND;
    if (directory != NULL)
        err = share_grantee(directory, acl->identifier, &call->arena, ret_grantee, &call->error);
    if (err == ERR_INVALID)
        imap_reply_set(&call->reply, IMAP_STATUS_BAD, "", "This can't be anybody's name");
    else if (err == ERR_NOT_FOUND)
        imap_call_no(call, "CANNOT", "There is nobody of this name");
    else if (err != ERR_OK)
        imap_call_failed(call);
    return err == ERR_OK;
}

void imap_put_rights(struct buf *out, unsigned rights)
{
    buf_putc(out, ' ');
    if (rights == 0)
        buf_put(out, S("\"\""));
    rights_put(out, rights, true);
}

void imap_send_myrights(struct imap_session *s, struct slice name, unsigned rights)
{
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* MYRIGHTS "));
    imap_put_mailbox(out, name, imap_speaks_utf8(s));
    imap_put_rights(out, rights);
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}
