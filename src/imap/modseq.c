/*
 * Mod-sequences (RFC 7162): MODSEQ is the store's change number, so what happened after one is read from the
 * change log. Where the log no longer reaches, a message's own number and the view decide instead.
 */
#include "imap/session_internal.h"
#include "store/change.h"

enum { LOG_PAGE = 1000 /* records read at once */ };

void imap_enable_condstore(struct imap_session *s)
{
    if (s->condstore)
        return;
    s->condstore = true;
    if (s->view != NULL)
        imap_say(s, "OK", "Mod-sequences are on", "[HIGHESTMODSEQ %llu]",
                 (unsigned long long)view_change(s->view).v);
}

bool imap_believe_modseq(struct imap_call *call, uint64_t *modseq)
{
    struct change_no believed;
    if (change_believed(call->session->account, (struct change_no){*modseq}, &believed, &call->error) !=
        ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    *modseq = believed.v;
    return true;
}

void imap_limit_modseq(struct imap_session *s)
{
    if (s->view != NULL && s->condstore && s->modseq_told > view_change(s->view).v)
        imap_say(s, "OK", "Something is still to be told", "[HIGHESTMODSEQ %llu]",
                 (unsigned long long)view_change(s->view).v);
    s->modseq_told = 0;
}

void imap_since_release(struct imap_since *since)
{
    uid_set_release(&since->changed);
    uid_set_release(&since->removed);
}

/* Removals that the view has not told stay: it will tell them as VANISHED without EARLIER. */
static bool take_page(const struct imap_session *s, const struct change_list *page, struct imap_since *since)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct change *change = &page->changes[i];
        if (change->kind == CHANGE_ADDED || change->kind == CHANGE_FLAGS)
            uid_set_union(&since->changed, &change->uids);
        else if (change->kind == CHANGE_REMOVED && change->no.v <= view_change(s->view).v)
            uid_set_union(&since->removed, &change->uids);
    }
    return !since->changed.failed && !since->removed.failed;
}

bool imap_read_since(struct imap_call *call, uint64_t modseq, struct imap_since *ret_since)
{
    struct imap_session *s = call->session;
    CLEANUP(imap_since_release) struct imap_since since = {.whole = true};
    struct change_no from = {modseq};
    bool more = true;
    while (more) {
        CLEANUP(change_list_release) struct change_list page = {0};
        enum err err = change_list(s->account, s->folder, from, LOG_PAGE, &page, &call->error);
        if (err == ERR_NOT_FOUND) {
            since.whole = false;
            break;
        }
        if (err != ERR_OK) {
            imap_call_failed(call);
            return false;
        }
        if (!take_page(s, &page, &since)) {
            imap_call_no(call, "LIMIT", "Too much has changed");
            return false;
        }
        more = page.more;
        if (page.count > 0)
            from = page.changes[page.count - 1].no;
    }
    *ret_since = since;
    since = (struct imap_since){0};
    return true;
}

/* What the client knows and is not there: RFC 7162 3.2.6 allows it where the log is too short. */
static bool subtract_present(struct imap_call *call, struct uid_set *known)
{
    struct view *view = call->session->view;
    CLEANUP(uid_set_release) struct uid_set numbers = {0};
    CLEANUP(uid_set_release) struct uid_set present = {0};
    if (view_exists(view) == 0)
        return true;
    uid_set_add(&numbers, 1, view_exists(view));
    if (view_uids(view, &numbers, &present, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    uid_set_subtract(known, &present);
    return true;
}

/* UIDs that were given before the view was last told of arrivals. */
static bool limit_to_given(struct imap_call *call, struct uid_set *known)
{
    struct folder folder;
    struct imap_session *s = call->session;
    if (folder_get(s->account, s->folder, &call->arena, &folder, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    uid_set_remove(known, folder.uidnext, UINT32_MAX);
    return true;
}

bool imap_send_vanished_earlier(struct imap_call *call, const struct imap_since *since, struct uid_set *known)
{
    if (since->whole)
        uid_set_intersect(known, &since->removed);
    else if (!limit_to_given(call, known) || !subtract_present(call, known))
        return false;
    if (known->failed) {
        imap_call_no(call, "LIMIT", "The message set is too large");
        return false;
    }
    if (known->count == 0)
        return true;
    struct buf *out = conn_output(call->session->conn);
    buf_put(out, S("* VANISHED (EARLIER) "));
    uid_set_print(known, out);
    buf_put(out, S("\r\n"));
    conn_wrote(call->session->conn);
    return true;
}

/* Walks a set number by number. */
struct walk {
    const struct imap_sequence_set *set;
    size_t at;
    uint32_t next; /* 0: the range begins */
};

static bool walk_next(struct walk *walk, uint32_t *ret)
{
    if (walk->at == walk->set->count)
        return false;
    const struct imap_sequence_range *range = &walk->set->ranges[walk->at];
    uint32_t number = walk->next == 0 ? range->first : walk->next;
    if (number == range->last) {
        walk->at++;
        walk->next = 0;
    } else {
        walk->next = number + 1;
    }
    *ret = number;
    return true;
}

/* RFC 7162 3.2.5.2: up to a number and UID that match, the client knows what is gone. */
static bool matched_until(struct imap_call *call, const struct imap_select *select, uint32_t *ret_uid)
{
    struct view *view = call->session->view;
    struct walk numbers = {.set = &select->match_numbers};
    struct walk uids = {.set = &select->match_uids};
    uint32_t number;
    uint32_t uid;
    uint32_t matched = 0;
    while (walk_next(&numbers, &number) && walk_next(&uids, &uid) && number <= view_exists(view)) {
        struct uid there;
        if (view_uid(view, number, &there, &call->error) != ERR_OK) {
            imap_call_failed(call);
            return false;
        }
        if (there.v != uid)
            break;
        matched = uid;
    }
    *ret_uid = matched;
    return true;
}

bool imap_resync(struct imap_call *call, const struct folder *folder)
{
    const struct imap_select *select = &call->command.select;
    uint64_t believed = select->modseq;
    if (select->uidvalidity != folder->uidvalidity)
        return true;
    CLEANUP(imap_since_release) struct imap_since since = {0};
    CLEANUP(uid_set_release) struct uid_set known = {0};
    CLEANUP(uid_set_release) struct uid_set gone = {0};
    if (!imap_read_since(call, select->modseq, &since) || !imap_believe_modseq(call, &believed))
        return false;
    if (select->known_given)
        imap_sequence_set_numbers(&select->known, 0, &known);
    else if (folder->uidnext > 1)
        uid_set_add(&known, 1, folder->uidnext - 1);
    uid_set_union(&gone, &known);
    uint32_t matched = 0;
    if (select->match_given && !matched_until(call, select, &matched))
        return false;
    uid_set_remove(&gone, 1, matched);
    if (!imap_send_vanished_earlier(call, &since, &gone))
        return false;
    if (since.whole)
        uid_set_intersect(&known, &since.changed);
    imap_send_flags(call, &known, (struct imap_tell){.uid = true, .flags = true, .since = believed});
    return call->reply.status == IMAP_STATUS_OK;
}
