#include "base/log.h"
#include "imap/message_limit.h"

static unsigned want_of(enum imap_fetch_kind kind)
{
    switch (kind) {
    case IMAP_FETCH_UID:
    case IMAP_FETCH_FLAGS:
    case IMAP_FETCH_SIZE:
    case IMAP_FETCH_MODSEQ:
        return WANT_LEAST;
    case IMAP_FETCH_ENVELOPE:
        return WANT_ENVELOPE;
    case IMAP_FETCH_BODYSTRUCTURE:
        return WANT_STRUCTURE;
    case IMAP_FETCH_PREVIEW:
        return WANT_PREVIEW;
    default:
        return WANT_FLAGS;
    }
}

static unsigned wants_of(const struct imap_fetch *fetch)
{
    unsigned want = WANT_LEAST;
    for (size_t i = 0; i < fetch->count; i++)
        want |= want_of(fetch->items[i].kind);
    return want;
}

/* One call a batch sets \Seen where it is missing; the messages then show it. */
static bool set_seen(struct imap_call *call, struct message *messages, size_t count, struct uid_set *changed)
{
    struct imap_session *s = call->session;
    CLEANUP(uid_set_release) struct uid_set unseen = {0};
    for (size_t i = 0; i < count; i++) {
        uint32_t seq = 0;
        if (!flag_has(&messages[i].flags, FLAG_SEEN) &&
            view_seq(s->view, messages[i].uid, &seq, &call->error) == ERR_OK && seq > 0)
            uid_set_add(&unseen, messages[i].uid.v, messages[i].uid.v);
    }
    if (unseen.count == 0)
        return true;
    struct flag_order order = {.how = FLAGS_ADD, .may = FLAGS_ALL, .person = imap_person(s)};
    flag_set(&order.flags, FLAG_SEEN);
    CLEANUP(flag_result_release) struct flag_result result = {0};
    enum err err = message_flags_order(s->account, s->folder, &unseen, &order, &result, &call->error);
    /* A person too many for a \Seen of his own reads all the same. */
    if (err == ERR_LIMIT)
        return true;
    if (err != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (uid_set_has(&result.changed, messages[i].uid.v)) {
            flag_set(&messages[i].flags, FLAG_SEEN);
            messages[i].changed = result.change;
        }
    imap_told_flags(s, &result.changed, result.change);
    uid_set_union(changed, &result.changed);
    return true;
}

/* A message that can't be read is named at the end; the others are served all the same. */
static void note_damage(struct imap_call *call, struct uid uid)
{
    char text[ERROR_CLIENT_MAX];
    snprintf(text, sizeof(text), "The message with UID %u can't be read: %.100s", uid.v, call->error.client);
    enum log_level level = call->error.code == ERR_UNSUPPORTED ? LOG_DEBUG : LOG_ERROR;
    LOG(level, conn_sid(call->session->conn), "imap.fetch.damaged", F_INT("uid", uid.v), F_ERR(&call->error));
    imap_reply_error(&call->reply, &call->error);
    /* RFC 3516 4.3: nothing but BINARY asks for what is not supported. */
    if (call->error.code == ERR_UNSUPPORTED)
        imap_reply_set(&call->reply, IMAP_STATUS_NO, "UNKNOWN-CTE", "%s", "");
    snprintf(call->reply.text, sizeof(call->reply.text), "%s", text);
}

/* Those that CHANGEDSINCE means. */
static size_t keep_changed(struct message *messages, size_t count, uint64_t since)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (messages[i].changed.v > since)
            messages[kept++] = messages[i];
    return kept;
}

static bool fetch_batch(struct imap_call *call, struct message *messages, size_t count, uint64_t *served)
{
    struct imap_session *s = call->session;
    const struct imap_fetch *fetch = &call->command.fetch;
    CLEANUP(uid_set_release) struct uid_set changed = {0};
    CLEANUP(uid_set_release) struct uid_set untold = {0};
    if (fetch->changed_since_given)
        count = keep_changed(messages, count, fetch->changed_since);
    if (fetch->sets_seen && !s->read_only && (s->rights & RIGHT_SEEN) != 0 &&
        !set_seen(call, messages, count, &changed))
        return false;
    CLEANUP(arena_release) struct arena scratch = ARENA(IMAP_COMMAND_ARENA_MAX);
    for (size_t i = 0; i < count && !conn_broken(s->conn); i++) {
        uint32_t seq = 0;
        if (view_seq(s->view, messages[i].uid, &seq, &call->error) != ERR_OK || seq == 0)
            continue; /* it came after what the client knows */
        ++*served;
        bool seen = uid_set_has(&changed, messages[i].uid.v);
        if (!imap_send_fetch(call, fetch, &messages[i], seq, seen, &scratch)) {
            note_damage(call, messages[i].uid);
            if (seen)
                uid_set_add(&untold, messages[i].uid.v, messages[i].uid.v);
        }
        arena_reset(&scratch);
    }
    /* What can't be read has become \Seen all the same. */
    imap_send_flags(call, &untold, (struct imap_tell){.uid = call->command.by_uid, .flags = true});
    return true;
}

