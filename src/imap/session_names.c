/*
 * From a mailbox name to the account and folder that it means, by the person's rights (RFC 4314 4).
 *
 * "Other Users/bob@example.org/Plans" lies in Bob's account. Whatever a person may not know of (a mailbox,
 * the account, that there is such an address at all) gets the answer of a name that means nothing.
 */
#include "imap/session_internal.h"

void imap_visited_release(struct imap_call *call)
{
    for (struct imap_visited *visited = call->visited; visited != NULL; visited = visited->next)
        account_unref(visited->account);
    call->visited = NULL;
}

enum err imap_visit(struct imap_call *call, struct account_id id, struct account **ret_account,
                    struct error *error)
{
    struct imap_visited *visited = call->visited;
    while (visited != NULL && account_id(visited->account).v != id.v)
        visited = visited->next;
    if (visited == NULL) {
        visited = ARENA_NEW(&call->arena, struct imap_visited);
        if (visited == NULL)
            return fail_nomem(error);
        enum err err = store_account(call->session->store, id, &visited->account, error);
        if (err != ERR_OK)
            return err;
        visited->next = call->visited;
        call->visited = visited;
    }
    *ret_account = visited->account;
    return ERR_OK;
}

enum err imap_identity(struct imap_call *call, const struct share_identity **ret_identity,
                       struct error *error)
{
    struct imap_session *s = call->session;
    if (s->directory == NULL)
        return fail(error, ERR_NOT_FOUND, NULL, "there is no directory");
    enum err err = ERR_OK;
    if (call->identity.grantees == NULL)
        err = share_identity(s->directory, account_id(s->own), &call->arena, &call->identity, error);
    if (err == ERR_OK)
        *ret_identity = &call->identity;
    return err;
}

/* --- names in the accounts of others --- */

static enum err nothing_there(struct slice name, struct error *error)
{
    return fail(error, ERR_NOT_FOUND, "There is no such mailbox", "mailbox \"%.*s\"", SLICE_ARGS(name));
}

struct slice imap_other_prefix(struct imap_call *call, struct slice address)
{
    size_t n = sizeof(IMAP_OTHER_USERS) + address.n + 1;
    char *text = arena_alloc(&call->arena, n + 1);
    if (text == NULL)
        return slice_none();
    snprintf(text, n + 1, "%s/%.*s/", IMAP_OTHER_USERS, SLICE_ARGS(address));
    return slice_of(text, n);
}

/* Takes "Other Users/bob@example.org/Plans" apart. A quoted local part with an '@' can't be named so. */
static bool split_other(struct slice name, struct slice *ret_address, struct slice *ret_path)
{
    struct slice rest = slice_from(name, sizeof(IMAP_OTHER_USERS));
    ssize_t at = slice_find_char(rest, '@');
    ssize_t slash = at < 0 ? -1 : slice_find_char(slice_from(rest, (size_t)at), '/');
    if (slash < 0)
        return false;
    *ret_address = slice_sub(rest, 0, (size_t)(at + slash));
    *ret_path = slice_from(rest, (size_t)(at + slash) + 1);
    return ret_path->n > 0;
}

bool imap_is_other(struct slice name)
{
    return slice_starts(name, S(IMAP_OTHER_USERS "/"));
}

struct slice imap_other_address(struct slice name)
{
    struct slice address;
    struct slice path;
    return imap_is_other(name) && split_other(name, &address, &path) ? address : slice_none();
}

bool imap_is_subscribed(struct imap_call *call, struct slice name)
{
    struct slice *paths;
    size_t count;
    if (folder_subscriptions(call->session->own, &call->arena, &paths, &count, &call->error) != ERR_OK)
        return false;
    for (size_t i = 0; i < count; i++)
        if (slice_eq(paths[i], name))
            return true;
    return false;
}

