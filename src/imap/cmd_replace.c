/*
 * REPLACE (RFC 8508): a new message for an old one. Within one account it is one transaction; a message of
 * one account that replaces another's comes first, so that a failure in between leaves both.
 */
#include "base/must.h"
#include "imap/session_internal.h"

/* The one message that the command names. False: the reply says why. */
static bool find_replaced(struct imap_call *call, struct uid *ret_uid)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    if (!imap_resolve_set(call, &call->command.replace.set, call->command.by_uid, &uids))
        return false;
    if (uids.count == 0) {
        imap_call_no(call, "NONEXISTENT", "There is no such message");
        return false;
    }
    must(uid_set_size(&uids) == 1);
    *ret_uid = (struct uid){uids.ranges[0].first};
    return true;
}

static enum err replace(struct imap_session *s, struct account *to, struct uid uid, struct imap_batch *batch,
                        struct error *error)
{
    if (to == s->account) {
        enum err err = message_replace(to, batch->items, s->folder, uid, batch->results, error);
        return err == ERR_OK ? account_sync(to, error) : err;
    }
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    struct message *messages;
    size_t count;
    uid_set_add(&uids, uid.v, uid.v);
    if (uids.failed)
        return fail_nomem(error);
    enum err err =
        message_list(s->account, s->folder, &uids, WANT_FLAGS, 1, &arena, &messages, &count, error);
    if (err == ERR_OK && count == 0)
        err = fail_plain(error, ERR_NOT_FOUND, "The message to be replaced is gone");
    if (err == ERR_OK)
        err = message_append(to, batch->items, batch->count, batch->results, error);
    if (err == ERR_OK)
        err = account_sync(to, error);
    if (err == ERR_OK)
        err = message_expunge(s->account, s->folder, &uids, false, &removed, error);
    return err == ERR_OK ? account_sync(s->account, error) : err;
}

void cmd_replace(struct imap_session *s, struct imap_call *call)
{
    const struct imap_append *append = &call->command.replace.append;
    CLEANUP(imap_batch_release) struct imap_batch batch = {0};
    struct imap_mailbox mailbox;
    struct uid uid;
    /* RFC 8508 4.1 */
    if (!imap_may(call, s->rights, RIGHT_TRASH | RIGHT_EXPUNGE) || !find_replaced(call, &uid) ||
        !imap_resolve_mailbox(call, append->mailbox, RIGHT_INSERT, "TRYCREATE", &mailbox) ||
        !imap_batch_make(call, append, &mailbox, &batch))
        return;
    if (replace(s, mailbox.account, uid, &batch, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    call->removed = true;
    imap_note_brought(call, &mailbox, batch.results, batch.count);
    /* RFC 4315 3: nor where the person may not read. */
    if (!imap_has(s, S("UIDPLUS")) || (mailbox.rights & RIGHT_READ) == 0)
        return;
    /* RFC 8508 4.3: before the EXPUNGE. */
    CLEANUP(buf_release) struct buf code = BUF(100);
    imap_put_appenduid(&code, &batch);
    imap_put_line(s, S("*"), "OK", buf_slice(&code), "The new message is there");
}
