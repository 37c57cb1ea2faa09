#include "imap/session_internal.h"

/* RFC 3501 6.4.3; UID EXPUNGE: RFC 4315 2.1. The driver sends the EXPUNGE responses. */
void cmd_expunge(struct imap_session *s, struct imap_call *call)
{
    struct imap_sequence_range everything = {1, 0};
    const struct imap_sequence_set all = {.ranges = &everything, .count = 1};
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    if (!imap_may(call, s->rights, RIGHT_EXPUNGE) || view_exists(s->view) == 0 ||
        !imap_resolve_set(call, call->command.by_uid ? &call->command.uids : &all, true, &uids))
        return;
    if (message_expunge(s->account, s->folder, &uids, true, &removed, &call->error) != ERR_OK)
        imap_call_failed(call);
    call->removed = removed.count > 0;
}
