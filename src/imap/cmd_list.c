/*
 * LIST (RFC 3501 6.3.8) with LIST-EXTENDED (RFC 5258), SPECIAL-USE (RFC 6154) and LIST-STATUS (RFC 5819).
 *
 * All names that may be shown are gathered: the folders, subscribed names without one, and, for
 * RECURSIVEMATCH, the parents of what is selected. Those that are selected mark their parents; then each name
 * that matches a pattern and is selected, or has a selected child that would not be shown, gets one response.
 */
#include <stdlib.h>

#include "imap/acl.h"
#include "imap/listing.h"
#include "imap/mailbox_name.h"

bool imap_full_pattern(struct imap_call *call, struct slice pattern, struct slice *ret)
{
    struct slice reference = call->command.list.reference;
    char *text = arena_alloc(&call->arena, reference.n + pattern.n + 1);
    if (text == NULL || reference.n + pattern.n > 2 * FOLDER_PATH_MAX) {
        imap_call_no(call, "LIMIT", "The mailbox pattern is too long");
        return false;
    }
    memcpy(text, reference.n > 0 ? reference.p : "", reference.n);
    memcpy(text + reference.n, pattern.n > 0 ? pattern.p : "", pattern.n);
    *ret = slice_of(text, reference.n + pattern.n);
    return true;
}

static bool take_patterns(struct imap_call *call, struct imap_listing *listing)
{
    const struct imap_list *list = listing->list;
    listing->patterns = arena_array(listing->arena, list->count, sizeof(*listing->patterns));
    for (size_t i = 0; listing->patterns != NULL && i < list->count; i++) {
        /* RFC 5258 3: an empty one matches nothing. */
        if (list->patterns[i].n == 0)
            continue;
        if (!imap_full_pattern(call, list->patterns[i], &listing->patterns[listing->pattern_count++]))
            return false;
    }
    return true;
}

static bool is_selected(const struct imap_listing *listing, const struct imap_list_name *name)
{
    unsigned select = listing->list->select;
    if ((select & IMAP_LIST_SPECIAL_USE) &&
        (name->folder == NULL || folder_role_attribute(name->folder->role)[0] == 0))
        return false;
    return select & IMAP_LIST_SUBSCRIBED ? name->subscribed : name->folder != NULL || name->level;
}

bool imap_listing_add(struct imap_listing *listing, struct imap_list_name name)
{
    if (listing->count == listing->cap) {
        size_t cap = MAX(listing->cap * 2, 64);
        struct imap_list_name *names = arena_array(listing->arena, cap, sizeof(*names));
        if (names == NULL)
            return false;
        if (listing->count > 0)
            memcpy(names, listing->names, listing->count * sizeof(*names));
        listing->names = names;
        listing->cap = cap;
    }
    name.order = listing->count;
    for (size_t i = 0; i < listing->pattern_count && !name.matches; i++)
        name.matches = mailbox_name_matches(name.path, listing->patterns[i]);
    listing->names[listing->count++] = name;
    return true;
}

static bool add_parents(struct imap_listing *listing)
{
    size_t count = listing->count;
    for (size_t k = 0; k < count; k++) {
        struct slice path = listing->names[k].path;
        if (!is_selected(listing, &listing->names[k]))
            continue;
        for (size_t i = 1; i < path.n; i++)
            if (path.p[i] == '/' &&
                !imap_listing_add(listing, (struct imap_list_name){.path = slice_sub(path, 0, i)}))
                return false;
    }
    return true;
}

static bool add_own(struct imap_session *s, struct imap_listing *listing, const struct folder *folders,
                    size_t count)
{
    bool room = true;
    for (size_t i = 0; i < count && room; i++)
        if (folders[i].class == FOLDER_MAIL)
            room = imap_listing_add(listing, (struct imap_list_name){.path = folders[i].path,
                                                                     .folder = &folders[i],
                                                                     .account = s->own,
                                                                     .rights = imap_own_rights(s),
                                                                     .subscribed = folders[i].subscribed});
    return room;
}

