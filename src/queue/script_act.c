/* What a script's actions come to: copies in folders, messages that go out, a refusal. */
#include "directory/forward.h"
#include "mime/compose.h"
#include "mime/header.h"
#include "queue/script.h"

enum { REJECTION_SIZE_MAX = 1 << 20, REJECTION_HEADER_MAX = 64 * 1024 };

/* --- copies --- */

static bool is_unchanged(const struct script_run *run, const struct sieve_action *action)
{
    return action->message.p == NULL || action->message.p == run->message.p;
}

static enum err put_deposit(struct script_run *run, struct deposit deposit, struct error *error)
{
    struct filing_plan *plan = run->plan;
    for (size_t i = 0; i < plan->deposit_count; i++) {
        struct deposit *other = &plan->deposits[i];
        if (other->folder.v != deposit.folder.v || other->notice || other->body.p != deposit.body.p)
            continue;
        for (size_t word = 0; word < ARRAY_LEN(deposit.flags.words); word++)
            other->flags.words[word] |= deposit.flags.words[word];
        return ERR_OK; /* one copy in a folder (RFC 5228 2.10.3) */
    }
    if (plan->deposit_count == FILING_DEPOSITS_MAX)
        return fail_plain(error, ERR_INVALID, "too many copies are wanted");
    plan->deposits[plan->deposit_count++] = deposit;
    return ERR_OK;
}

enum err script_keep(struct script_run *run, bool junk, struct error *error)
{
    const struct filing *filing = run->filing;
    return put_deposit(run,
                       (struct deposit){
                           .folder = junk ? run->target->junk : run->target->inbox,
                           .prefix = buf_slice(&filing->prefix),
                           .body = slice_of(filing->entry->body, filing->entry->size),
                       },
                       error);
}

/* A keyword for which there is no room any more is left out: mail matters more. */
static enum err put_flag(struct script_run *run, struct slice name, struct flagset *flags,
                         struct error *error)
{
    unsigned bit;
    if (flag_system(name, &bit)) {
        flag_set(flags, bit);
        return ERR_OK;
    }
    enum err err = keyword_bit(run->target->account, name, true, &bit, error);
    if (err == ERR_OK)
        flag_set(flags, bit);
    return err == ERR_LIMIT || err == ERR_INVALID ? ERR_OK : err;
}

static enum err deposit_into(struct script_run *run, struct folder_id folder,
                             const struct sieve_action *action, struct error *error)
{
    const struct entry *entry = run->filing->entry;
    struct deposit deposit = {.folder = folder,
                              .prefix = buf_slice(&run->filing->prefix),
                              .body = slice_of(entry->body, entry->size)};
    enum err err = ERR_OK;
    if (!is_unchanged(run, action)) {
        deposit.prefix = slice_none();
        deposit.body = action->message;
    }
    for (size_t i = 0; i < action->flag_count && err == ERR_OK; i++)
        err = put_flag(run, action->flags[i], &deposit.flags, error);
    return err == ERR_OK ? put_deposit(run, deposit, error) : err;
}

/* What the classifier thinks holds where the script itself decided nothing. */
static enum err act_keep(struct script_run *run, const struct sieve_action *action, struct error *error)
{
    bool junk = action->line == 0 && run->filing->junk;
    return deposit_into(run, junk ? run->target->junk : run->target->inbox, action, error);
}

/* By its id, else its use, else its name (RFC 9042 4.1, RFC 8579 4.2). ERR_NOT_FOUND. */
static enum err find_target(struct script_run *run, const struct sieve_action *action, struct folder *ret,
                            struct error *error)
{
    struct account *account = run->target->account;
    struct arena *arena = &run->plan->arena;
    struct folder_id id;
    enum err err = ERR_NOT_FOUND;
    if (action->mailbox_id.p != NULL && folder_id_parse(action->mailbox_id, &id))
        err = folder_get(account, id, arena, ret, error);
    if (err == ERR_NOT_FOUND && action->special_use.p != NULL) {
        enum folder_role role = folder_role_by_attribute(action->special_use);
        if (role != ROLE_FOLDER_NONE)
            err = folder_by_role(account, role, arena, ret, error);
    }
    if (err == ERR_NOT_FOUND)
        err = folder_find(account, action->mailbox, arena, ret, error);
    return err == ERR_OK && !ret->selectable ? ERR_NOT_FOUND : err;
}

static enum err create_target(struct script_run *run, const struct sieve_action *action, struct folder *ret,
                              struct error *error)
{
    struct account *account = run->target->account;
    enum folder_role role =
        action->special_use.p != NULL ? folder_role_by_attribute(action->special_use) : ROLE_FOLDER_NONE;
    enum err err = folder_create(account, action->mailbox, FOLDER_MAIL, role, &ret->id, error);
    if (err == ERR_OK)
        err = folder_subscribe(account, action->mailbox, true, error);
    return err;
}

