/*
 * MailboxName and SubscriptionChange (RFC 5465 5.4, 5.5): the names that there are now are compared with
 * those that the client knows. So rights that were given or taken are told as well.
 */
#include <stdlib.h>

#include "imap/listing.h"
#include "imap/notify_session.h"

/* --- the names that there are --- */

static bool keep(struct imap_known_names *names, const struct imap_list_name *from)
{
    struct imap_known_name *name = &names->items[names->count];
    *name = (struct imap_known_name){
        .name = arena_dup(&names->arena, from->path), .rights = from->rights, .subscribed = from->subscribed};
    if (from->folder != NULL) {
        name->account = account_id(from->account);
        name->folder = from->folder->id;
        name->parent = from->folder->parent;
        name->exists = from->folder->selectable;
        name->has_children = from->folder->has_children;
        name->role = from->folder->role;
    }
    names->count++;
    return name->name.p != NULL;
}

void imap_known_names_release(struct imap_known_names *names)
{
    arena_release(&names->arena);
    *names = (struct imap_known_names){.count = 0};
}

bool imap_known_names_read(struct imap_call *call, struct imap_known_names *ret_names)
{
    struct slice everything = S("*");
    const struct imap_list list = {.select = IMAP_LIST_SUBSCRIBED, .patterns = &everything, .count = 1};
    struct imap_listing listing = {
        .list = &list, .arena = &call->arena, .patterns = &everything, .pattern_count = 1};
    struct imap_known_names names = {.arena = ARENA(IMAP_NOTIFY_NAMES_ARENA_MAX)};
    bool fine = imap_listing_gather(call, &listing) == ERR_OK;
    if (fine)
        names.items = arena_array(&names.arena, listing.count + 1, sizeof(*names.items));
    fine = fine && names.items != NULL;
    for (size_t i = 0; fine && i < listing.count; i++)
        if (listing.names[i].folder != NULL || listing.names[i].subscribed)
            fine = keep(&names, &listing.names[i]);
    if (fine)
        *ret_names = names;
    else
        imap_known_names_release(&names);
    return fine;
}

/* --- comparing --- */

