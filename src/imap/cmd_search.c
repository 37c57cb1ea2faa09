#include "imap/search_find.h"

static void put_each(struct imap_session *s, const struct uid_set *set, uint64_t modseq)
{
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* SEARCH"));
    for (size_t i = 0; i < set->count; i++) {
        for (uint32_t number = set->ranges[i].first;; number++) {
            buf_putc(out, ' ');
            buf_put_u64(out, number);
            if (number == set->ranges[i].last)
                break;
        }
        conn_wrote(s->conn);
    }
    imap_put_result_modseq(out, modseq);
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

static void put_extended(struct imap_session *s, const struct imap_call *call,
                         const struct imap_search *search, const struct uid_set *set, uint64_t modseq)
{
    struct imap_esearch result = {.count = uid_set_size(set), .modseq = modseq};
    if (set->count > 0) {
        result.min = set->ranges[0].first;
        result.max = set->ranges[set->count - 1].last;
    }
    struct buf *out = conn_output(s->conn);
    if (imap_put_esearch(out, call, search, &result)) {
        uid_set_print(set, out);
        buf_put(out, S("\r\n"));
    }
    conn_wrote(s->conn);
}

/* RFC 3501 6.4.4, RFC 4731 3.1 */
void cmd_search(struct imap_session *s, struct imap_call *call)
{
    struct imap_search *search = &call->command.search;
    CLEANUP(imap_found_release) struct imap_found found = {0};
    bool whole = imap_search_find(call, search, WANT_FLAGS, imap_found_add, &found);
    if (found.uids.failed || found.numbers.failed) {
        imap_call_no(call, "LIMIT", "Too many messages were found");
        whole = false;
    }
    const struct uid_set *uids = &found.uids;
    imap_search_save(call, search, uids, uids->count > 0 ? uids->ranges[0].first : 0,
                     uids->count > 0 ? uids->ranges[uids->count - 1].last : 0);
    const struct uid_set *set = call->command.by_uid ? &found.uids : &found.numbers;
    /* When a message could not be read, the others are still told. */
    if (!whole && set->count == 0)
        return;
    uint64_t modseq = imap_result_modseq(search, &found.modseqs);
    if (!search->extended)
        put_each(s, set, modseq);
    else if (search->returns != IMAP_RETURN_SAVE)
        put_extended(s, call, search, set, modseq);
}