static enum err act_fileinto(struct script_run *run, const struct sieve_action *action, struct error *error)
{
    struct folder folder = {0};
    /* Whose program fetches the Inbox and nothing else would never see it in another folder. */
    if ((run->owner.doors & (DOOR_IMAP | DOOR_JMAP | DOOR_EAS | DOOR_EWS)) == 0)
        return deposit_into(run, run->target->inbox, action, error);
    enum err err = find_target(run, action, &folder, error);
    if (err == ERR_NOT_FOUND && action->create)
        err = create_target(run, action, &folder, error);
    if (err == ERR_NOT_FOUND || err == ERR_INVALID || err == ERR_LIMIT)
        return fail_plain(error, ERR_INVALID, "there is no folder \"%.*s\"", SLICE_ARGS(action->mailbox));
    return err == ERR_OK ? deposit_into(run, folder.id, action, error) : err;
}

/* --- what goes out --- */

/* It has been here, or there, before: a circle. */
static enum err has_been(struct script_run *run, struct slice target, bool *ret, struct error *error)
{
    const struct entry *entry = run->filing->entry;
    const struct slice *been;
    size_t count = 0;
    enum err err = onward_been(slice_of(entry->body, entry->size), &run->plan->arena, &been, &count, error);
    *ret = false;
    for (size_t i = 0; err == ERR_OK && i < count; i++)
        *ret = *ret || slice_eq_nocase(been[i], target) || slice_eq_nocase(been[i], run->owner.address);
    *ret = *ret || slice_eq_nocase(target, run->owner.address);
    return err;
}

/* A changed message has our trace fields in it: all but the envelope's sender may go on (RFC 5321 4.4). */
static enum err without_return_path(struct script_run *run, struct slice message, struct slice *ret,
                                    struct error *error)
{
    CLEANUP(buf_release) struct buf out = BUF(QUEUE_MESSAGE_MOST);
    const struct slice return_path = S("Return-Path");
    const struct mime_split split = mime_split(message);
    mime_header_select(&out, split.header, &return_path, 1, true);
    buf_put(&out, split.body);
    if (buf_failed(&out))
        return fail_nomem(error);
    *ret = arena_dup(&run->plan->arena, buf_slice(&out));
    return ret->p == NULL ? fail_nomem(error) : ERR_OK;
}

static enum err act_redirect(struct script_run *run, const struct sieve_action *action, struct error *error)
{
    struct filing *filing = run->filing;
    struct queue *queue = run->batch->queue;
    struct onward_order order = {.by = run->owner.address, .targets = &action->address, .target_count = 1};
    struct onward onward = {.from = filing->entry, .cause = filing};
    bool circle;
    run->passed_on = true;
    enum err err = has_been(run, action->address, &circle, error);
    if (err == ERR_OK && circle)
        return script_keep(run, false, error);
    if (err == ERR_OK && !is_unchanged(run, action))
        err = without_return_path(run, action->message, &order.message, error);
    if (err == ERR_OK)
        err = forward_sender(queue->directory, filing->entry->envelope.sender, order.by, &run->plan->arena,
                             &order.sender, error);
    if (err == ERR_OK)
        err = onward_make(queue, filing->entry, filing->recipient, &order, &onward.entry, error);
    return err == ERR_OK ? file_add_onward(run->batch, onward, error) : err;
}

static enum err answer(struct script_run *run, struct slice sender, struct slice address,
                       struct slice message, struct error *error)
{
    struct filing *filing = run->filing;
    struct onward onward = {.from = filing->entry, .cause = filing};
    enum err err = onward_answer(run->batch->queue, filing->entry, filing->account, sender, address, message,
                                 &onward.entry, error);
    return err == ERR_OK ? file_add_onward(run->batch, onward, error) : err;
}

/* Whether the sender may be told anything: there is one, and it is he (RFC 5429 2.1.2, 2.2.1; RFC 3834 2). */
static bool may_answer(const struct filing *filing)
{
    return filing->entry->envelope.sender.n > 0 && !filing->junk && !entry_is_forged(filing->entry);
}

static void put_disposition(struct script_run *run, struct buf *out)
{
    const struct slice header =
        mime_split(slice_of(run->filing->entry->body, run->filing->entry->size)).header;
    CLEANUP(buf_release) struct buf id = BUF(1000);
    mime_unfold(&id, mime_field_value(header, S("Message-ID")));
    buf_printf(out, "Reporting-UA: %s; Posthorn\r\nFinal-Recipient: rfc822; %.*s\r\n",
               run->batch->queue->hostname, SLICE_ARGS(run->owner.address));
    if (!buf_failed(&id) && id.n > 0 && slice_is_ascii(buf_slice(&id)))
        buf_printf(out, "Original-Message-ID: %.*s\r\n", SLICE_ARGS(buf_slice(&id)));
    buf_put(out, S("Disposition: automatic-action/MDN-sent-automatically; deleted\r\n"));
}

