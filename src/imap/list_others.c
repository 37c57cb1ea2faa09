#include "imap/listing.h"

#include <stdlib.h>

/* Up to its first wildcard a pattern and a name below this one agree as far as both go. */
static bool may_mean(struct slice pattern, struct slice prefix)
{
    size_t n = 0;
    while (n < pattern.n && pattern.p[n] != '*' && pattern.p[n] != '%')
        n++;
    size_t common = MIN(n, prefix.n);
    return memcmp(pattern.p, prefix.p, common) == 0 && (n < pattern.n || n >= prefix.n);
}

static bool any_may_mean(const struct imap_listing *listing, struct slice prefix)
{
    /* RECURSIVEMATCH shows parents of what no pattern means. */
    if (listing->list->select & IMAP_LIST_RECURSIVEMATCH)
        return true;
    for (size_t i = 0; i < listing->pattern_count; i++)
        if (may_mean(listing->patterns[i], prefix))
            return true;
    return false;
}

/* RFC 3501 6.3.8: levels of hierarchy are shown for "%". */
static bool shows_levels(const struct imap_listing *listing)
{
    for (size_t i = 0; i < listing->pattern_count; i++)
        if (slice_find_char(listing->patterns[i], '%') >= 0)
            return true;
    return false;
}

/* The names above that are no mailboxes for the person; the same ones come in a row. */
static bool add_levels(struct imap_listing *listing, struct slice path, struct slice *last)
{
    for (size_t i = 1; i < path.n; i++) {
        struct slice level = slice_sub(path, 0, i);
        if (path.p[i] != '/' || slice_eq(level, *last) ||
            (slice_starts(*last, level) && last->n > i && last->p[i] == '/'))
            continue;
        if (!imap_listing_add(listing, (struct imap_list_name){.path = level, .level = true}))
            return false;
        *last = level;
    }
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* What is being added: one owner's folders. */
struct adding {
    struct imap_call *call;
    struct imap_listing *listing;
    const struct slice *subscriptions;
    size_t subscription_count;
    bool levels;
    struct slice last_level;
    struct imap_place place;
    struct share_folder *folders; /* that the person may look up */
    size_t count;
};

/* Only what the person sees counts; a folder's subtree follows it, but for INBOX. */
static bool has_children(const struct adding *adding, size_t at)
{
    struct slice path = adding->folders[at].folder.path;
    bool inbox = adding->folders[at].folder.role == ROLE_FOLDER_INBOX;
    size_t end = inbox ? adding->count : MIN(at + 2, adding->count);
    for (size_t i = at + 1; i < end; i++) {
        struct slice other = adding->folders[i].folder.path;
        if (other.n > path.n && slice_starts(other, path) && other.p[path.n] == '/')
            return true;
    }
    return false;
}

static bool add_folder(struct adding *adding, size_t at)
{
    struct share_folder *shared = &adding->folders[at];
    shared->folder.has_children = has_children(adding, at);
    shared->folder.role = ROLE_FOLDER_NONE; /* another's Sent is no Sent of this person */
    struct imap_list_name name = {.path = imap_name_of(adding->call, &adding->place, &shared->folder),
                                  .folder = &shared->folder,
                                  .account = adding->place.account,
                                  .rights = shared->rights};
    name.subscribed = adding->subscription_count > 0 &&
                      bsearch(&name.path, adding->subscriptions, adding->subscription_count,
                              sizeof(*adding->subscriptions), by_bytes) != NULL;
    return imap_listing_add(adding->listing, name) &&
           (!adding->levels || add_levels(adding->listing, name.path, &adding->last_level));
}

static void keep_visible(struct adding *adding)
{
    size_t kept = 0;
    for (size_t i = 0; i < adding->count; i++)
        if ((adding->folders[i].rights & RIGHT_LOOKUP) != 0 &&
            adding->folders[i].folder.class == FOLDER_MAIL && adding->folders[i].folder.selectable)
            adding->folders[kept++] = adding->folders[i];
    adding->count = kept;
}

static enum err add_owner(struct adding *adding, const struct share_identity *identity,
                          const struct sharer *owner)
{
    struct imap_call *call = adding->call;
    struct error *error = &call->error;
    adding->place.prefix = imap_other_prefix(call, owner->address);
    if (adding->place.prefix.p == NULL)
        return fail_nomem(error);
    if (!any_may_mean(adding->listing, adding->place.prefix))
        return ERR_OK;
    enum err err = imap_visit(call, owner->id, &adding->place.account, error);
    if (err == ERR_OK)
        err = share_folders(adding->place.account, identity->grantees, identity->count,
                            adding->listing->arena, &adding->folders, &adding->count, error);
    /* An account that can't be opened now hides nobody else's. */
    if (err != ERR_OK)
        return err == ERR_NOMEM ? err : ERR_OK;
    if (adding->count == 0)
        return share_index_refresh(call->session->directory, adding->place.account, error);
    keep_visible(adding);
    for (size_t i = 0; i < adding->count; i++)
        if (!add_folder(adding, i))
            return fail_nomem(error);
    return ERR_OK;
}

enum err imap_listing_add_others(struct imap_call *call, struct imap_listing *listing,
                                 const struct slice *subscriptions, size_t subscription_count)
{
    const struct share_identity *identity;
    struct sharer *owners;
    size_t count;
    struct adding adding = {.call = call,
                            .listing = listing,
                            .subscriptions = subscriptions,
                            .subscription_count = subscription_count,
                            .levels = shows_levels(listing)};
    if (call->session->directory == NULL || !any_may_mean(listing, S(IMAP_OTHER_USERS)))
        return ERR_OK;
    enum err err = imap_identity(call, &identity, &call->error);
    if (err == ERR_OK)
        err = share_owners(call->session->directory, identity, listing->arena, &owners, &count, &call->error);
    /* A person whom the directory does not know, or in too many groups, has his own mailboxes all the same.
     */
    if (err == ERR_NOT_FOUND || err == ERR_LIMIT)
        return ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < MIN(count, IMAP_OWNERS_MAX); i++)
        err = add_owner(&adding, identity, &owners[i]);
    return err;
}
