#include "imap/search_answer.h"

void imap_found_modseq(struct imap_found_modseqs *modseqs, uint64_t modseq)
{
    if (modseqs->highest == 0)
        modseqs->first = modseq;
    modseqs->last = modseq;
    modseqs->highest = MAX(modseqs->highest, modseq);
}

uint64_t imap_result_modseq(const struct imap_search *search, const struct imap_found_modseqs *modseqs)
{
    if (!search->modseq)
        return 0;
    if (!search->extended ||
        (search->returns & (IMAP_RETURN_ALL | IMAP_RETURN_PARTIAL | IMAP_RETURN_COUNT)) ||
        !(search->returns & (IMAP_RETURN_MIN | IMAP_RETURN_MAX)))
        return modseqs->highest;
    return MAX(search->returns & IMAP_RETURN_MIN ? modseqs->first : 0,
               search->returns & IMAP_RETURN_MAX ? modseqs->last : 0);
}

void imap_put_result_modseq(struct buf *out, uint64_t modseq)
{
    if (modseq > 0)
        buf_printf(out, " (MODSEQ %llu)", (unsigned long long)modseq);
}

struct imap_order imap_order_of_set(const struct uid_set *set)
{
    return (struct imap_order){.set = set, .count = uid_set_size(set)};
}

uint32_t imap_order_at(const struct imap_order *order, uint64_t place)
{
    if (order->set == NULL)
        return order->list[place];
    CLEANUP(uid_set_release) struct uid_set one = {0};
    if (place == 0)
        return order->set->ranges[0].first;
    if (place + 1 == order->count)
        return order->set->ranges[order->set->count - 1].last;
    imap_set_places(order->set, place, place + 1, &one);
    return one.count > 0 ? one.ranges[0].first : 0;
}

static void put_list(const uint32_t *list, uint64_t count, struct buf *out)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t first = list[i];
        uint32_t last = first;
        while (i + 1 < count && last < UINT32_MAX && list[i + 1] == last + 1) {
            last++;
            i++;
        }
        buf_put_u64(out, first);
        if (last > first)
            buf_printf(out, ":%u", last);
        if (i + 1 < count)
            buf_putc(out, ',');
    }
}

void imap_order_put(const struct imap_order *order, uint64_t from, uint64_t to, struct buf *out)
{
    if (order->set == NULL) {
        put_list(order->list + from, to - from, out);
        return;
    }
    if (from == 0 && to == order->count) {
        uid_set_print(order->set, out);
        return;
    }
    CLEANUP(uid_set_release) struct uid_set part = {0};
    imap_set_places(order->set, from, to, &part);
    out->failed |= part.failed;
    uid_set_print(&part, out);
}

static void put_partial(struct buf *out, struct imap_partial partial, const struct imap_order *told)
{
    uint64_t from;
    uint64_t to;
    imap_partial_places(partial, told->count, &from, &to);
    buf_put(out, S(" PARTIAL ("));
    imap_put_partial(out, partial);
    buf_putc(out, ' ');
    if (from < to)
        imap_order_put(told, from, to, out);
    else
        buf_put(out, S("NIL"));
    buf_putc(out, ')');
}

/* Of the messages told: a part's only, where a part is told. */
static void put_scores(struct buf *out, const struct imap_search *search, struct slice scores)
{
    uint64_t from = 0;
    uint64_t to = scores.n;
    if (search->returns & IMAP_RETURN_PARTIAL)
        imap_partial_places(search->partial, scores.n, &from, &to);
    buf_put(out, S(" RELEVANCY ("));
    for (uint64_t i = from; i < to; i++) {
        if (i > from)
            buf_putc(out, ' ');
        buf_put_u64(out, (unsigned char)scores.p[i]);
    }
    buf_putc(out, ')');
}

void imap_put_esearch_head(const struct imap_session *s, struct buf *out, struct slice tag,
                           const struct imap_correlator *about)
{
    buf_put(out, S("* ESEARCH (TAG "));
    imap_put_string(out, tag);
    if (about->mailbox.p != NULL) {
        buf_put(out, S(" MAILBOX "));
        imap_put_mailbox(out, about->mailbox, imap_speaks_utf8(s));
        buf_printf(out, " UIDVALIDITY %u", about->uidvalidity);
    }
    buf_putc(out, ')');
}

void imap_send_esearch(const struct imap_call *call, const struct imap_search *search,
                       const struct imap_answer *answer)
{
    const struct imap_order *told = &answer->told;
    unsigned returns = search->returns;
    struct buf *out = conn_output(call->session->conn);
    imap_put_esearch_head(call->session, out, call->command.tag, &search->about);
    buf_put(out, call->command.by_uid ? S(" UID") : S(""));
    if (told->count > 0 && (returns & IMAP_RETURN_MIN))
        buf_printf(out, " MIN %u", imap_order_at(told, 0));
    if (told->count > 0 && (returns & IMAP_RETURN_MAX))
        buf_printf(out, " MAX %u", imap_order_at(told, told->count - 1));
    if (returns & IMAP_RETURN_COUNT)
        buf_printf(out, " COUNT %llu", (unsigned long long)told->count);
    if (answer->modseq > 0)
        buf_printf(out, " MODSEQ %llu", (unsigned long long)answer->modseq);
    if (told->count > 0 && (returns & IMAP_RETURN_ALL)) {
        buf_put(out, S(" ALL "));
        imap_order_put(told, 0, told->count, out);
    }
    if (returns & IMAP_RETURN_PARTIAL)
        put_partial(out, search->partial, told);
    if (returns & IMAP_RETURN_RELEVANCY)
        put_scores(out, search, answer->scores);
    buf_put(out, S("\r\n"));
    conn_wrote(call->session->conn);
}

static void save_places(struct uid_set *saved, const struct imap_order *uids, uint64_t from, uint64_t to)
{
    if (uids->set != NULL) {
        imap_set_places(uids->set, from, to, saved);
        return;
    }
    for (; from < to; from++)
        uid_set_add(saved, uids->list[from], uids->list[from]);
}

void imap_search_save(struct imap_call *call, const struct imap_search *search, const struct imap_order *uids)
{
    struct imap_session *s = call->session;
    unsigned returns = search->returns;
    if (!(returns & IMAP_RETURN_SAVE) || call->reply.status == IMAP_STATUS_BAD)
        return;
    uid_set_release(&s->saved);
    s->saved = (struct uid_set){0};
    if (call->reply.status != IMAP_STATUS_OK || uids->count == 0)
        return;
    unsigned some = returns & (IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_PARTIAL);
    if (some == 0 || (returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT)) != 0) {
        save_places(&s->saved, uids, 0, uids->count);
    } else {
        uint64_t from = 0;
        uint64_t to = 0;
        if (returns & IMAP_RETURN_PARTIAL)
            imap_partial_places(search->partial, uids->count, &from, &to);
        save_places(&s->saved, uids, from, to);
        save_places(&s->saved, uids, 0, returns & IMAP_RETURN_MIN ? 1 : 0);
        save_places(&s->saved, uids, returns & IMAP_RETURN_MAX ? uids->count - 1 : uids->count, uids->count);
    }
    if (!s->saved.failed)
        return;
    uid_set_release(&s->saved);
    s->saved = (struct uid_set){0};
    imap_call_no(call, "NOTSAVED", "The result is too large to be saved");
}
