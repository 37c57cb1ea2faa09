#include "imap/session_internal.h"

/* RFC 6154 3: a use we can't give, or that another mailbox has, is USEATTR. One mailbox has one use. */
static bool role_of(struct imap_call *call, struct account *account, enum folder_role *ret_role)
{
    const struct imap_create *create = &call->command.create;
    *ret_role = ROLE_FOLDER_NONE;
    if (create->count == 0)
        return true;
    for (enum folder_role role = ROLE_FOLDER_SENT; role <= ROLE_FOLDER_ARCHIVE; role++)
        if (slice_eq_nocase(create->uses[0], slice_cstr(folder_role_attribute(role) + 1)))
            *ret_role = role;
    struct folder folder;
    enum err err = ERR_NOT_FOUND;
    if (create->count == 1 && *ret_role != ROLE_FOLDER_NONE)
        err = folder_by_role(account, *ret_role, &call->arena, &folder, &call->error);
    if (create->count > 1)
        imap_call_no(call, "USEATTR", "A mailbox can have one special use");
    else if (*ret_role == ROLE_FOLDER_NONE)
        imap_call_no(call, "USEATTR", "This special use can't be given");
    else if (err == ERR_OK)
        imap_call_no(call, "USEATTR", "Another mailbox has this special use");
    else if (err != ERR_NOT_FOUND)
        imap_call_failed(call);
    else
        return true;
    return false;
}

/* RFC 3501 6.3.3, RFC 6154 3 */
void cmd_create(struct imap_session *s, struct imap_call *call)
{
    struct folder_id id;
    enum folder_role role;
    struct imap_place place;
    if (!imap_resolve_new(call, call->command.create.mailbox, &place) || !role_of(call, place.account, &role))
        return;
    if (folder_create(place.account, place.path, FOLDER_MAIL, role, &id, &call->error) != ERR_OK)
        imap_call_failed(call);
    else if (imap_has(s, S("OBJECTID"))) /* RFC 8474 4.1 */
        buf_printf(&call->reply.code, "[MAILBOXID (" FOLDER_ID_FORMAT ")]", (unsigned long long)id.v);
}
