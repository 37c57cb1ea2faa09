#include "imap/mailbox_name.h"
#include "imap/session_internal.h"

enum { PATTERN_MAX = 2 * FOLDER_PATH_MAX };

/* RFC 3501 6.3.8: the reference goes in front of the pattern. */
static bool put_pattern(struct imap_call *call, struct buf *pattern)
{
    buf_put(pattern, call->command.list.reference);
    buf_put(pattern, call->command.list.pattern);
    if (!buf_failed(pattern))
        return true;
    imap_call_no(call, "LIMIT", "The mailbox pattern is too long");
    return false;
}

static void send_row(struct imap_session *s, const char *verb, const char *attributes, struct slice path)
{
    struct buf *out = conn_output(s->conn);
    buf_printf(out, "* %s (%s) \"/\" ", verb, attributes);
    imap_put_mailbox(out, path);
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

static void send_folder(struct imap_session *s, const struct folder *folder)
{
    char attributes[100];
    const char *role = folder_role_attribute(folder->role);
    snprintf(attributes, sizeof(attributes), "%s%s%s%s", folder->selectable ? "" : "\\Noselect ",
             folder->has_children ? "\\HasChildren" : "\\HasNoChildren", role[0] != 0 ? " " : "", role);
    send_row(s, "LIST", attributes, folder->path);
}

void cmd_list(struct imap_session *s, struct imap_call *call)
{
    /* An empty pattern asks for the hierarchy delimiter. */
    if (call->command.list.pattern.n == 0) {
        conn_write(s->conn, S("* LIST (\\Noselect) \"/\" \"\"\r\n"));
        return;
    }
    CLEANUP(buf_release) struct buf pattern = BUF(PATTERN_MAX);
    struct folder *folders;
    size_t count;
    if (!put_pattern(call, &pattern))
        return;
    if (folder_list(s->account, &call->arena, &folders, &count, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    for (size_t i = 0; i < count; i++)
        if (folders[i].class == FOLDER_MAIL && mailbox_name_matches(folders[i].path, buf_slice(&pattern)))
            send_folder(s, &folders[i]);
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
            send_row(s, "LSUB", "\\Noselect", parent);
        *last = parent;
        return;
    }
}

void cmd_lsub(struct imap_session *s, struct imap_call *call)
{
    CLEANUP(buf_release) struct buf pattern = BUF(PATTERN_MAX);
    struct slice *paths;
    size_t count;
    if (!put_pattern(call, &pattern))
        return;
    if (folder_subscriptions(s->account, &call->arena, &paths, &count, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    bool percent = slice_find_char(buf_slice(&pattern), '%') >= 0;
    struct slice last = slice_none();
    for (size_t i = 0; i < count; i++) {
        if (mailbox_name_matches(paths[i], buf_slice(&pattern))) {
            send_row(s, "LSUB", "", paths[i]);
            last = paths[i];
        } else if (percent) {
            send_matching_parent(s, paths[i], buf_slice(&pattern), &last);
        }
    }
}
