#include "imap/notify_session.h"
#include "store/access_key.h"

/* Any of these makes a mailbox one that can be written to (RFC 4314 5.2). */
enum { RIGHTS_TO_WRITE = RIGHT_INSERT | RIGHT_EXPUNGE | RIGHT_SEEN | RIGHT_WRITE | RIGHT_TRASH };

/* What SELECT and EXAMINE must say (RFC 3501 6.3.1, RFC 9051 6.3.2); everything comes from counters and the
 * view. */
static bool tell_mailbox(struct imap_session *s, struct imap_call *call, const struct imap_mailbox *mailbox)
{
    const struct folder *folder = &mailbox->folder;
    uint32_t unseen = 0;
    if (!imap_load_keywords(call))
        return false;
    /* [UNSEEN] is a message number, which UIDONLY has not (RFC 9586), and gone in IMAP4rev2. */
    if (folder->unseen > 0 && !s->uidonly && !s->rev2 &&
        view_first_unseen(s->view, imap_person(s), &unseen, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    imap_send_flag_names(call);
    imap_send_exists(s, view_exists(s->view), view_recent(s->view));
    if (s->rev2)
        imap_send_list(s, mailbox->name, folder, call->command.written);
    if (unseen > 0)
        imap_say(s, "OK", "The first unseen message", "[UNSEEN %u]", unseen);
    imap_say(s, "OK", "UIDs are valid", "[UIDVALIDITY %u]", folder->uidvalidity);
    imap_say(s, "OK", "The next UID, at least", "[UIDNEXT %u]", folder->uidnext);
    if (imap_has(s, S("OBJECTID")))
        imap_say(s, "OK", "It stays", "[MAILBOXID (" FOLDER_ID_FORMAT ")]", (unsigned long long)folder->id.v);
    /* RFC 7162 3.1.2.1: with every SELECT, asked for or not. */
    if (imap_has(s, S("CONDSTORE")))
        imap_say(s, "OK", "What was told so far", "[HIGHESTMODSEQ %llu]",
                 (unsigned long long)view_change(s->view).v);
    s->urls_as_of = access_key_generation(s->own);
    if (s->tls && s->account == s->own && imap_has(s, S("URLAUTH")))
        imap_say(s, "OK", "Its messages can be given away by URL", "[URLMECH INTERNAL]");
    return !call->command.select.qresync || imap_resync(call, folder);
}

static void open_mailbox(struct imap_session *s, struct imap_call *call, bool read_only)
{
    const struct imap_select *select = &call->command.select;
    if (select->qresync && !s->qresync) {
        imap_reply_set(&call->reply, IMAP_STATUS_BAD, "", "QRESYNC must be enabled first");
        return;
    }
    /* RFC 3501 6.3.1: even if the new one can't be selected, the old one is no longer. */
    if (s->view != NULL && (s->rev2 || imap_has(s, S("QRESYNC"))))
        imap_say(s, "OK", "The mailbox selected before", "[CLOSED]"); /* RFC 7162 3.2.11 */
    imap_close_view(s);
    s->condstore = s->condstore || select->condstore;
    struct imap_mailbox mailbox;
    if (!imap_resolve_mailbox(call, select->mailbox, RIGHT_READ, "NONEXISTENT", &mailbox))
        return;
    /* RFC 4314 5.2; who can change nothing leaves \Recent to others. */
    bool writes = !read_only && (mailbox.rights & RIGHTS_TO_WRITE) != 0;
    if (view_open(mailbox.account, mailbox.folder.id, !writes, &s->view, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    s->account = mailbox.account;
    s->folder = mailbox.folder.id;
    s->read_only = read_only;
    if (s->notify != NULL)
        view_watch(s->view, conn_loop(s->conn), conn_place(s->conn));
    imap_note_rights(s, mailbox.rights);
    if (!tell_mailbox(s, call, &mailbox)) {
        imap_close_view(s);
        return;
    }
    imap_reply_set(&call->reply, IMAP_STATUS_OK, writes ? "READ-WRITE" : "READ-ONLY", "%s completed",
                   imap_verb_name(call->command.verb));
}

void cmd_select(struct imap_session *s, struct imap_call *call)
{
    open_mailbox(s, call, false);
}

/* RFC 3501 6.3.2 */
void cmd_examine(struct imap_session *s, struct imap_call *call)
{
    open_mailbox(s, call, true);
}
