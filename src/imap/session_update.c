/* What changed in the selected mailbox, told to the client (RFC 3501 5.2, 7.3, 7.4). */
#include "imap/session_internal.h"

bool imap_load_keywords(struct imap_call *call)
{
    if (call->keywords_loaded)
        return true;
    if (keyword_names(call->session->account, &call->arena, &call->keywords, &call->keyword_count,
                      &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    call->keywords_loaded = true;
    return true;
}

void imap_send_flag_names(struct imap_call *call)
{
    struct imap_session *s = call->session;
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* FLAGS ("));
    imap_put_flag_names(out, call->keywords, call->keyword_count);
    buf_put(out, S(")\r\n* OK [PERMANENTFLAGS ("));
    if (!s->read_only) {
        imap_put_flag_names(out, call->keywords, call->keyword_count);
        buf_put(out, S(" \\*"));
    }
    buf_put(out, s->read_only ? S(")] No flag can be changed\r\n") : S(")] These flags stay\r\n"));
    conn_wrote(s->conn);
    s->keywords_told = call->keyword_count;
}

void imap_enable_condstore(struct imap_session *s)
{
    if (s->condstore)
        return;
    s->condstore = true;
    if (s->view != NULL)
        conn_printf(s->conn, "* OK [HIGHESTMODSEQ %llu] Mod-sequences are on\r\n",
                    (unsigned long long)view_change(s->view).v);
}

bool imap_tell_keywords(struct imap_call *call)
{
    if (!imap_load_keywords(call))
        return false;
    if (call->keyword_count != call->session->keywords_told)
        imap_send_flag_names(call);
    return true;
}

static void send_flags_of(struct imap_call *call, const struct message *message, bool with_uid)
{
    struct imap_session *s = call->session;
    uint32_t seq;
    if (view_seq(s->view, message->uid, &seq, &call->error) != ERR_OK || seq == 0)
        return;
    struct buf *out = conn_output(s->conn);
    buf_printf(out, "* %u FETCH (", seq);
    if (with_uid)
        buf_printf(out, "UID %u ", message->uid.v);
    buf_put(out, S("FLAGS "));
    imap_put_flags(out, &message->flags, call->keywords, call->keyword_count,
                   view_is_recent(s->view, message->uid));
    buf_put(out, S(")\r\n"));
    conn_wrote(s->conn);
}

void imap_send_flags(struct imap_call *call, const struct uid_set *uids, bool with_uid)
{
    if (uids->count == 0 || !imap_tell_keywords(call))
        return;
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    uint32_t after = 0;
    struct message *messages;
    size_t count;
    while (imap_next_batch(call, uids, WANT_FLAGS, &after, &arena, &messages, &count) && count > 0 &&
           !conn_broken(call->session->conn))
        for (size_t i = 0; i < count; i++)
            send_flags_of(call, &messages[i], with_uid);
}

void imap_send_updates(struct imap_session *s, struct imap_call *call, bool expunges)
{
    if (s->view == NULL || !view_pending(s->view))
        return;
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    if (view_sync(s->view, expunges, &changes, &call->error) != ERR_OK)
        return;
    if (changes.gone) {
        /* RFC 2180 3.3: the mailbox went away under the client. */
        imap_bye(s, "The mailbox was deleted");
        return;
    }
    for (size_t i = 0; i < changes.expunged_count; i++)
        conn_printf(s->conn, "* %u EXPUNGE\r\n", changes.expunged[i]);
    if (changes.exists_changed)
        conn_printf(s->conn, "* %u EXISTS\r\n* %u RECENT\r\n", changes.exists, changes.recent);
    imap_send_flags(call, &changes.flags, true);
}
