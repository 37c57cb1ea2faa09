/* What happened outside the selected mailbox, from the change feeds (RFC 5465 5). */
#include "imap/notify_session.h"

/* What a page of the log says of one folder. */
struct happening {
    struct folder_id folder; /* 0: the account */
    unsigned events;
};
struct happenings {
    struct happening *items;
    size_t count;
    bool names;                        /* folders were made, changed or removed, or subscriptions */
    bool own_names, own_subscriptions; /* the same by the session itself */
    struct imap_inbox_rename rename;
};

struct teller {
    struct imap_session *s;
    struct imap_call *call;
    const struct imap_watched *watched;
    struct account *account;
};

static const unsigned events_of[] = {
    [CHANGE_ADDED] = IMAP_NOTIFY_MessageNew,
    [CHANGE_FLAGS] = IMAP_NOTIFY_FlagChange,
    [CHANGE_REMOVED] = IMAP_NOTIFY_MessageExpunge,
    [CHANGE_FOLDER_MADE] = IMAP_NOTIFY_MailboxName,
    [CHANGE_FOLDER_CHANGED] = IMAP_NOTIFY_MailboxName,
    [CHANGE_FOLDER_REMOVED] = IMAP_NOTIFY_MailboxName,
    [CHANGE_SUBSCRIPTION] = IMAP_NOTIFY_SubscriptionChange,
    [CHANGE_ANNOTATION] = IMAP_NOTIFY_MailboxMetadataChange,
};

/* One transaction that changes a folder and makes another is a renaming of INBOX. */
static void look_for_rename(const struct change_list *list, size_t at, struct imap_inbox_rename *rename)
{
    const struct change *changed = &list->changes[at];
    for (size_t i = 0; i < list->count; i++)
        if (list->changes[i].no.v == changed->no.v && list->changes[i].kind == CHANGE_FOLDER_MADE)
            *rename = (struct imap_inbox_rename){changed->folder, list->changes[i].folder};
}

static bool gather(const struct teller *teller, const struct change_list *list, struct happenings *happenings)
{
    happenings->items = arena_array(&teller->call->arena, list->count + 1, sizeof(*happenings->items));
    if (happenings->items == NULL)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        const struct change *change = &list->changes[i];
        unsigned events = events_of[change->kind];
        bool names = (events & (IMAP_NOTIFY_MailboxName | IMAP_NOTIFY_SubscriptionChange)) != 0;
        size_t at = 0;
        if (watch_is_own(teller->watched->watch, change->no)) {
            happenings->own_names |= names;
            happenings->own_subscriptions |= (events & IMAP_NOTIFY_SubscriptionChange) != 0;
            continue;
        }
        while (at < happenings->count && happenings->items[at].folder.v != change->folder.v)
            at++;
        if (at == happenings->count)
            happenings->items[happenings->count++] = (struct happening){change->folder, 0};
        happenings->items[at].events |= events;
        if (change->kind == CHANGE_FOLDER_CHANGED)
            look_for_rename(list, i, &happenings->rename);
        happenings->names |= names;
    }
    return true;
}

/* --- one folder --- */

static bool is_selected(const struct imap_session *s, const struct account *account, struct folder_id folder)
{
    return s->view != NULL && s->account == account && s->folder.v == folder.v;
}

static struct slice full_name(struct teller *teller, const struct folder *folder)
{
    const struct imap_place place = {.prefix = teller->watched->prefix};
    return imap_name_of(teller->call, &place, folder);
}

/* The person may know of it: it is his own, or he has "l" and "r" there (RFC 5465 5). */
static bool may_know(struct teller *teller, const struct folder *folder)
{
    unsigned rights = 0;
    unsigned needed = RIGHT_LOOKUP | RIGHT_READ;
    return teller->account == teller->s->own ||
           (imap_find_rights(teller->call, teller->account, folder->id, &rights) == ERR_OK &&
            (needed & ~rights) == 0);
}

