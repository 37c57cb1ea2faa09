#include <stdlib.h>

#include "imap/notify_session.h"
#include "store/folder_path.h"

/* --- what is asked for --- */

/* In the one form in which names are compared; what can be no name stays, and means nothing. */
static bool normalise(struct imap_notify *notify, struct slice *name)
{
    struct folder_path path;
    struct error ignored;
    if (folder_path_parse(*name, &path, &ignored) != ERR_OK)
        return true;
    *name = arena_dup(&notify->arena, folder_path_text(&path));
    return name->p != NULL;
}

static bool take_groups(struct imap_notify *notify)
{
    for (struct imap_notify_group *group = notify->set.groups; group != NULL; group = group->next) {
        if (group->filter == NOTIFY_SELECTED || group->filter == NOTIFY_SELECTED_DELAYED)
            notify->selected = group;
        else
            notify->events |= group->events;
        for (size_t i = 0; i < group->count; i++)
            if (!normalise(notify, &group->names[i]))
                return false;
    }
    return true;
}

/* The command is read once more, from a copy that stays. */
static bool keep_command(struct imap_call *call, struct imap_notify *notify)
{
    struct imap_session *s = call->session;
    struct imap_command command;
    struct slice text = arena_dup(&notify->arena, imap_reader_text(&s->reader));
    struct imap_parser parser = {
        .text = cursor_of(text), .arena = &notify->arena, .utf8 = imap_speaks_utf8(s)};
    if (text.p == NULL || !imap_command_parse(&parser, &command))
        return false; /* no memory: it was grammatical */
    notify->set = command.notify;
    return take_groups(notify);
}

static bool is_below(struct slice name, struct slice above)
{
    return slice_starts(name, above) && (name.n == above.n || name.p[above.n] == '/');
}

static bool is_meant(const struct imap_notify_group *group, struct slice name, bool own, bool subscribed)
{
    switch (group->filter) {
    case NOTIFY_SELECTED:
    case NOTIFY_SELECTED_DELAYED:
        return false;
    case NOTIFY_INBOXES: /* a rule of the person's may deliver anywhere (RFC 5465 6.3) */
    case NOTIFY_PERSONAL:
        return own;
    case NOTIFY_SUBSCRIBED:
        return subscribed;
    case NOTIFY_SUBTREE:
    case NOTIFY_MAILBOXES:
        break;
    }
    for (size_t i = 0; i < group->count; i++)
        if (group->filter == NOTIFY_SUBTREE ? is_below(name, group->names[i])
                                            : slice_eq(name, group->names[i]))
            return true;
    return false;
}

unsigned imap_notify_events(const struct imap_notify *notify, struct slice name, bool own, bool subscribed)
{
    unsigned events = 0;
    for (const struct imap_notify_group *group = notify->set.groups; group != NULL; group = group->next)
        if (is_meant(group, name, own, subscribed))
            events |= group->events;
    return events;
}

unsigned imap_notify_selected(const struct imap_session *s)
{
    if (s->notify == NULL)
        return IMAP_NOTIFY_MESSAGES;
    return s->notify->selected != NULL ? s->notify->selected->events : 0;
}

bool imap_notify_at_once(const struct imap_session *s)
{
    return s->notify != NULL && s->notify->selected != NULL && s->notify->selected->filter == NOTIFY_SELECTED;
}

void imap_notify_arrivals(struct imap_call *call, const struct uid_set *uids)
{
    const struct imap_notify *notify = call->session->notify;
    if (notify != NULL && notify->selected != NULL && notify->selected->fetch.count > 0)
        imap_send_arrivals(call, uids, &notify->selected->fetch);
}

unsigned imap_notify_items(const struct imap_session *s, unsigned events)
{
    static const unsigned new = 1U << IMAP_STATUS_MESSAGES | 1U << IMAP_STATUS_UIDNEXT |
                                1U << IMAP_STATUS_UIDVALIDITY | 1U << IMAP_STATUS_UNSEEN;
    static const unsigned flags = 1U << IMAP_STATUS_UIDVALIDITY | 1U << IMAP_STATUS_UNSEEN;
    unsigned items = events & (IMAP_NOTIFY_MessageNew | IMAP_NOTIFY_MessageExpunge) ? new : flags;
    return s->condstore ? items | 1U << IMAP_STATUS_HIGHESTMODSEQ : items;
}

/* --- beginning and ending --- */

