#include "imap/session_internal.h"

static bool named(const struct imap_command *command, struct slice name)
{
    for (size_t i = 0; i < command->enable.count; i++)
        if (slice_eq_nocase(command->enable.names[i], name))
            return true;
    return false;
}

/* RFC 5161: names we don't know, or that have no effect, are passed over. */
void cmd_enable(struct imap_session *s, struct imap_call *call)
{
    bool condstore = named(&call->command, S("CONDSTORE"));
    bool qresync = named(&call->command, S("QRESYNC"));
    conn_printf(s->conn, "* ENABLED%s%s\r\n", condstore ? " CONDSTORE" : "", qresync ? " QRESYNC" : "");
    s->qresync = s->qresync || qresync;
    if (condstore || qresync)
        imap_enable_condstore(s);
}
