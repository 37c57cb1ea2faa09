/* What changed in the selected mailbox, told to the client (RFC 3501 5.2, 7.3, 7.4). */
#include "imap/notify_session.h"
#include "imap/search_context.h"

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
    const struct flagset all = FLAGS_ALL;
    const unsigned rights = s->read_only ? 0 : s->rights;
    const struct flagset may = rights_flags(rights);
    buf_put(out, S("* FLAGS ("));
    imap_put_flag_names(out, &all, call->keywords, call->keyword_count);
    buf_put(out, S(")\r\n* OK [PERMANENTFLAGS ("));
    imap_put_flag_names(out, &may, call->keywords, call->keyword_count);
    if ((rights & RIGHT_WRITE) != 0)
        buf_put(out, S(" \\*"));
    buf_put(out, S(")] "));
    const char *text = (rights & (RIGHT_SEEN | RIGHT_WRITE | RIGHT_TRASH)) == 0 ? "No flag can be changed"
                                                                                : "These flags stay";
    language_put(out, imap_tongue(s), slice_cstr(text));
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
    s->keywords_told = call->keyword_count;
}

bool imap_tell_keywords(struct imap_call *call)
{
    if (!imap_load_keywords(call))
        return false;
    if (call->keyword_count != call->session->keywords_told)
        imap_send_flag_names(call);
    return true;
}

void imap_put_fetch(struct imap_session *s, struct uid uid, uint32_t seq)
{
    /* No printf in what a FETCH of a whole folder repeats for each message: it was a fifth of its time. */
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* "));
    buf_put_u64(out, s->uidonly ? uid.v : seq);
    buf_put(out, s->uidonly ? S(" UIDFETCH (") : S(" FETCH ("));
}

static void send_flags_of(struct imap_call *call, const struct message *message, struct imap_tell tell)
{
    struct imap_session *s = call->session;
    uint32_t seq;
    if (message->changed.v <= tell.since || view_seq(s->view, message->uid, &seq, &call->error) != ERR_OK ||
        seq == 0)
        return;
    struct buf *out = conn_output(s->conn);
    const char *space = "";
    imap_put_fetch(s, message->uid, seq);
    if ((tell.uid || s->condstore) && !s->uidonly) {
        buf_printf(out, "UID %u", message->uid.v);
        space = " ";
    }
    if (tell.flags) {
        buf_printf(out, "%sFLAGS ", space);
        imap_put_flags(out, &message->flags, call->keywords, call->keyword_count,
                       !s->rev2 && view_is_recent(s->view, message->uid));
        space = " ";
    }
    if (s->condstore) {
        buf_printf(out, "%sMODSEQ (%llu)", space, (unsigned long long)message->changed.v);
        s->modseq_told = MAX(s->modseq_told, message->changed.v);
    }
    buf_put(out, S(")\r\n"));
    conn_wrote(s->conn);
}

void imap_send_flags(struct imap_call *call, const struct uid_set *uids, struct imap_tell tell)
{
    if (uids->count == 0 || !imap_tell_keywords(call))
        return;
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    uint64_t left = uid_set_size(uids);
    uint32_t after = 0;
    struct message *messages;
    size_t count = 1;
    while (count > 0 && !conn_broken(call->session->conn)) {
        bool read = call->limited_from != 0
                        ? imap_next_batch_down(call, uids, WANT_LEAST, &left, &arena, &messages, &count)
                        : imap_next_batch(call, uids, WANT_LEAST, &after, &arena, &messages, &count);
        if (!read)
            return;
        for (size_t i = 0; i < count; i++)
            send_flags_of(call, &messages[i], tell);
    }
}

void imap_told_flags(struct imap_session *s, const struct uid_set *uids, struct change_no change)
{
    view_told_flags(s->view, uids, change);
    if (s->contexts != NULL)
        uid_set_union(&s->retest, uids);
}

void imap_send_exists(struct imap_session *s, uint32_t exists, uint32_t recent)
{
    conn_printf(s->conn, "* %u EXISTS\r\n", exists);
    if (!s->rev2) /* RFC 9051 E 12 */
        conn_printf(s->conn, "* %u RECENT\r\n", recent);
}

/* down: the last first (RFC 9738 3.1). The numbers in `changes` mean that those before them have gone. */
static void send_removals(struct imap_session *s, const struct view_changes *changes, bool down)
{
    if (!s->qresync && !s->uidonly) {
        size_t count = changes->expunged_count;
        for (size_t i = 0; i < count; i++)
            conn_printf(s->conn, "* %zu EXPUNGE\r\n",
                        down ? changes->expunged[count - 1 - i] + count - 1 - i : changes->expunged[i]);
        return;
    }
    if (changes->vanished.count == 0)
        return;
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* VANISHED "));
    uid_set_print(&changes->vanished, out);
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

static bool find_arrivals(struct imap_call *call, uint32_t first, uint32_t last, struct uid_set *arrived)
{
    CLEANUP(uid_set_release) struct uid_set numbers = {0};
    uid_set_add(&numbers, first, last);
    return view_uids(call->session->view, &numbers, arrived, &call->error) == ERR_OK;
}

/* Messages that have numbers only now, and those whose flags changed. */
static void update_contexts(struct imap_session *s, struct imap_call *call,
                            const struct view_changes *changes, const struct uid_set *arrived)
{
    CLEANUP(uid_set_release) struct uid_set concerned = {0};
    uid_set_union(&concerned, arrived);
    uid_set_union(&concerned, &changes->flags);
    uid_set_union(&concerned, &s->retest);
    uid_set_release(&s->retest);
    s->retest = (struct uid_set){0};
    imap_contexts_changed(call, &concerned, arrived, arrived->count > 0 || changes->vanished.count > 0);
}

void imap_send_updates(struct imap_session *s, struct imap_call *call, bool expunges)
{
    unsigned told = imap_notify_selected(s);
    imap_tell_urlmech(s);
    if (s->view == NULL || told == 0 || !view_pending(s->view))
        return;
    uint32_t known = view_exists(s->view);
    CLEANUP(view_changes_release) struct view_changes changes = {0};
    if (view_sync(s->view, expunges, &changes, &call->error) != ERR_OK)
        return;
    if (changes.gone) {
        /* RFC 2180 3.3: the mailbox went away under the client. */
        imap_bye(s, "The mailbox was deleted");
        return;
    }
    if (changes.vanished.count > 0)
        imap_contexts_removed(call, &changes);
    send_removals(s, &changes, call->limited_from != 0);
    if (changes.exists_changed)
        imap_send_exists(s, changes.exists, changes.recent);
    if (told & IMAP_NOTIFY_FlagChange)
        imap_send_flags(call, &changes.flags, (struct imap_tell){.uid = true, .flags = true});
    known -= (uint32_t)changes.expunged_count;
    CLEANUP(uid_set_release) struct uid_set arrived = {0};
    if (changes.exists > known && !find_arrivals(call, known + 1, changes.exists, &arrived))
        return;
    if (s->contexts != NULL)
        update_contexts(s, call, &changes, &arrived);
    /* RFC 5465 5.2: after what a search that is kept up to date says of them. */
    uid_set_subtract(&arrived, &call->brought);
    imap_notify_arrivals(call, &arrived);
}