static bool watch_one(struct imap_call *call, struct imap_notify *notify, struct account *account,
                      struct slice prefix)
{
    struct imap_session *s = call->session;
    for (struct imap_watched *w = notify->watched; w != NULL; w = w->next)
        if (watch_account(w->watch) == account)
            return true;
    struct imap_watched *watched = ARENA_NEW(&notify->arena, struct imap_watched);
    struct slice kept = arena_dup(&notify->arena, prefix);
    if (watched == NULL || kept.p == NULL ||
        account_watch(account, conn_loop(s->conn), conn_place(s->conn), &watched->watch, &call->error) !=
            ERR_OK)
        return false;
    watched->prefix = kept;
    watched->since = watch_change(watched->watch);
    watched->next = notify->watched;
    notify->watched = watched;
    return true;
}

/* Those in whose accounts a mailbox is named. Who shares nothing now may do so later; that he is watched
 * tells nobody anything. */
static bool watch_named(struct imap_call *call, struct imap_notify *notify, struct slice name)
{
    struct imap_session *s = call->session;
    struct slice address = imap_other_address(name);
    struct account_entry entry;
    struct account *account;
    if (address.n == 0 || s->directory == NULL ||
        account_entry_find(s->directory, address, &call->arena, &entry, &call->error) != ERR_OK)
        return true;
    if (imap_visit(call, entry.id, &account, &call->error) != ERR_OK)
        return true;
    return watch_one(call, notify, account, imap_other_prefix(call, entry.address));
}

bool imap_notify_watch_subscribed(struct imap_call *call, struct imap_notify *notify)
{
    const struct imap_notify_group *group = notify->set.groups;
    while (group != NULL && group->filter != NOTIFY_SUBSCRIBED)
        group = group->next;
    if (group == NULL)
        return true;
    struct slice *paths;
    size_t count;
    bool watched =
        folder_subscriptions(call->session->own, &call->arena, &paths, &count, &call->error) == ERR_OK;
    for (size_t i = 0; watched && i < count; i++)
        watched = watch_named(call, notify, paths[i]);
    return watched;
}

static bool watch_all(struct imap_call *call, struct imap_notify *notify)
{
    bool watched =
        watch_one(call, notify, call->session->own, S("")) && imap_notify_watch_subscribed(call, notify);
    for (const struct imap_notify_group *group = notify->set.groups; group != NULL; group = group->next)
        for (size_t i = 0; watched && i < group->count; i++)
            watched = watch_named(call, notify, group->names[i]);
    return watched;
}

static void notify_free(struct imap_notify *notify)
{
    for (struct imap_watched *w = notify->watched; w != NULL; w = w->next)
        account_unwatch(w->watch);
    imap_known_names_release(&notify->names);
    arena_release(&notify->arena);
    free(notify);
}

void imap_notify_end(struct imap_session *s)
{
    if (s->notify == NULL)
        return;
    if (s->view != NULL)
        view_unwatch(s->view);
    notify_free(take(s->notify));
}

static struct imap_notify *notify_new(struct imap_call *call)
{
    struct imap_notify *notify = calloc(1, sizeof(*notify));
    if (notify == NULL)
        return NULL;
    notify->arena = ARENA(IMAP_NOTIFY_ARENA_MAX);
    bool names =
        keep_command(call, notify) && watch_all(call, notify) && imap_known_names_read(call, &notify->names);
    if (names)
        return notify;
    notify_free(notify);
    return NULL;
}

/* RFC 5465 3.1: NO, with all that we know. */
static void refuse_event(struct imap_call *call)
{
    static const char *const names[] = {
#define X(name, bit) #name,
        IMAP_NOTIFY_EVENT_TABLE(X)
#undef X
    };
    imap_call_no(call, "", "This server does not tell of such an event");
    buf_put(&call->reply.code, S("[BADEVENT ("));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        buf_printf(&call->reply.code, "%s%s", i > 0 ? " " : "", names[i]);
    buf_put(&call->reply.code, S(")]"));
}

void cmd_notify(struct imap_session *s, struct imap_call *call)
{
    const struct imap_notify_set *set = &call->command.notify;
    if (set->unsupported) {
        refuse_event(call);
        return;
    }
    struct imap_notify *notify = set->groups != NULL ? notify_new(call) : NULL;
    if (set->groups != NULL && notify == NULL) {
        imap_call_no(call, "NOTIFICATIONOVERFLOW", "This is too much to be told of");
        return;
    }
    /* An implicit NOOP: what has gathered is told as it was so far (RFC 5465 3.1). */
    imap_send_updates(s, call, true);
    imap_notify_end(s);
    s->notify = notify;
    if (notify == NULL)
        return;
    if (s->view != NULL && notify->selected != NULL)
        view_watch(s->view, conn_loop(s->conn), conn_place(s->conn));
    imap_notify_introduce(call);
    imap_reply_set(&call->reply, IMAP_STATUS_OK, "", "NOTIFY completed"); /* whatever was gone meanwhile */
}
