/* From a mailbox name to the account and folder that it means. */
#include "imap/session_internal.h"

bool imap_resolve_name(struct imap_call *call, struct slice name, struct imap_place *ret_place)
{
    *ret_place = (struct imap_place){call->session->own, name};
    return true;
}

bool imap_resolve_mailbox(struct imap_call *call, struct slice name, const char *missing,
                          struct imap_mailbox *ret_mailbox)
{
    struct imap_place place;
    if (!imap_resolve_name(call, name, &place))
        return false;
    struct imap_mailbox mailbox = {.account = place.account};
    enum err err = folder_find(place.account, place.path, &call->arena, &mailbox.folder, &call->error);
    if (err == ERR_OK && mailbox.folder.selectable && mailbox.folder.class == FOLDER_MAIL) {
        mailbox.name = mailbox.folder.path;
        *ret_mailbox = mailbox;
        return true;
    }
    if (err == ERR_OK || err == ERR_NOT_FOUND)
        imap_call_no(call, missing, "There is no such mailbox");
    else
        imap_call_failed(call);
    return false;
}