/* RFC 7162 3.1.4.1, 3.2.6: what the log says has changed, and what went, before the first FETCH response. */
static bool narrow(struct imap_call *call, struct uid_set *uids)
{
    struct imap_session *s = call->session;
    struct imap_fetch *fetch = &call->command.fetch;
    if (fetch->modseq)
        imap_enable_condstore(s);
    if (!fetch->changed_since_given)
        return true;
    if (fetch->vanished && !s->qresync) {
        imap_reply_set(&call->reply, IMAP_STATUS_BAD, "", "VANISHED needs ENABLE QRESYNC");
        return false;
    }
    CLEANUP(imap_since_release) struct imap_since since = {0};
    if (!imap_read_since(call, fetch->changed_since, &since))
        return false;
    if (fetch->vanished) {
        CLEANUP(uid_set_release) struct uid_set known = {0};
        /* "7:*" goes on behind the last message that is still there. */
        imap_sequence_set_numbers(&fetch->set, UINT32_MAX, &known);
        if (fetch->set.saved)
            uid_set_union(&known, &s->saved);
        if (!imap_send_vanished_earlier(call, &since, &known))
            return false;
    }
    if (since.whole)
        uid_set_intersect(uids, &since.changed);
    return imap_believe_modseq(call, &fetch->changed_since);
}

static bool is_changed(const struct message *message, uint64_t since)
{
    return message->changed.v > since;
}

/* RFC 9394 3.3: of the messages that would be told, those in the part. */
static bool take_part(struct imap_call *call, struct uid_set *uids)
{
    struct imap_session *s = call->session;
    const struct imap_fetch *fetch = &call->command.fetch;
    CLEANUP(uid_set_release) struct uid_set numbers = {0};
    CLEANUP(uid_set_release) struct uid_set part = {0};
    if (view_exists(s->view) == 0)
        return true;
    uid_set_add(&numbers, 1, view_exists(s->view));
    if (view_uids(s->view, &numbers, &part, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    uid_set_intersect(uids, &part);
    if (fetch->changed_since_given && !imap_keep_uids(call, is_changed, fetch->changed_since, uids))
        return false;
    uid_set_release(&part);
    part = (struct uid_set){0};
    uint64_t from;
    uint64_t to;
    imap_partial_places(fetch->partial, uid_set_size(uids), &from, &to);
    imap_set_places(uids, from, to, &part);
    uid_set_intersect(uids, &part);
    if (!uids->failed && !part.failed)
        return true;
    imap_call_no(call, "LIMIT", "The message set is too large");
    return false;
}

void imap_send_arrivals(struct imap_call *call, const struct uid_set *uids, const struct imap_fetch *fetch)
{
    struct imap_session *s = call->session;
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    CLEANUP(arena_release) struct arena scratch = ARENA(IMAP_COMMAND_ARENA_MAX);
    uint32_t after = 0;
    struct message *messages;
    size_t count;
    if (uids->count == 0 || !imap_tell_keywords(call))
        return;
    while (imap_next_batch(call, uids, wants_of(fetch), &after, &arena, &messages, &count) && count > 0) {
        for (size_t i = 0; i < count && !conn_broken(s->conn); i++) {
            uint32_t seq = 0;
            if (view_seq(s->view, messages[i].uid, &seq, &call->error) != ERR_OK || seq == 0)
                continue;
            if (!imap_send_fetch(call, fetch, &messages[i], seq, false, &scratch))
                note_damage(call, messages[i].uid);
            arena_reset(&scratch);
        }
    }
}

/* RFC 9738 3.1: what the client asks for as a part is not cut again, but refused. */
static bool part_allowed(struct imap_call *call)
{
    struct imap_partial partial = call->command.fetch.partial;
    uint64_t size = MAX(partial.first, partial.last) - (uint64_t)MIN(partial.first, partial.last) + 1;
    return partial.first == 0 || imap_limit_allows(call, imap_message_limit(call->session), size);
}

static bool choose(struct imap_call *call, struct uid_set *uids)
{
    const struct imap_fetch *fetch = &call->command.fetch;
    uint32_t limit = imap_message_limit(call->session);
    if (!part_allowed(call) || !imap_resolve_set(call, &fetch->set, call->command.by_uid, uids) ||
        !narrow(call, uids))
        return false;
    if (fetch->partial.first != 0)
        return take_part(call, uids);
    /* Those that have not changed don't count. */
    if (limit > 0 && fetch->changed_since_given && uid_set_size(uids) > limit &&
        !imap_keep_uids(call, is_changed, fetch->changed_since, uids))
        return false;
    return imap_limit_uids(call, limit, uids);
}

/* RFC 3501 6.4.5 */
void cmd_fetch(struct imap_session *s, struct imap_call *call)
{
    const struct imap_command *command = &call->command;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    if (!choose(call, &uids) || !imap_tell_keywords(call))
        return;
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    unsigned want = wants_of(&command->fetch);
    uint64_t served = 0;
    uint64_t left = uid_set_size(&uids);
    uint32_t after = 0;
    struct message *messages;
    size_t count;
    do {
        bool read = call->limited_from != 0
                        ? imap_next_batch_down(call, &uids, want, &left, &arena, &messages, &count)
                        : imap_next_batch(call, &uids, want, &after, &arena, &messages, &count);
        if (!read || !fetch_batch(call, messages, count, &served))
            return;
    } while (count > 0 && !conn_broken(s->conn));
    /* RFC 2180 4.1.2: others have expunged what this client still sees. */
    if (!command->by_uid && !command->fetch.changed_since_given && served < uid_set_size(&uids) &&
        call->reply.status == IMAP_STATUS_OK)
        imap_reply_set(&call->reply, IMAP_STATUS_OK, "EXPUNGEISSUED", "Some messages were expunged");
}
