#include "imap/session_internal.h"

static uint64_t value_of(const struct imap_session *s, const struct folder *folder,
                         enum imap_status_item item)
{
    switch (item) {
    case IMAP_STATUS_MESSAGES:
        return folder->messages;
    case IMAP_STATUS_RECENT:
        return folder->recent;
    case IMAP_STATUS_UIDNEXT:
        return folder->uidnext;
    case IMAP_STATUS_UIDVALIDITY:
        return folder->uidvalidity;
    case IMAP_STATUS_UNSEEN:
        return folder->unseen;
    case IMAP_STATUS_HIGHESTMODSEQ:
        return folder->changed.v;
    case IMAP_STATUS_SIZE:
        return folder->bytes;
    case IMAP_STATUS_DELETED:
        return folder->deleted;
    case IMAP_STATUS_DELETED_STORAGE:
        return folder->deleted_bytes;
    case IMAP_STATUS_APPENDLIMIT:
        return s->message_size_max;
    case IMAP_STATUS_MAILBOXID:
    case IMAP_STATUS_ITEMS:
        break;
    }
    return 0;
}

void imap_send_status(struct imap_session *s, struct slice name, const struct folder *folder, unsigned items)
{
    static const char *const names[] = {
#define X(name, text) [IMAP_STATUS_##name] = (text),
        IMAP_STATUS_TABLE(X)
#undef X
    };
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* STATUS "));
    imap_put_mailbox(out, name, imap_speaks_utf8(s));
    const char *before = " (";
    for (unsigned i = 0; i < IMAP_STATUS_ITEMS; i++) {
        if (!(items & 1U << i))
            continue;
        buf_printf(out, "%s%s ", before, names[i]);
        if (i == IMAP_STATUS_MAILBOXID)
            buf_printf(out, "(" FOLDER_ID_FORMAT ")", (unsigned long long)folder->id.v);
        else
            buf_printf(out, "%llu", (unsigned long long)value_of(s, folder, (enum imap_status_item)i));
        before = " ";
    }
    buf_put(out, S(")\r\n"));
    conn_wrote(s->conn);
}

/* RFC 3501 6.3.10; SIZE: RFC 8438, MAILBOXID: RFC 8474 4.3, APPENDLIMIT: RFC 7889 3.2 */
void cmd_status(struct imap_session *s, struct imap_call *call)
{
    struct imap_mailbox mailbox;
    if (!imap_resolve_mailbox(call, call->command.status.mailbox, RIGHT_READ, "NONEXISTENT", &mailbox))
        return;
    if (call->command.status.items & 1U << IMAP_STATUS_HIGHESTMODSEQ)
        imap_enable_condstore(s);
    imap_send_status(s, mailbox.name, &mailbox.folder, call->command.status.items);
}
