#include "imap/message_limit.h"

static bool is_deleted(const struct message *message, uint64_t context)
{
    (void)context;
    return flag_has(&message->flags, FLAG_DELETED);
}

/* RFC 9738 3.1: UID EXPUNGE only, and what is not to go does not count. */
static bool limit(struct imap_call *call, struct uid_set *uids)
{
    uint32_t most = call->command.by_uid ? imap_message_limit(call->session) : 0;
    if (most > 0 && uid_set_size(uids) > most && !imap_keep_uids(call, is_deleted, 0, uids))
        return false;
    return imap_limit_uids(call, most, uids);
}

/* RFC 3501 6.4.3; UID EXPUNGE: RFC 4315 2.1. The driver sends the EXPUNGE responses. */
void cmd_expunge(struct imap_session *s, struct imap_call *call)
{
    struct imap_sequence_range everything = {1, 0};
    const struct imap_sequence_set all = {.ranges = &everything, .count = 1};
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    if (!imap_may(call, s->rights, RIGHT_EXPUNGE) || view_exists(s->view) == 0 ||
        !imap_resolve_set(call, call->command.by_uid ? &call->command.uids : &all, true, &uids) ||
        !limit(call, &uids))
        return;
    if (message_expunge(s->account, s->folder, &uids, true, &removed, &call->error) != ERR_OK)
        imap_call_failed(call);
    call->removed = removed.count > 0;
}
