/* From what a command names to what the store knows: message sets, flags, batches. */
#include "imap/partial.h"
#include "imap/session_internal.h"

static bool too_large(const struct imap_sequence_set *set, uint32_t exists)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct imap_sequence_range *range = &set->ranges[i];
        if (range->first > exists || range->last > exists)
            return true;
        if (exists == 0)
            return true; /* "*" of an empty mailbox */
    }
    return false;
}

/* UIDs in the store may go beyond what the client knows: the callers look each one up in the view. */
static bool last_uid(struct imap_call *call, uint32_t *ret)
{
    struct view *view = call->session->view;
    uint32_t exists = view_exists(view);
    struct uid uid = {0};
    if (exists > 0 && view_uid(view, exists, &uid, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    *ret = uid.v;
    return true;
}

static bool set_failed(struct imap_call *call)
{
    imap_call_no(call, "LIMIT", "The message set is too large");
    return false;
}

static bool resolve_numbers(struct imap_call *call, const struct imap_sequence_set *set, struct uid_set *out)
{
    struct view *view = call->session->view;
    CLEANUP(uid_set_release) struct uid_set numbers = {0};
    imap_sequence_set_numbers(set, view_exists(view), &numbers);
    if (numbers.failed)
        return set_failed(call);
    if (view_uids(view, &numbers, out, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    return true;
}

bool imap_resolve_search_set(struct imap_call *call, const struct imap_sequence_set *set, bool by_uid,
                             struct uid_set *out)
{
    return by_uid || set->saved ? imap_resolve_set(call, set, by_uid, out) : resolve_numbers(call, set, out);
}

bool imap_resolve_set(struct imap_call *call, const struct imap_sequence_set *set, bool by_uid,
                      struct uid_set *out)
{
    struct view *view = call->session->view;
    uint32_t last;
    if (set->saved) {
        uid_set_union(out, &call->session->saved);
        return !out->failed || set_failed(call);
    }
    if (by_uid) {
        if (!last_uid(call, &last))
            return false;
        imap_sequence_set_numbers(set, last, out);
        /* Nothing beyond the last message the client knows is meant (RFC 3501 7.4.1: it has no number yet).
         */
        if (last < UINT32_MAX)
            uid_set_remove(out, last + 1, UINT32_MAX);
        return !out->failed || set_failed(call);
    }
    if (too_large(set, view_exists(view))) {
        imap_reply_set(&call->reply, IMAP_STATUS_BAD, "", "There is no message with such a number");
        return false;
    }
    return resolve_numbers(call, set, out);
}

bool imap_resolve_flags(struct imap_call *call, struct account *account, const struct imap_flags *flags,
                        bool create, struct flagset *ret_flags)
{
    struct flagset set = {{flags->system}};
    for (size_t i = 0; i < flags->keyword_count; i++) {
        unsigned bit;
        enum err err = keyword_bit(account, flags->keywords[i], create, &bit, &call->error);
        if (err == ERR_NOT_FOUND && !create)
            continue;
        if (err != ERR_OK) {
            imap_call_failed(call);
            return false;
        }
        flag_set(&set, bit);
    }
    *ret_flags = set;
    return true;
}

bool imap_resolve_new_flags(struct imap_call *call, const struct imap_mailbox *mailbox,
                            const struct imap_flags *flags, struct flagset *ret_flags)
{
    const struct flagset may = rights_flags(mailbox->rights);
    struct flagset set;
    if (!imap_resolve_flags(call, mailbox->account, flags, (mailbox->rights & RIGHT_WRITE) != 0, &set))
        return false;
    *ret_flags = flags_and(&set, &may);
    return true;
}

bool imap_next_batch(struct imap_call *call, const struct uid_set *uids, unsigned want, uint32_t *after,
                     struct arena *arena, struct message **ret_messages, size_t *ret_count)
{
    struct imap_session *s = call->session;
    *ret_count = 0;
    if (*after == UINT32_MAX)
        return true;
    /* The ranges that are left, without copying them: only the first may have to be cut. */
    size_t from = 0;
    size_t to = uids->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (uids->ranges[middle].last <= *after)
            from = middle + 1;
        else
            to = middle;
    }
    arena_reset(arena);
    if (from == uids->count)
        return true;
    struct uid_range first = uids->ranges[from];
    struct uid_set rest = {.ranges = &uids->ranges[from], .count = uids->count - from};
    uids->ranges[from].first = MAX(first.first, *after + 1);
    enum err err = message_list_for(s->account, imap_person(s), s->folder, &rest, want, IMAP_BATCH, arena,
                                    ret_messages, ret_count, &call->error);
    uids->ranges[from] = first;
    if (err != ERR_OK) {
        *ret_count = 0;
        imap_call_failed(call);
        return false;
    }
    *after = *ret_count > 0 ? (*ret_messages)[*ret_count - 1].uid.v : UINT32_MAX;
    return true;
}

bool imap_next_batch_down(struct imap_call *call, const struct uid_set *uids, unsigned want, uint64_t *left,
                          struct arena *arena, struct message **ret_messages, size_t *ret_count)
{
    CLEANUP(uid_set_release) struct uid_set part = {0};
    uint32_t after = 0;
    *ret_count = 0;
    /* Where all of a part have gone meanwhile, there may be others below. */
    while (*left > 0 && *ret_count == 0) {
        uint64_t from = *left > IMAP_BATCH ? *left - IMAP_BATCH : 0;
        uid_set_release(&part);
        part = (struct uid_set){0};
        imap_set_places(uids, from, *left, &part);
        if (part.failed) {
            imap_call_no(call, "LIMIT", "The message set is too large");
            return false;
        }
        after = 0;
        if (!imap_next_batch(call, &part, want, &after, arena, ret_messages, ret_count))
            return false;
        *left = from;
    }
    for (size_t i = 0; i < *ret_count / 2; i++) {
        struct message *last = &(*ret_messages)[*ret_count - 1 - i];
        struct message first = (*ret_messages)[i];
        (*ret_messages)[i] = *last;
        *last = first;
    }
    return true;
}

bool imap_keep_uids(struct imap_call *call, imap_keep_fn *keep, uint64_t context, struct uid_set *uids)
{
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    CLEANUP(uid_set_release) struct uid_set kept = {0};
    uint32_t after = 0;
    struct message *messages;
    size_t count;
    do {
        if (!imap_next_batch(call, uids, WANT_LEAST, &after, &arena, &messages, &count))
            return false;
        for (size_t i = 0; i < count; i++)
            if (keep(&messages[i], context))
                uid_set_add(&kept, messages[i].uid.v, messages[i].uid.v);
    } while (count > 0);
    uids->failed |= kept.failed;
    uid_set_intersect(uids, &kept);
    return true;
}