static int compare(struct slice a, struct slice b)
{
    int order = memcmp(a.p, b.p, MIN(a.n, b.n));
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int to_name(const void *key, const void *item)
{
    return compare(*(const struct slice *)key, ((const struct imap_known_name *)item)->name);
}

static struct imap_known_name *by_name(const struct imap_known_names *names, struct slice name)
{
    return names->count == 0 ? NULL
                             : bsearch(&name, names->items, names->count, sizeof(*names->items), to_name);
}

static struct imap_known_name *by_folder(const struct imap_known_names *names, struct account_id account,
                                         struct folder_id folder)
{
    for (size_t i = 0; i < names->count && folder.v != 0; i++)
        if (names->items[i].folder.v == folder.v && names->items[i].account.v == account.v)
            return &names->items[i];
    return NULL;
}

struct comparison {
    struct imap_call *call;
    const struct imap_known_names *before;
    const struct imap_known_names *now;
    const struct imap_inbox_rename *rename;
};

static bool is_wanted(const struct comparison *c, const struct imap_known_name *name, unsigned event)
{
    const struct imap_session *s = c->call->session;
    bool own = !imap_is_other(name->name);
    return (imap_notify_events(s->notify, name->name, own, name->subscribed) & event) != 0;
}

/* "* LIST (\HasNoChildren) "/" "New" ("OLDNAME" ("Old"))" */
static void send_name(const struct comparison *c, const struct imap_known_name *name, struct slice old)
{
    struct imap_session *s = c->call->session;
    bool utf8 = imap_speaks_utf8(s);
    const char *role = folder_role_attribute(name->role);
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* LIST ("));
    if (!name->exists)
        buf_put(out, S("\\NonExistent "));
    buf_printf(out, "%s%s%s", name->has_children ? "\\HasChildren" : "\\HasNoChildren",
               role[0] != 0 ? " " : "", role);
    if (name->subscribed)
        buf_put(out, S(" \\Subscribed"));
    buf_put(out, S(") \"/\" "));
    imap_put_mailbox(out, name->name, utf8);
    if (old.n > 0) {
        buf_put(out, S(" (\"OLDNAME\" ("));
        imap_put_mailbox(out, old, utf8);
        buf_put(out, S("))"));
    }
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

/* RFC 5465 5.4: one that is made or deleted affects its parent. */
static void send_parent(const struct comparison *c, struct slice name)
{
    ssize_t slash = slice_rfind_char(name, '/');
    struct imap_known_name *parent = slash < 0 ? NULL : by_name(c->now, slice_sub(name, 0, (size_t)slash));
    if (parent != NULL && is_wanted(c, parent, IMAP_NOTIFY_MailboxName))
        send_name(c, parent, slice_none());
}

/* The old name of one that has another now; none when it came along with its parent (RFC 5465 5.4). */
static struct slice old_name(const struct comparison *c, const struct imap_known_name *name, bool *ret_along)
{
    const struct imap_known_name *before = by_folder(c->before, name->account, name->folder);
    *ret_along = false;
    if (before == NULL || slice_eq(before->name, name->name))
        return slice_none();
    const struct imap_known_name *parent = by_folder(c->before, name->account, name->parent);
    const struct imap_known_name *parent_now = by_folder(c->now, name->account, name->parent);
    *ret_along = before->parent.v == name->parent.v && parent != NULL && parent_now != NULL &&
                 !slice_eq(parent->name, parent_now->name);
    return before->name;
}

static void tell_made(const struct comparison *c, const struct imap_known_name *name)
{
    bool along;
    struct slice old = old_name(c, name, &along);
    if (old.n == 0 && name->folder.v != 0 && name->folder.v == c->rename->made.v) {
        const struct imap_known_name *inbox = by_name(c->now, S("INBOX"));
        if (inbox != NULL && inbox->folder.v == c->rename->inbox.v && inbox->account.v == name->account.v)
            old = inbox->name;
    }
    if (along || !is_wanted(c, name, IMAP_NOTIFY_MailboxName))
        return;
    send_name(c, name, old);
    if (old.n == 0)
        send_parent(c, name->name);
}

/* Whether what stands under a name now is to be told, as something was made, changed or subscribed. */
static void tell_present(const struct comparison *c, const struct imap_known_name *name)
{
    const struct imap_known_name *before = by_name(c->before, name->name);
    bool same = before != NULL && before->account.v == name->account.v &&
                before->folder.v == name->folder.v && before->exists == name->exists;
    bool subscribed = before != NULL && before->subscribed;
    if (!same && (name->folder.v != 0 || (before != NULL && before->folder.v != 0)))
        tell_made(c, name);
    else if (subscribed != name->subscribed && is_wanted(c, name, IMAP_NOTIFY_SubscriptionChange))
        send_name(c, name, slice_none());
}

/* Under this name there is nothing any more: not even a subscription, nor was it renamed. */
static void tell_gone(const struct comparison *c, const struct imap_known_name *name)
{
    struct imap_known_name gone = {.name = name->name};
    const struct imap_known_name *now = by_folder(c->now, name->account, name->folder);
    if (name->folder.v == 0) {
        if (is_wanted(c, name, IMAP_NOTIFY_SubscriptionChange))
            send_name(c, &gone, slice_none());
    } else if (now == NULL && is_wanted(c, name, IMAP_NOTIFY_MailboxName)) {
        send_name(c, &gone, slice_none());
        send_parent(c, name->name);
    }
}

bool imap_notify_names(struct imap_call *call, const struct imap_inbox_rename *rename)
{
    struct imap_notify *notify = call->session->notify;
    struct imap_known_names now = {.count = 0};
    if (!imap_known_names_read(call, &now))
        return false;
    const struct comparison comparison = {call, &notify->names, &now, rename};
    for (size_t i = 0; i < notify->names.count; i++)
        if (by_name(&now, notify->names.items[i].name) == NULL)
            tell_gone(&comparison, &notify->names.items[i]);
    for (size_t i = 0; i < now.count; i++)
        tell_present(&comparison, &now.items[i]);
    imap_known_names_release(&notify->names);
    notify->names = now;
    return true;
}

bool imap_notify_note_names(struct imap_call *call)
{
    struct imap_notify *notify = call->session->notify;
    struct imap_known_names now = {.count = 0};
    if (!imap_known_names_read(call, &now))
        return false;
    imap_known_names_release(&notify->names);
    notify->names = now;
    return true;
}

/* --- the beginning --- */

static void introduce_one(struct imap_call *call, const struct imap_known_name *name)
{
    struct imap_session *s = call->session;
    unsigned events = imap_notify_events(s->notify, name->name, !imap_is_other(name->name), name->subscribed);
    if (events == 0 || !name->exists)
        return;
    if ((name->rights & RIGHT_READ) == 0) {
        struct buf *out = conn_output(s->conn);
        buf_put(out, S("* LIST (\\NoAccess) \"/\" "));
        imap_put_mailbox(out, name->name, imap_speaks_utf8(s));
        buf_put(out, S("\r\n"));
        conn_wrote(s->conn);
        return;
    }
    struct imap_mailbox mailbox;
    bool selected =
        s->view != NULL && account_id(s->account).v == name->account.v && s->folder.v == name->folder.v;
    if (!s->notify->set.status || selected || (events & IMAP_NOTIFY_MESSAGES) == 0 ||
        !imap_resolve_mailbox(call, name->name, RIGHT_READ, "NONEXISTENT", &mailbox))
        return;
    imap_send_status(s, mailbox.name, &mailbox.folder, imap_notify_items(s, events & IMAP_NOTIFY_MESSAGES));
}

void imap_notify_introduce(struct imap_call *call)
{
    struct imap_session *s = call->session;
    struct imap_notify *notify = s->notify;
    for (size_t i = 0; i < notify->names.count && !conn_broken(s->conn); i++)
        introduce_one(call, &notify->names.items[i]);
    if ((notify->events & (IMAP_NOTIFY_MailboxName | IMAP_NOTIFY_SubscriptionChange)) == 0)
        imap_known_names_release(&notify->names);
}
