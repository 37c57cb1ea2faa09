#include "base/log.h"
#include "imap/search_match.h"

/* Where to look: what the first set of the search names, else everything the client knows. */
static bool candidates(struct imap_call *call, const struct imap_search *search, struct uid_set *out)
{
    for (const struct imap_search_key *key = search->root->child; key != NULL; key = key->next) {
        if (key->kind == SEARCH_SEQUENCE) {
            uid_set_union(out, &key->uids);
            return true;
        }
    }
    struct imap_sequence_range everything = {1, 0};
    const struct imap_sequence_set all = {.ranges = &everything, .count = 1};
    return imap_resolve_set(call, &all, true, out);
}

static void search_batch(struct imap_call *call, struct imap_matcher *matcher, const struct message *messages,
                         size_t count, uint64_t *highest)
{
    struct imap_session *s = call->session;
    for (size_t i = 0; i < count && !conn_broken(s->conn); i++) {
        uint32_t seq = 0;
        bool matches = false;
        if (view_seq(s->view, messages[i].uid, &seq, &call->error) != ERR_OK || seq == 0)
            continue;
        if (imap_matcher_test(matcher, &messages[i], &matches, &call->error) != ERR_OK) {
            /* The others are searched all the same. */
            LOG(LOG_ERROR, conn_sid(s->conn), "imap.search.unreadable", F_INT("uid", messages[i].uid.v),
                F_ERR(&call->error));
            imap_reply_error(&call->reply, &call->error);
            snprintf(call->reply.text, sizeof(call->reply.text),
                     "The message with UID %u could not be searched", messages[i].uid.v);
            continue;
        }
        if (!matches)
            continue;
        conn_printf(s->conn, " %u", call->command.by_uid ? messages[i].uid.v : seq);
        *highest = MAX(*highest, messages[i].changed.v);
    }
}

static void search_all(struct imap_session *s, struct imap_call *call)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    if (!candidates(call, &call->command.search, &uids))
        return;
    CLEANUP(imap_matcher_release) struct imap_matcher matcher;
    imap_matcher_init(&matcher, call, &call->command.search);
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    uint32_t after = 0;
    uint64_t highest = 0;
    struct message *messages;
    size_t count;
    conn_write(s->conn, S("* SEARCH"));
    while (imap_next_batch(call, &uids, WANT_FLAGS, &after, &arena, &messages, &count) && count > 0 &&
           !conn_broken(s->conn))
        search_batch(call, &matcher, messages, count, &highest);
    if (call->command.search.modseq && highest > 0)
        conn_printf(s->conn, " (MODSEQ %llu)", (unsigned long long)highest);
    conn_write(s->conn, S("\r\n"));
}

/* RFC 3501 6.4.4 */
void cmd_search(struct imap_session *s, struct imap_call *call)
{
    if (call->command.search.modseq)
        imap_enable_condstore(s);
    if (imap_search_prepare(call, &call->command.search) && view_exists(s->view) > 0)
        search_all(s, call);
    else if (call->reply.status == IMAP_STATUS_OK)
        conn_write(s->conn, S("* SEARCH\r\n"));
    imap_search_release(&call->command.search);
}
