#include <stdlib.h>

#include "base/log.h"
#include "imap/session_internal.h"

/* What this mail program does not get is unknown from now on, but for what it has in use already. */
static void switch_off(struct imap_session *s, struct slice name, struct slice version)
{
    CLEANUP(buf_release) struct buf off = BUF(IMAP_OFF_MAX);
    buf_put(&off, slice_cstr(s->off));
    char *added = imap_add_off_for(&off, s->settings, name, version) ? slice_to_cstr(buf_slice(&off)) : NULL;
    if (added == NULL)
        return;
    free(s->off);
    s->off = added;
    s->reader.limits.plus_max = imap_literal_plus_max(slice_cstr(s->off));
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* CAPABILITY "));
    imap_put_capabilities(out, true, slice_cstr(s->off), s->settings);
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

/* RFC 2971 */
void cmd_id(struct imap_session *s, struct imap_call *call)
{
    struct slice name, version;
    imap_id_of(&call->command, &name, &version);
    LOG(LOG_INFO, conn_sid(s->conn), "imap.client", F_STR("name", name), F_STR("version", version));
    conn_write(s->conn, S("* ID (\"name\" \"Posthorn\" \"version\" \"" POSTHORN_VERSION "\")\r\n"));
    switch_off(s, name, version);
}
