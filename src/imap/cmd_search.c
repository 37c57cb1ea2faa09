#include "imap/search_context.h"
#include "imap/search_find.h"

/* down: the highest first, as they were searched (RFC 9738 3.1) */
static void put_each(struct imap_session *s, const struct uid_set *set, bool down, uint64_t modseq)
{
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* SEARCH"));
    for (size_t i = 0; i < set->count; i++) {
        const struct uid_range *range = &set->ranges[down ? set->count - 1 - i : i];
        for (uint64_t n = 0; n <= (uint64_t)range->last - range->first; n++) {
            buf_putc(out, ' ');
            buf_put_u64(out, down ? range->last - n : range->first + n);
        }
        conn_wrote(s->conn);
    }
    imap_put_result_modseq(out, modseq);
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

/* RFC 3501 6.4.4, RFC 4731 3.1 */
void cmd_search(struct imap_session *s, struct imap_call *call)
{
    struct imap_search *search = &call->command.search;
    if (s->rev2 && !search->extended) { /* RFC 9051 6.4.4 */
        search->extended = true;
        search->returns = IMAP_RETURN_ALL;
    }
    CLEANUP(imap_found_release) struct imap_found found = IMAP_FOUND(call, search);
    if (!imap_context_allowed(call, search))
        return;
    search->limit = IMAP_SEARCH_CUT;
    bool whole = imap_search_find(call, search, WANT_FLAGS, imap_found_add, &found);
    if (found.uids.failed || found.numbers.failed || buf_failed(&found.scores)) {
        imap_call_no(call, "LIMIT", "Too many messages were found");
        whole = false;
    }
    const struct imap_order uids = imap_order_of_set(&found.uids);
    imap_context_begin(call, search, &uids);
    imap_search_save(call, search, &uids);
    const struct uid_set *set = call->command.by_uid ? &found.uids : &found.numbers;
    /* When a message could not be read, the others are still told. */
    if (!whole && set->count == 0)
        return;
    struct imap_answer answer = {.told = imap_order_of_set(set),
                                 .scores = buf_slice(&found.scores),
                                 .modseq = imap_result_modseq(search, &found.modseqs)};
    if (!search->extended)
        put_each(s, set, call->limited_from != 0, answer.modseq);
    else if (search->returns != IMAP_RETURN_SAVE)
        imap_send_esearch(call, search, &answer);
}
