#include "imap/session_internal.h"

/* RFC 3501 6.4.6 */
void cmd_store(struct imap_session *s, struct imap_call *call)
{
    static const enum flag_change changes[] = {[IMAP_STORE_REPLACE] = FLAGS_REPLACE,
                                               [IMAP_STORE_ADD] = FLAGS_ADD,
                                               [IMAP_STORE_REMOVE] = FLAGS_REMOVE};
    const struct imap_command *command = &call->command;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(flag_result_release) struct flag_result result = {0};
    struct flagset flags;
    if (!imap_resolve_set(call, &command->store.set, command->by_uid, &uids) ||
        !imap_resolve_flags(call, &command->store.flags, command->store.how != IMAP_STORE_REMOVE, &flags))
        return;
    if (uids.count == 0)
        return;
    /* New keywords are told before a flag list shows one, even to a silent STORE: it has to know them. */
    if (!imap_tell_keywords(call))
        return;
    if (message_flags(s->account, s->folder, &uids, changes[command->store.how], &flags,
                      (struct change_no){0}, &result, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    if (!command->store.silent)
        imap_send_flags(call, &uids, command->by_uid);
    if (result.change.v != 0)
        view_told_flags(s->view, &result.changed, result.change);
}
