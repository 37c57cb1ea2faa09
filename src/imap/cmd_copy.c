#include "imap/message_limit.h"

static void put_copyuid(struct buf *out, const struct copy_result *result)
{
    buf_printf(out, "[COPYUID %u ", result->uidvalidity);
    uid_set_print(&result->from, out);
    buf_putc(out, ' ');
    uid_set_print(&result->to, out);
    buf_putc(out, ']');
}

static enum err copy_messages(struct imap_call *call, const struct uid_set *uids,
                              const struct imap_mailbox *to, bool move, struct copy_result *ret_result)
{
    struct imap_session *s = call->session;
    const struct copy_order order = {
        .move = move, .keep = rights_flags(to->rights), .person = imap_person(s)};
    if (to->account == s->account)
        return message_copy_order(s->account, s->folder, uids, to->folder.id, &order, ret_result,
                                  &call->error);
    return message_copy_across(s->account, s->folder, uids, to->account, to->folder.id, &order, ret_result,
                               &call->error);
}

/* RFC 4315 3: where the person may not read, no UIDs are told: *ret_told. */
static bool copy(struct imap_session *s, struct imap_call *call, bool move, struct copy_result *ret_result,
                 bool *ret_told)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    struct imap_mailbox mailbox;
    uint32_t limit = move ? imap_message_limit(s) : imap_save_limit(s);
    /* RFC 6851 4.2: what STORE \Deleted, COPY and EXPUNGE need together. */
    if (!imap_may(call, s->rights, move ? RIGHT_TRASH | RIGHT_EXPUNGE : 0) ||
        !imap_resolve_set(call, &call->command.copy.set, call->command.by_uid, &uids) ||
        !imap_resolve_mailbox(call, call->command.copy.mailbox, RIGHT_INSERT, "TRYCREATE", &mailbox) ||
        !imap_limit_uids(call, limit, &uids) || (!move && !imap_limit_uncut(call, limit)))
        return false;
    if (copy_messages(call, &uids, &mailbox, move, ret_result) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    if (mailbox.account == s->account && mailbox.folder.id.v == s->folder.v)
        uid_set_union(&call->brought, &ret_result->to);
    *ret_told = ret_result->from.count > 0 && (mailbox.rights & RIGHT_READ) != 0 && imap_has(s, S("UIDPLUS"));
    return true;
}

/* RFC 3501 6.4.7, COPYUID: RFC 4315 3 */
void cmd_copy(struct imap_session *s, struct imap_call *call)
{
    CLEANUP(copy_result_release) struct copy_result result = {0};
    bool told;
    if (copy(s, call, false, &result, &told) && told)
        put_copyuid(&call->reply.code, &result);
}

/* RFC 6851: COPYUID comes untagged, before the EXPUNGEs that the driver sends. */
void cmd_move(struct imap_session *s, struct imap_call *call)
{
    CLEANUP(copy_result_release) struct copy_result result = {0};
    bool told;
    if (!copy(s, call, true, &result, &told))
        return;
    call->removed = result.from.count > 0;
    if (!told)
        return;
    CLEANUP(buf_release) struct buf code = BUF(IMAP_REPLY_CODE_MAX);
    put_copyuid(&code, &result);
    imap_put_line(s, S("*"), "OK", buf_failed(&code) ? slice_none() : buf_slice(&code), "Moved");
}
