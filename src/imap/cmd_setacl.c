#include "imap/acl.h"

/* The owner's rights are not in the list; what would leave them all is no change. */
static bool is_owners_own(struct imap_call *call, const struct imap_mailbox *mailbox, struct slice grantee)
{
    const struct imap_acl *acl = &call->command.acl;
    if (!share_grantee_is(grantee, account_id(mailbox->account)))
        return false;
    bool all = acl->how == SHARE_ADD || (acl->how == SHARE_REMOVE && acl->rights == 0) ||
               (acl->how == SHARE_REPLACE && acl->rights == RIGHTS_ALL);
    if (!all)
        imap_call_no(call, "CANNOT", "The owner always has all rights");
    return true;
}

static void set(struct imap_call *call)
{
    const struct imap_acl *acl = &call->command.acl;
    struct imap_mailbox mailbox;
    struct share_change change = {.how = acl->how, .rights = acl->rights};
    if (!imap_acl_resolve(call, &mailbox, &change.grantee) || is_owners_own(call, &mailbox, change.grantee))
        return;
    change.folder = mailbox.folder.id;
    if (share_set(call->session->directory, mailbox.account, &change, &call->error) != ERR_OK)
        imap_call_failed(call);
}

/* RFC 4314 3.1 */
void cmd_setacl(struct imap_session *s, struct imap_call *call)
{
    (void)s;
    set(call);
}

/* RFC 4314 3.2: the grammar gave no rights, which replace those that were. */
void cmd_deleteacl(struct imap_session *s, struct imap_call *call)
{
    (void)s;
    set(call);
}
