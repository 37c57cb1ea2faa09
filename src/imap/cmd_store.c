#include "imap/message_limit.h"

/* RFC 7162 3.1.3: no message is unchanged since 0, as every one has its mod-sequence. */
static bool fail_all(struct imap_call *call, const struct uid_set *uids, struct flag_result *result)
{
    CLEANUP(arena_release) struct arena arena = ARENA(IMAP_COMMAND_ARENA_MAX);
    uint32_t after = 0;
    struct message *messages;
    size_t count;
    do {
        if (!imap_next_batch(call, uids, WANT_LEAST, &after, &arena, &messages, &count))
            return false;
        for (size_t i = 0; i < count; i++)
            uid_set_add(&result->modified, messages[i].uid.v, messages[i].uid.v);
    } while (count > 0);
    return true;
}

/* RFC 4314 4: with the right to change one of the flags named, the others are passed over. */
static bool may_store(struct imap_call *call)
{
    const struct imap_command *command = &call->command;
    const struct imap_flags *flags = &command->store.flags;
    const struct flagset may = rights_flags(call->session->rights);
    struct flagset named = {{flags->system}};
    if (flags->keyword_count > 0)
        flag_set(&named, FLAG_KEYWORDS_FROM);
    bool none = named.words[0] == 0;
    /* FLAGS () takes away what is there. */
    if (none && command->store.how == IMAP_STORE_REPLACE)
        named = FLAGS_ALL;
    named = flags_and(&named, &may);
    bool any = named.words[0] != 0 || (none && command->store.how != IMAP_STORE_REPLACE);
    return any || imap_may(call, 0, RIGHT_WRITE);
}

static bool change_flags(struct imap_session *s, struct imap_call *call, const struct uid_set *uids,
                         struct flag_result *result)
{
    static const enum flag_change changes[] = {[IMAP_STORE_REPLACE] = FLAGS_REPLACE,
                                               [IMAP_STORE_ADD] = FLAGS_ADD,
                                               [IMAP_STORE_REMOVE] = FLAGS_REMOVE};
    const struct imap_command *command = &call->command;
    struct flag_order order = {.how = changes[command->store.how],
                               .may = rights_flags(s->rights),
                               .person = imap_person(s),
                               .unchanged_since = {command->store.unchanged_since}};
    if (command->store.conditional && !imap_believe_modseq(call, &order.unchanged_since.v))
        return false;
    bool create = command->store.how != IMAP_STORE_REMOVE && (s->rights & RIGHT_WRITE) != 0;
    if (!imap_resolve_flags(call, s->account, &command->store.flags, create, &order.flags))
        return false;
    /* New keywords are told before a flag list shows one, even to a silent STORE: it has to know them. */
    if (!imap_tell_keywords(call))
        return false;
    if (command->store.conditional && order.unchanged_since.v == 0)
        return fail_all(call, uids, result);
    if (message_flags_order(s->account, s->folder, uids, &order, result, &call->error) != ERR_OK) {
        imap_call_failed(call);
        return false;
    }
    return true;
}

/* "[MODIFIED 7,9]": numbers, or UIDs after UID STORE. What failed and the client doesn't know yet the driver
 * tells. */
static void put_modified(struct imap_call *call, const struct uid_set *modified)
{
    CLEANUP(uid_set_release) struct uid_set numbers = {0};
    for (size_t i = 0; !call->command.by_uid && i < modified->count; i++) {
        for (uint64_t uid = modified->ranges[i].first; uid <= modified->ranges[i].last; uid++) {
            uint32_t seq = 0;
            if (view_seq(call->session->view, (struct uid){(uint32_t)uid}, &seq, &call->error) == ERR_OK &&
                seq > 0)
                uid_set_add(&numbers, seq, seq);
        }
    }
    imap_reply_set(&call->reply, IMAP_STATUS_OK, "", "Some messages were changed since");
    buf_put(&call->reply.code, S("[MODIFIED "));
    uid_set_print(call->command.by_uid ? modified : &numbers, &call->reply.code);
    buf_putc(&call->reply.code, ']');
}

/* RFC 3501 6.4.6, RFC 7162 3.1.3 */
void cmd_store(struct imap_session *s, struct imap_call *call)
{
    const struct imap_command *command = &call->command;
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    CLEANUP(flag_result_release) struct flag_result result = {0};
    if (!may_store(call) || !imap_resolve_set(call, &command->store.set, command->by_uid, &uids) ||
        !imap_limit_uids(call, imap_message_limit(s), &uids))
        return;
    if (command->store.conditional)
        imap_enable_condstore(s);
    if (uids.count == 0 || !change_flags(s, call, &uids, &result))
        return;
    struct imap_tell tell = {.uid = command->by_uid, .flags = !command->store.silent};
    uid_set_subtract(&uids, &result.modified);
    if (!command->store.silent || command->store.conditional)
        imap_send_flags(call, &uids, tell);
    else if (s->condstore)
        imap_send_flags(call, &result.changed, tell);
    if (result.change.v != 0)
        imap_told_flags(s, &result.changed, result.change);
    if (result.modified.count > 0)
        put_modified(call, &result.modified);
}
