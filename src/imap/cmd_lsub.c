#include "imap/mailbox_name.h"
#include "imap/session_internal.h"

static void send_row(struct imap_session *s, const char *attributes, struct slice path)
{
    struct buf *out = conn_output(s->conn);
    buf_printf(out, "* LSUB (%s) \"/\" ", attributes);
    imap_put_mailbox(out, path, imap_speaks_utf8(s));
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

/*
 * RFC 3501 6.3.9: a subscribed name that does not match but has a parent that does, because of "%", is shown
 * as that parent with \Noselect. Names come sorted, so the same parent comes in a row.
 */
static void send_matching_parent(struct imap_session *s, struct slice path, struct slice pattern,
                                 struct slice *last)
{
    for (size_t i = 1; i < path.n; i++) {
        struct slice parent = slice_sub(path, 0, i);
        if (path.p[i] != '/' || !mailbox_name_matches(parent, pattern))
            continue;
        if (!slice_eq(parent, *last))
            send_row(s, "\\Noselect", parent);
        *last = parent;
        return;
    }
}

void cmd_lsub(struct imap_session *s, struct imap_call *call)
{
    struct slice pattern;
    struct slice *paths;
    size_t count;
    if (!imap_full_pattern(call, call->command.list.patterns[0], &pattern))
        return;
    if (folder_subscriptions(s->own, &call->arena, &paths, &count, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    bool percent = slice_find_char(pattern, '%') >= 0;
    struct slice last = slice_none();
    for (size_t i = 0; i < count; i++) {
        if (mailbox_name_matches(paths[i], pattern)) {
            send_row(s, "", paths[i]);
            last = paths[i];
        } else if (percent) {
            send_matching_parent(s, paths[i], pattern, &last);
        }
    }
}