/* In whose account the name lies. ERR_NOT_FOUND: in nobody's who shares anything with the person. */
static enum err find_owner(struct imap_call *call, struct slice name, struct imap_place *ret_place)
{
    struct error *error = &call->error;
    struct slice address;
    struct imap_place place = {.account = NULL};
    const struct share_identity *identity;
    struct sharer sharer;
    if (!split_other(name, &address, &place.path))
        return nothing_there(name, error);
    enum err err = imap_identity(call, &identity, error);
    if (err == ERR_OK)
        err = share_owner(call->session->directory, identity, address, &call->arena, &sharer, error);
    if (err == ERR_OK)
        err = imap_visit(call, sharer.id, &place.account, error);
    if (err != ERR_OK)
        return err;
    place.prefix = imap_other_prefix(call, sharer.address);
    if (place.prefix.p == NULL)
        return fail_nomem(error);
    *ret_place = place;
    return ERR_OK;
}

enum err imap_find_rights(struct imap_call *call, struct account *account, struct folder_id folder,
                          unsigned *ret_rights)
{
    const struct share_identity *identity;
    enum err err = imap_identity(call, &identity, &call->error);
    if (err == ERR_OK)
        err = share_rights(account, folder, identity->grantees, identity->count, ret_rights, &call->error);
    if (err == ERR_OK)
        *ret_rights &= imap_own_rights(call->session);
    return err;
}

/* Who may do there what he wants to, or may see it, knows of it already. */
static bool is_there(unsigned rights, unsigned needed)
{
    if (needed == IMAP_RIGHTS_ANY)
        return (rights & RIGHTS_TOLD) != 0;
    return (rights & RIGHTS_VISIBLE) != 0 || (needed != 0 && (needed & ~rights) == 0);
}

/* The folder of a name, and what the person may do there; ERR_NOT_FOUND also when he may not see it. */
static enum err find_folder(struct imap_call *call, struct slice name, unsigned needed,
                            struct imap_place *ret_place, struct folder *ret_folder)
{
    struct imap_session *s = call->session;
    struct imap_place place = {.account = s->own, .path = name, .rights = imap_own_rights(s)};
    struct folder folder;
    bool other = imap_is_other(name);
    enum err err = other ? find_owner(call, name, &place) : ERR_OK;
    if (err == ERR_OK)
        err = folder_find(place.account, place.path, &call->arena, &folder, &call->error);
    if (err == ERR_OK && other)
        err = imap_find_rights(call, place.account, folder.id, &place.rights);
    if (err != ERR_OK)
        return err;
    if (folder.class != FOLDER_MAIL || !is_there(place.rights, needed))
        return nothing_there(name, &call->error);
    *ret_place = place;
    *ret_folder = folder;
    return ERR_OK;
}

/* --- what handlers ask --- */

bool imap_may(struct imap_call *call, unsigned rights, unsigned needed)
{
    if (needed == IMAP_RIGHTS_ANY || (needed & ~rights) == 0)
        return true;
    imap_call_no(call, "NOPERM", "You have no right to do this here");
    return false;
}

static bool not_found(struct imap_call *call, enum err err, const char *missing)
{
    if (err == ERR_NOT_FOUND)
        imap_call_no(call, missing, "There is no such mailbox");
    else
        imap_call_failed(call);
    return false;
}

bool imap_resolve_name(struct imap_call *call, struct slice name, unsigned needed, const char *missing,
                       struct imap_place *ret_place)
{
    struct folder folder;
    if (!imap_is_other(name)) {
        unsigned rights = imap_own_rights(call->session);
        *ret_place = (struct imap_place){call->session->own, slice_none(), name, rights};
        return imap_may(call, rights, needed);
    }
    enum err err = find_folder(call, name, needed, ret_place, &folder);
    return err == ERR_OK ? imap_may(call, ret_place->rights, needed) : not_found(call, err, missing);
}

/* RFC 4314 4: "k" on the nearest parent that exists. */
static enum err find_parent_rights(struct imap_call *call, struct imap_place *place)
{
    struct slice path = place->path;
    ssize_t slash;
    while ((slash = slice_rfind_char(path, '/')) >= 0) {
        struct folder folder;
        path = slice_sub(path, 0, (size_t)slash);
        enum err err = folder_find(place->account, path, &call->arena, &folder, &call->error);
        if (err == ERR_NOT_FOUND)
            continue;
        return err == ERR_OK && folder.class == FOLDER_MAIL
                   ? imap_find_rights(call, place->account, folder.id, &place->rights)
                   : err;
    }
    return ERR_OK;
}

