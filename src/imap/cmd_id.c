#include "base/log.h"
#include "imap/session_internal.h"

/* RFC 2971 */
void cmd_id(struct imap_session *s, struct imap_call *call)
{
    struct slice name = slice_none();
    struct slice version = slice_none();
    for (size_t i = 0; i < call->command.id.count; i++) {
        const struct imap_id_pair *pair = &call->command.id.pairs[i];
        if (slice_eq_nocase(pair->name, S("name")))
            name = pair->value;
        else if (slice_eq_nocase(pair->name, S("version")))
            version = pair->value;
    }
    LOG(LOG_INFO, conn_sid(s->conn), "imap.client", F_STR("name", name), F_STR("version", version));
    conn_write(s->conn, S("* ID (\"name\" \"Posthorn\" \"version\" \"" POSTHORN_VERSION "\")\r\n"));
}