/* RFC 5429 2.2.1: a failure MDN (RFC 8098). */
static void compose_rejection(struct script_run *run, struct slice reason, struct buf *out)
{
    CLEANUP(buf_release) struct buf text = BUF(REJECTION_SIZE_MAX);
    const struct entry *entry = run->filing->entry;
    struct mime_composer composer = MIME_COMPOSER(out);
    mime_compose_mailbox(out, "From", run->owner.name, run->owner.address);
    mime_compose_mailbox(out, "To", slice_none(), entry->envelope.sender);
    mime_compose_text_field(out, "Subject", S("Your message was refused"));
    mime_compose_date(out, "Date", (struct mime_date){.seconds = clock_wall_us() / CLOCK_SECOND});
    buf_put(out, S("Message-ID: "));
    mime_message_id_put(out, slice_cstr(run->batch->queue->hostname));
    buf_put(out, S("\r\n"));
    mime_compose_field(out, "Auto-Submitted", S("auto-replied (rejected)"));
    mime_compose_multipart(&composer, "report; report-type=disposition-notification");
    mime_compose_part(&composer);
    buf_printf(&text,
               "The message was refused by the recipient's mail filtering program.\n"
               "The reason given was as follows:\n\n%.*s\n",
               SLICE_ARGS(reason));
    mime_compose_text(&composer, "plain", buf_slice(&text));
    mime_compose_part(&composer);
    buf_clear(&text);
    put_disposition(run, &text);
    mime_compose_status(&composer, "message/disposition-notification", buf_slice(&text));
    mime_compose_part(&composer);
    struct slice header = mime_split(slice_of(entry->body, entry->size)).header;
    mime_compose_original_header(&composer, slice_sub(header, 0, REJECTION_HEADER_MAX));
    mime_compose_end(&composer);
}

static enum err act_reject(struct script_run *run, const struct sieve_action *action, struct error *error)
{
    CLEANUP(buf_release) struct buf message = BUF(2 * REJECTION_SIZE_MAX);
    run->spoken = true;
    if (!may_answer(run->filing))
        return ERR_OK;
    compose_rejection(run, action->reason, &message);
    if (buf_failed(&message))
        return buf_no_memory(&message) ? fail_nomem(error)
                                       : fail_plain(error, ERR_INVALID, "the reason is too long");
    return answer(run, S(""), run->filing->entry->envelope.sender, buf_slice(&message), error);
}

/* RFC 5429 2.1.2: a report of its delivery. */
static enum err act_ereject(struct script_run *run, const struct sieve_action *action, struct error *error)
{
    CLEANUP(buf_release) struct buf text = BUF(REJECTION_SIZE_MAX);
    run->spoken = true;
    if (!may_answer(run->filing))
        return ERR_OK;
    buf_printf(
        &text,
        "It was refused by the recipient's mail filtering program. The reason given is as follows: %.*s",
        SLICE_ARGS(action->reason));
    if (buf_failed(&text))
        return fail_nomem(error);
    run->filing->refusal = arena_dup(&run->batch->arena, buf_slice(&text));
    return run->filing->refusal.p == NULL ? fail_nomem(error) : ERR_OK;
}

static void lower_key(const struct sieve_action *action, struct remembered *ret, struct buf *scratch)
{
    script_put_lower(scratch, action->address);
    script_key("vacation", action->handle, buf_slice(scratch), ret);
}

static enum err act_vacation(struct script_run *run, const struct sieve_action *action, struct error *error)
{
    CLEANUP(buf_release) struct buf lower = BUF(ADDRESS_MAX);
    struct remembered item;
    bool known = false;
    enum err err = ERR_OK;
    run->spoken = true;
    lower_key(action, &item, &lower);
    if (!may_answer(run->filing) || buf_failed(&lower))
        return buf_no_memory(&lower) ? fail_nomem(error) : ERR_OK;
    if (action->seconds > 0)
        err = script_knows(run, &item, &known, error);
    if (err != ERR_OK || known)
        return err;
    err = answer(run, S(""), action->address, action->reply, error);
    if (err == ERR_OK && action->seconds > 0)
        err = script_remember(run, item, action->seconds, error);
    if (err != ERR_OK || action->mailbox.p == NULL)
        return err;
    struct sieve_action copy = *action;
    copy.message = action->reply;
    return act_fileinto(run, &copy, error);
}

/* One entry each: what becomes of one recipient is nothing to the others. */
static enum err act_notify(struct script_run *run, const struct sieve_action *action, struct error *error)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < action->recipient_count && err == ERR_OK; i++)
        err = answer(run, action->sender, action->recipients[i], action->reply, error);
    return err;
}

enum err script_act(struct script_run *run, const struct sieve_action *action, struct error *error)
{
    static enum err (*const acts[])(struct script_run *, const struct sieve_action *, struct error *) = {
        [SIEVE_ACTION_KEEP] = act_keep,         [SIEVE_ACTION_FILEINTO] = act_fileinto,
        [SIEVE_ACTION_REDIRECT] = act_redirect, [SIEVE_ACTION_REJECT] = act_reject,
        [SIEVE_ACTION_EREJECT] = act_ereject,   [SIEVE_ACTION_VACATION] = act_vacation,
        [SIEVE_ACTION_NOTIFY] = act_notify,
    };
    return acts[action->kind](run, action, error);
}
