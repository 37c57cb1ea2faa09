#include "imap/search_context.h"

/* RFC 5267 4.3.5 */
void cmd_cancelupdate(struct imap_session *s, struct imap_call *call)
{
    for (size_t i = 0; i < call->command.cancel.count; i++)
        if (!imap_context_end(s, call->command.cancel.tags[i]))
            imap_call_no(call, "", "No search with such a tag is kept up to date");
}
