#include "imap/session_internal.h"

static void put_copyuid(struct buf *out, const struct copy_result *result)
{
    buf_printf(out, "[COPYUID %u ", result->uidvalidity);
    uid_set_print(&result->from, out);
    buf_putc(out, ' ');
    uid_set_print(&result->to, out);
    buf_putc(out, ']');
}

static bool copy(struct imap_session *s, struct imap_call *call, bool move, struct copy_result *ret_result)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    struct imap_mailbox mailbox;
    if (!imap_resolve_set(call, &call->command.copy.set, call->command.by_uid, &uids) ||
        !imap_resolve_mailbox(call, call->command.copy.mailbox, RIGHT_INSERT, "TRYCREATE", &mailbox))
        return false;
    if (message_copy(s->account, s->folder, &uids, mailbox.folder.id, move, ret_result, &call->error) !=
        ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    return true;
}

/* RFC 3501 6.4.7, COPYUID: RFC 4315 3 */
void cmd_copy(struct imap_session *s, struct imap_call *call)
{
    CLEANUP(copy_result_release) struct copy_result result = {0};
    if (copy(s, call, false, &result) && result.from.count > 0 && imap_has(s, S("UIDPLUS")))
        put_copyuid(&call->reply.code, &result);
}

/* RFC 6851: COPYUID comes untagged, before the EXPUNGEs that the driver sends. */
void cmd_move(struct imap_session *s, struct imap_call *call)
{
    CLEANUP(copy_result_release) struct copy_result result = {0};
    if (!copy(s, call, true, &result) || result.from.count == 0)
        return;
    CLEANUP(buf_release) struct buf code = BUF(IMAP_REPLY_CODE_MAX);
    put_copyuid(&code, &result);
    call->removed = true;
    if (!imap_has(s, S("UIDPLUS")))
        return;
    conn_write(s->conn, S("* OK "));
    conn_write(s->conn, buf_slice(&code));
    conn_write(s->conn, S(" Moved\r\n"));
}
