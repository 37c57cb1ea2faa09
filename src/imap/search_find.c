#include "imap/search_find.h"

#include "base/log.h"
#include "imap/message_limit.h"
#include "imap/search_fuzzy.h"
#include "imap/search_match.h"
#include "imap/search_narrow.h"

struct finding {
    struct imap_call *call;
    struct imap_matcher matcher;
    imap_found_fn *each;
    void *context;
    bool whole;
};

static void keep_named(const struct imap_search_key *all, struct uid_set *uids)
{
    for (const struct imap_search_key *key = all->child; key != NULL; key = key->next) {
        if (key->kind == SEARCH_SEQUENCE)
            uid_set_intersect(uids, &key->uids);
        else if (key->kind == SEARCH_AND)
            keep_named(key, uids);
    }
}

/* Where to look: what all sets of the search name, else everything the client knows. */
static bool candidates(struct imap_call *call, const struct imap_search *search, struct uid_set *out)
{
    struct imap_sequence_range everything = {1, 0};
    const struct imap_sequence_set all = {.ranges = &everything, .count = 1};
    if (!imap_resolve_set(call, &all, true, out))
        return false;
    keep_named(search->root, out);
    if (!out->failed)
        return true;
    imap_call_no(call, "LIMIT", "The message set is too large");
    return false;
}

/* RFC 9738 3.1, 3.3: what is searched counts, not what is found. */
static bool limit(struct imap_call *call, const struct imap_search *search, struct uid_set *uids)
{
    uint32_t most = imap_message_limit(call->session);
    if (search->limit == IMAP_SEARCH_UNLIMITED || !imap_limit_uids(call, most, uids))
        return search->limit == IMAP_SEARCH_UNLIMITED;
    if (search->limit == IMAP_SEARCH_CUT)
        return true;
    uint64_t there = view_exists(call->session->view); /* what is named may not be */
    call->searched += call->limited_from != 0 ? (uint64_t)most + 1 : MIN(uid_set_size(uids), there);
    return imap_limit_allows(call, most, call->searched);
}

/* False: the caller wants no more. */
static bool find_one(struct finding *finding, const struct message *message)
{
    struct imap_call *call = finding->call;
    struct imap_session *s = call->session;
    uint32_t seq = 0;
    bool matches = false;
    if (imap_has(s, S("INPROGRESS")) &&
        imap_progress_step(&call->progress, call->command.tag, conn_output(s->conn)))
        conn_flush(s->conn);
    if (view_seq(s->view, message->uid, &seq, &call->error) != ERR_OK || seq == 0)
        return true;
    if (imap_matcher_test(&finding->matcher, message, &matches, &call->error) != ERR_OK) {
        /* The others are searched all the same. */
        LOG(LOG_ERROR, conn_sid(s->conn), "imap.search.unreadable", F_INT("uid", message->uid.v),
            F_ERR(&call->error));
        imap_reply_error(&call->reply, &call->error);
        snprintf(call->reply.text, sizeof(call->reply.text), "The message with UID %u could not be searched",
                 message->uid.v);
        finding->whole = false;
        return true;
    }
    if (matches)
        call->relevancy = imap_fuzzy_relevancy(finding->matcher.root, finding->matcher.messages);
    return !matches || finding->each(finding->context, message, seq);
}

static bool find_all(struct finding *finding, struct imap_search *search, unsigned want)
{
    struct imap_call *call = finding->call;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    uint32_t after = 0;
    struct message *messages;
    size_t count;
    if (!candidates(call, search, &uids) || !limit(call, search, &uids))
        return false;
    imap_search_narrow(call, search, &uids);
    if (call->progress.goal == 0)
        call->progress.goal = MIN(uid_set_size(&uids), view_exists(call->session->view));
    do {
        if (!imap_next_batch(call, &uids, WANT_FLAGS | want, &after, &arena, &messages, &count))
            return false;
        for (size_t i = 0; i < count; i++)
            if (conn_broken(call->session->conn) || !find_one(finding, &messages[i]))
                return false;
    } while (count > 0);
    return finding->whole;
}

bool imap_search_find(struct imap_call *call, struct imap_search *search, unsigned want, imap_found_fn *each,
                      void *context)
{
    if (search->modseq)
        imap_enable_condstore(call->session);
    bool whole = imap_search_prepare(call, search);
    if (whole && view_exists(call->session->view) > 0) {
        struct finding finding = {.call = call, .each = each, .context = context, .whole = true};
        imap_matcher_init(&finding.matcher, call, search);
        whole = find_all(&finding, search, want);
        imap_matcher_release(&finding.matcher);
    }
    imap_search_release(search);
    return whole;
}

void imap_found_release(struct imap_found *found)
{
    uid_set_release(&found->uids);
    uid_set_release(&found->numbers);
    buf_release(&found->scores);
}

bool imap_found_add(void *context, const struct message *message, uint32_t seq)
{
    struct imap_found *found = context;
    uid_set_add(&found->uids, message->uid.v, message->uid.v);
    uid_set_add(&found->numbers, seq, seq);
    imap_found_modseq(&found->modseqs, message->changed.v);
    if (found->call != NULL)
        buf_putc(&found->scores, (char)found->call->relevancy);
    return true;
}