/* "* METADATA "INBOX" /shared/comment": names only (RFC 5464 4.4.2). */
static void send_entries(struct teller *teller, struct slice name, struct folder_id folder)
{
    struct imap_session *s = teller->s;
    struct annotation *items;
    size_t count;
    if (annotation_changed(teller->account, folder, account_id(s->own), teller->watched->since,
                           &teller->call->arena, &items, &count, &teller->call->error) != ERR_OK ||
        count == 0)
        return;
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* METADATA "));
    imap_put_mailbox(out, name, imap_speaks_utf8(s));
    for (size_t i = 0; i < count; i++) {
        buf_putc(out, ' ');
        imap_put_astring(out, items[i].entry);
    }
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

static void tell_folder(struct teller *teller, const struct happening *happening)
{
    struct imap_session *s = teller->s;
    struct imap_call *call = teller->call;
    struct folder folder;
    /* One that is gone is told of as a name. */
    if (folder_get(teller->account, happening->folder, &call->arena, &folder, &call->error) != ERR_OK ||
        folder.class != FOLDER_MAIL || !may_know(teller, &folder))
        return;
    struct slice name = full_name(teller, &folder);
    bool subscribed = teller->account == s->own ? folder.subscribed : imap_is_subscribed(call, name);
    unsigned events =
        happening->events & imap_notify_events(s->notify, name, teller->account == s->own, subscribed);
    unsigned messages = events & IMAP_NOTIFY_MESSAGES;
    if (messages != 0 && folder.selectable && !is_selected(s, teller->account, folder.id) &&
        seen_count(teller->account, imap_person(s), &folder, &call->error) == ERR_OK)
        imap_send_status(s, name, &folder, imap_notify_items(s, messages));
    if (events & IMAP_NOTIFY_MailboxMetadataChange)
        send_entries(teller, name, folder.id);
}

/* --- an account --- */

/* What is no folder's: subscriptions, and the annotations of the account itself. */
static bool tell_own(struct teller *teller, unsigned events)
{
    struct imap_session *s = teller->s;
    if (teller->account != s->own)
        return true;
    if ((events & IMAP_NOTIFY_SubscriptionChange) && !imap_notify_watch_subscribed(teller->call, s->notify))
        return false;
    if ((events & IMAP_NOTIFY_MailboxMetadataChange) &&
        (s->notify->events & IMAP_NOTIFY_ServerMetadataChange))
        send_entries(teller, S(""), (struct folder_id){0});
    return true;
}

static bool tell_page(struct teller *teller, const struct change_list *list)
{
    struct imap_session *s = teller->s;
    struct happenings happenings = {.count = 0};
    if (!gather(teller, list, &happenings))
        return false;
    if (s->notify->names.items != NULL) {
        if (happenings.names && !imap_notify_names(teller->call, &happenings.rename))
            return false;
        if (!happenings.names && happenings.own_names && !imap_notify_note_names(teller->call))
            return false;
    }
    if (happenings.own_subscriptions && teller->account == s->own &&
        !imap_notify_watch_subscribed(teller->call, s->notify))
        return false;
    for (size_t i = 0; i < happenings.count && !conn_broken(s->conn); i++) {
        const struct happening *happening = &happenings.items[i];
        if (happening->folder.v != 0)
            tell_folder(teller, happening);
        else if (!tell_own(teller, happening->events))
            return false;
    }
    return true;
}

/* False: what happened can't be told. */
static bool tell_account(struct imap_session *s, struct imap_watched *watched)
{
    while (watch_change(watched->watch).v > watched->since.v && !conn_broken(s->conn)) {
        /* A call of its own: nothing of this belongs into the answer of the command that runs. */
        struct imap_call call = {.session = s, .reply = IMAP_REPLY, .arena = ARENA(IMAP_COMMAND_ARENA_MAX)};
        struct teller teller = {s, &call, watched, watch_account(watched->watch)};
        CLEANUP(change_list_release) struct change_list list = {0};
        bool told = change_list(teller.account, (struct folder_id){0}, watched->since, IMAP_NOTIFY_PAGE,
                                &list, &call.error) == ERR_OK &&
                    tell_page(&teller, &list);
        imap_call_release(&call);
        if (!told)
            return false;
        watched->since = list.more ? list.changes[list.count - 1].no : list.now;
    }
    watch_forget_own(watched->watch);
    return true;
}

void imap_notify_act(struct imap_session *s)
{
    for (struct imap_watched *w = s->notify != NULL ? s->notify->watched : NULL; w != NULL; w = w->next)
        watch_act(w->watch);
}

void imap_notify_rest(struct imap_session *s)
{
    for (struct imap_watched *w = s->notify != NULL ? s->notify->watched : NULL; w != NULL; w = w->next)
        watch_rest(w->watch);
}

void imap_notify_tell(struct imap_session *s)
{
    bool told = true;
    if (s->notify == NULL)
        return;
    for (struct imap_watched *w = s->notify->watched; told && w != NULL; w = w->next)
        told = tell_account(s, w);
    if (told)
        return;
    imap_say(s, "OK", "What happens is told no longer", "[NOTIFICATIONOVERFLOW]");
    imap_notify_end(s);
}
