#include "imap/search_context.h"

static bool named(const struct imap_session *s, const struct imap_command *command, struct slice name)
{
    for (size_t i = 0; i < command->enable.count; i++)
        if (slice_eq_nocase(command->enable.names[i], name))
            return imap_has(s, name);
    return false;
}

/* RFC 5161, RFC 6855 3, RFC 9051 6.3.1, RFC 9586 3: names we don't know, or that have no effect, are passed
 * over. */
void cmd_enable(struct imap_session *s, struct imap_call *call)
{
    bool condstore = named(s, &call->command, S("CONDSTORE"));
    bool qresync = named(s, &call->command, S("QRESYNC"));
    bool utf8 = named(s, &call->command, S("UTF8=ACCEPT"));
    bool uidonly = named(s, &call->command, S("UIDONLY"));
    bool rev2 = named(s, &call->command, S("IMAP4rev2"));
    conn_printf(s->conn, "* ENABLED%s%s%s%s%s\r\n", condstore ? " CONDSTORE" : "", qresync ? " QRESYNC" : "",
                utf8 ? " UTF8=ACCEPT" : "", uidonly ? " UIDONLY" : "", rev2 ? " IMAP4rev2" : "");
    s->rev2 = s->rev2 || rev2;
    s->uidonly = s->uidonly || uidonly;
    if (s->uidonly)
        imap_contexts_end_numbers(s);
    s->utf8_accept = s->utf8_accept || utf8;
    s->qresync = s->qresync || qresync;
    if (condstore || qresync)
        imap_enable_condstore(s);
}
