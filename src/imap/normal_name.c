#include "imap/session_internal.h"

/* The name that the command made or used; p NULL: it is none of those that tell. */
static struct slice name_of(const struct imap_command *command)
{
    switch (command->verb) {
    case IMAP_VERB_CREATE:
        return command->create.mailbox;
    case IMAP_VERB_RENAME:
        return command->rename.to;
    case IMAP_VERB_DELETE:
        return command->mailbox;
    case IMAP_VERB_APPEND:
        return command->append.mailbox;
    default: /* SELECT and EXAMINE always tell */
        return slice_none();
    }
}

void imap_tell_normal_name(struct imap_session *s, struct imap_call *call)
{
    struct slice name = name_of(&call->command);
    if (!s->rev2 || !call->command.denormal || call->reply.status != IMAP_STATUS_OK || name.p == NULL)
        return;
    if (slice_ends(name, S("/")))
        name.n--;
    /* The command's own reply stays. */
    struct imap_reply reply = call->reply;
    struct imap_mailbox mailbox;
    call->reply = IMAP_REPLY;
    bool found = imap_resolve_mailbox(call, name, RIGHT_LOOKUP, "NONEXISTENT", &mailbox);
    imap_send_list(s, name, found ? &mailbox.folder : NULL, call->command.written);
    buf_release(&call->reply.code);
    call->reply = reply;
}
