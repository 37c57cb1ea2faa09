#include "imap/session_internal.h"

/* RFC 3501 6.4.2: what is \Deleted goes, without a word about it; without the right it stays (RFC 4314 4). */
void cmd_close(struct imap_session *s, struct imap_call *call)
{
    if (!s->read_only && (s->rights & RIGHT_EXPUNGE) != 0) {
        CLEANUP(uid_set_release) struct uid_set all = {0};
        CLEANUP(uid_set_release) struct uid_set removed = {0};
        uid_set_add(&all, 1, UINT32_MAX);
        if (message_expunge(s->account, s->folder, &all, true, &removed, &call->error) != ERR_OK &&
            call->error.code != ERR_NOT_FOUND)
            imap_call_failed(call);
    }
    imap_close_view(s);
}

/* RFC 3691 */
void cmd_unselect(struct imap_session *s, struct imap_call *call)
{
    (void)call;
    imap_close_view(s);
}
