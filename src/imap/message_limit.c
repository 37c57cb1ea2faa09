#include "imap/message_limit.h"

#include "imap/partial.h"

uint32_t imap_message_limit(const struct imap_session *s)
{
    return imap_has(s, S("MESSAGELIMIT")) ? s->settings->imap_message_limit : 0;
}

uint32_t imap_save_limit(const struct imap_session *s)
{
    uint32_t limit = imap_message_limit(s);
    if (limit > 0)
        return limit;
    return imap_has(s, S("SAVELIMIT")) ? s->settings->imap_save_limit : 0;
}

/* Only those that the client knows: a set may name any UIDs. */
static bool keep_known(struct imap_call *call, struct uid_set *uids)
{
    struct view *view = call->session->view;
    CLEANUP(uid_set_release) struct uid_set numbers = {0};
    CLEANUP(uid_set_release) struct uid_set known = {0};
    if (view_exists(view) > 0)
        uid_set_add(&numbers, 1, view_exists(view));
    if (view_uids(view, &numbers, &known, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    uid_set_intersect(uids, &known);
    if (!uids->failed && !known.failed)
        return true;
    imap_call_no(call, "LIMIT", "The message set is too large");
    return false;
}

bool imap_limit_uids(struct imap_call *call, uint32_t limit, struct uid_set *uids)
{
    if (limit == 0 || uid_set_size(uids) <= limit)
        return true;
    if (!keep_known(call, uids))
        return false;
    uint64_t count = uid_set_size(uids);
    if (count <= limit)
        return true;
    CLEANUP(uid_set_release) struct uid_set latest = {0};
    imap_set_places(uids, count - limit, count, &latest);
    if (latest.failed) {
        imap_call_no(call, "LIMIT", "The message set is too large");
        return false;
    }
    call->limited_from = latest.ranges[0].first;
    struct uid_set all = *uids;
    *uids = latest;
    latest = all;
    return true;
}

static void refuse(struct imap_call *call, const char *code)
{
    imap_reply_set(&call->reply, IMAP_STATUS_NO, code, "One command works on fewer messages than that");
}

bool imap_limit_allows(struct imap_call *call, uint32_t limit, uint64_t count)
{
    char code[40];
    if (limit == 0 || count <= limit)
        return true;
    snprintf(code, sizeof(code), "MESSAGELIMIT %u", limit);
    refuse(call, code);
    return false;
}

bool imap_limit_uncut(struct imap_call *call, uint32_t limit)
{
    char code[40];
    if (call->limited_from == 0)
        return true;
    snprintf(code, sizeof(code), "MESSAGELIMIT %u %u", limit, call->limited_from);
    refuse(call, code);
    return false;
}

/* RFC 9738 3.1 */
void imap_limit_tell(struct imap_call *call)
{
    struct imap_reply *reply = &call->reply;
    enum imap_verb verb = call->command.verb;
    /* FETCH and SEARCH tell of the others where one message can't be read; else what failed has done nothing.
     */
    bool told = reply->status == IMAP_STATUS_OK ||
                (reply->status == IMAP_STATUS_NO && (verb == IMAP_VERB_FETCH || verb == IMAP_VERB_SEARCH));
    if (call->limited_from == 0 || !told)
        return;
    CLEANUP(buf_release) struct buf code = BUF(100);
    buf_printf(&code, "[MESSAGELIMIT %u %u]", imap_message_limit(call->session), call->limited_from);
    if (reply->status == IMAP_STATUS_OK && reply->code.n == 0)
        buf_put(&reply->code, buf_slice(&code));
    else
        imap_put_line(call->session, S("*"), "NO", buf_slice(&code),
                      "Only the latest messages were worked on");
}