static enum err gather(struct imap_call *call, struct imap_listing *listing)
{
    struct imap_session *s = call->session;
    struct error *error = &call->error;
    struct folder *folders;
    struct slice *paths;
    size_t folder_count;
    size_t count;
    enum err err = folder_list(s->own, listing->arena, &folders, &folder_count, error);
    if (err == ERR_OK)
        err = folder_subscriptions(s->own, listing->arena, &paths, &count, error);
    if (err != ERR_OK)
        return err;
    bool room = add_own(s, listing, folders, folder_count);
    err = imap_listing_add_others(call, listing, paths, count);
    if (err != ERR_OK)
        return err;
    if (listing->list->select & IMAP_LIST_SUBSCRIBED)
        for (size_t i = 0; i < count && room; i++)
            room = imap_listing_add(listing, (struct imap_list_name){.path = paths[i], .subscribed = true});
    if (listing->list->select & IMAP_LIST_RECURSIVEMATCH)
        room = room && add_parents(listing);
    return room ? ERR_OK : fail_plain(error, ERR_LIMIT, "Too many mailboxes");
}

static int compare_paths(struct slice a, struct slice b)
{
    int order = memcmp(a.p, b.p, MIN(a.n, b.n));
    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_path(const void *a, const void *b)
{
    const struct imap_list_name *left = a;
    const struct imap_list_name *right = b;
    int order = compare_paths(left->path, right->path);
    return order != 0 ? order : (left->order > right->order) - (left->order < right->order);
}

static int by_order(const void *a, const void *b)
{
    const struct imap_list_name *left = a;
    const struct imap_list_name *right = b;
    return (left->order > right->order) - (left->order < right->order);
}

static int to_path(const void *key, const void *name)
{
    return compare_paths(*(const struct slice *)key, ((const struct imap_list_name *)name)->path);
}

/* Sorts by path; of several with one name the first stays, which is the folder if there is one. */
static void unite(struct imap_listing *listing)
{
    size_t kept = 0;
    if (listing->count > 0)
        qsort(listing->names, listing->count, sizeof(*listing->names), by_path);
    for (size_t i = 0; i < listing->count; i++) {
        if (kept == 0 || !slice_eq(listing->names[kept - 1].path, listing->names[i].path))
            listing->names[kept++] = listing->names[i];
        else
            listing->names[kept - 1].level |= listing->names[i].level;
    }
    listing->count = kept;
}

enum err imap_listing_gather(struct imap_call *call, struct imap_listing *listing)
{
    enum err err = gather(call, listing);
    if (err == ERR_OK)
        unite(listing);
    return err;
}

static void mark_parents(struct imap_listing *listing)
{
    for (size_t k = 0; k < listing->count; k++) {
        const struct imap_list_name *name = &listing->names[k];
        for (size_t i = 1; is_selected(listing, name) && i < name->path.n; i++) {
            struct slice path = slice_sub(name->path, 0, i);
            struct imap_list_name *parent = NULL;
            if (name->path.p[i] == '/')
                parent = bsearch(&path, listing->names, listing->count, sizeof(*listing->names), to_path);
            if (parent == NULL)
                continue;
            parent->child = true;
            parent->inhabited = parent->inhabited || name->folder != NULL;
            parent->hidden_child = parent->hidden_child || !name->matches;
        }
    }
}

static void put_attribute(struct buf *out, const char *attribute)
{
    if (attribute[0] != 0)
        buf_printf(out, "%s%s", out->p[out->n - 1] == '(' ? "" : " ", attribute);
}

/* state: \Noselect, \NonExistent or nothing. */
static void put_attributes(struct imap_session *s, struct buf *out, const struct folder *folder,
                           const char *state, bool children, bool children_wanted)
{
    put_attribute(out, state);
    if (children_wanted || imap_has(s, S("CHILDREN")))
        put_attribute(out, children ? "\\HasChildren" : "\\HasNoChildren");
    if (folder != NULL && imap_has(s, S("SPECIAL-USE")))
        put_attribute(out, folder_role_attribute(folder->role));
}

void imap_send_list(struct imap_session *s, struct slice name, const struct folder *folder,
                    struct slice written)
{
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* LIST ("));
    const char *state = folder == NULL ? "\\NonExistent" : folder->selectable ? "" : "\\Noselect";
    put_attributes(s, out, folder, state, folder != NULL && folder->has_children, false);
    buf_put(out, S(") \"/\" "));
    imap_put_mailbox(out, name, imap_speaks_utf8(s));
    if (!slice_eq(name, written)) {
        buf_put(out, S(" (\"OLDNAME\" ("));
        imap_put_mailbox(out, written, imap_speaks_utf8(s));
        buf_put(out, S("))"));
    }
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

static void send_name(struct imap_session *s, const struct imap_listing *listing,
                      const struct imap_list_name *name)
{
    const struct imap_list *list = listing->list;
    const struct folder *folder = name->folder;
    struct buf *out = conn_output(s->conn);
    buf_put(out, S("* LIST ("));
    bool children = folder != NULL ? folder->has_children : name->level || name->inhabited;
    const char *state = "";
    /* Plain LIST does not know \NonExistent (RFC 5258 3). */
    if (folder == NULL && (list->extended || !name->level))
        state = "\\NonExistent";
    else if (folder == NULL || !folder->selectable)
        state = "\\Noselect";
    put_attributes(s, out, folder, state, children, list->returns & IMAP_LIST_CHILDREN);
    if (name->subscribed && ((list->select | list->returns) & IMAP_LIST_SUBSCRIBED))
        put_attribute(out, "\\Subscribed");
    buf_put(out, S(") \"/\" "));
    imap_put_mailbox(out, name->path, imap_speaks_utf8(s));
    if (name->child && (list->select & IMAP_LIST_RECURSIVEMATCH))
        buf_put(out, S(" (\"CHILDINFO\" (\"SUBSCRIBED\"))"));
    buf_put(out, S("\r\n"));
    conn_wrote(s->conn);
}

/* What RETURN asks for besides. */
static bool send_returns(struct imap_call *call, const struct imap_list *list,
                         const struct imap_list_name *name, bool selected)
{
    struct imap_session *s = call->session;
    const struct folder *folder = name->folder;
    /* RFC 5819 3, RFC 8440 4: not for what is shown because of its children. */
    bool shown = selected && folder->selectable;
    if (list->status != 0 && shown && (name->rights & RIGHT_READ) != 0)
        imap_send_status(s, name->path, folder, list->status);
    if ((list->returns & IMAP_LIST_MYRIGHTS) && shown)
        imap_send_myrights(s, name->path, name->rights);
    return list->metadata.count == 0 ||
           imap_send_metadata(call, name->account, name->path, folder->id, &list->metadata);
}

static void send_names(struct imap_session *s, struct imap_call *call, const struct imap_listing *listing)
{
    const struct imap_list *list = listing->list;
    bool recursive = list->select & IMAP_LIST_RECURSIVEMATCH;
    for (size_t i = 0; i < listing->count; i++) {
        const struct imap_list_name *name = &listing->names[i];
        bool selected = is_selected(listing, name);
        if (!name->matches || (!selected && !(recursive && name->hidden_child)))
            continue;
        send_name(s, listing, name);
        if (name->folder != NULL && !send_returns(call, list, name, selected))
            return; /* the reply says why */
    }
}

void cmd_list(struct imap_session *s, struct imap_call *call)
{
    struct imap_listing listing = {.list = &call->command.list, .arena = &call->arena};
    /* An empty pattern asks for the hierarchy delimiter. */
    if (!listing.list->extended && listing.list->patterns[0].n == 0) {
        conn_write(s->conn, S("* LIST (\\Noselect) \"/\" \"\"\r\n"));
        return;
    }
    if (!take_patterns(call, &listing))
        return;
    if (imap_listing_gather(call, &listing) != ERR_OK) {
        imap_call_failed(call);
        return;
    }
    if (listing.list->status & 1U << IMAP_STATUS_HIGHESTMODSEQ)
        imap_enable_condstore(s);
    mark_parents(&listing);
    if (listing.count > 0)
        qsort(listing.names, listing.count, sizeof(*listing.names), by_order);
    send_names(s, call, &listing);
}