bool imap_resolve_new(struct imap_call *call, struct slice name, struct imap_place *ret_place)
{
    unsigned own_rights = imap_own_rights(call->session);
    *ret_place = (struct imap_place){call->session->own, slice_none(), name, own_rights};
    if (slice_eq(name, S(IMAP_OTHER_USERS))) {
        imap_call_no(call, "CANNOT", "Mailboxes of others are shown under this name");
        return false;
    }
    if (!imap_is_other(name))
        return imap_may(call, own_rights, RIGHT_CREATE);
    ret_place->rights = 0;
    enum err err = find_owner(call, name, ret_place);
    if (err == ERR_OK)
        err = find_parent_rights(call, ret_place);
    if (err != ERR_OK && err != ERR_NOT_FOUND) {
        imap_call_failed(call);
        return false;
    }
    return imap_may(call, ret_place->rights, RIGHT_CREATE);
}

struct slice imap_name_of(struct imap_call *call, const struct imap_place *place, const struct folder *folder)
{
    size_t n = place->prefix.n + folder->path.n;
    if (place->prefix.n == 0)
        return folder->path;
    char *text = arena_alloc(&call->arena, n + 1);
    if (text == NULL)
        return folder->path; /* an arena that failed fails the command */
    memcpy(text, place->prefix.p, place->prefix.n);
    memcpy(text + place->prefix.n, folder->path.p, folder->path.n);
    return slice_of(text, n);
}

bool imap_resolve_any(struct imap_call *call, struct slice name, unsigned needed, const char *missing,
                      struct imap_mailbox *ret_mailbox)
{
    struct imap_place place;
    struct imap_mailbox mailbox;
    enum err err = find_folder(call, name, needed, &place, &mailbox.folder);
    if (err == ERR_OK)
        err = seen_count(place.account, imap_person(call->session), &mailbox.folder, &call->error);
    if (err != ERR_OK)
        return not_found(call, err, missing);
    if (!imap_may(call, place.rights, needed))
        return false;
    mailbox.account = place.account;
    mailbox.rights = place.rights;
    mailbox.name = imap_name_of(call, &place, &mailbox.folder);
    if (arena_failed(&call->arena)) {
        imap_call_no(call, "LIMIT", "The command needs too much memory");
        return false;
    }
    *ret_mailbox = mailbox;
    return true;
}

bool imap_resolve_mailbox(struct imap_call *call, struct slice name, unsigned needed, const char *missing,
                          struct imap_mailbox *ret_mailbox)
{
    struct imap_mailbox mailbox;
    if (!imap_resolve_any(call, name, needed, missing, &mailbox))
        return false;
    if (!mailbox.folder.selectable)
        return not_found(call, nothing_there(name, &call->error), missing);
    *ret_mailbox = mailbox;
    return true;
}

/* --- the selected mailbox --- */

void imap_note_rights(struct imap_session *s, unsigned rights)
{
    s->rights = rights;
    if (s->account == s->own)
        return;
    s->rights_as_of.share = share_generation(s->account);
    s->rights_as_of.directory = directory_generation(s->directory);
}

void imap_refresh_rights(struct imap_session *s, struct imap_call *call)
{
    if (s->view == NULL || s->account == s->own ||
        (s->rights_as_of.share == share_generation(s->account) &&
         s->rights_as_of.directory == directory_generation(s->directory)))
        return;
    unsigned before = s->rights;
    unsigned now = 0;
    /* Noted before they are read: what changes meanwhile is looked at once more. */
    imap_note_rights(s, before);
    if (imap_find_rights(call, s->account, s->folder, &now) != ERR_OK || (now & RIGHT_READ) == 0) {
        imap_bye(s, "The mailbox is gone, or no longer shared with you");
        return;
    }
    s->rights = now;
    if (now == before || !imap_load_keywords(call))
        return;
    imap_send_flag_names(call);
    call->keywords_loaded = false; /* the command may go on to another account */
}
