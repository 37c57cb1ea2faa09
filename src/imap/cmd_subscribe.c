#include "imap/session_internal.h"

static void subscribe(struct imap_session *s, struct imap_call *call, bool subscribed)
{
    if (imap_may(call, imap_own_rights(s), RIGHT_WRITE) &&
        folder_subscribe(s->own, call->command.mailbox, subscribed, &call->error) != ERR_OK)
        imap_call_failed(call);
}

/* RFC 3501 6.3.6 */
void cmd_subscribe(struct imap_session *s, struct imap_call *call)
{
    subscribe(s, call, true);
}

/* RFC 3501 6.3.7 */
void cmd_unsubscribe(struct imap_session *s, struct imap_call *call)
{
    subscribe(s, call, false);
}
