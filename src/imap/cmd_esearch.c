/*
 * ESEARCH: a search of several mailboxes (RFC 7377).
 *
 * The mailboxes are gathered first, each once, with what the person may see; then each is searched by the
 * command read anew, as if it were the selected one. The one that is selected is searched as the client knows
 * it.
 */
#include "base/map.h"
#include "imap/search_context.h"
#include "imap/search_filter.h"
#include "imap/search_find.h"

/* A mailbox to be searched. */
struct target {
    struct account *account;
    struct folder_id folder;
    struct imap_correlator about;
};
struct targets {
    struct imap_call *call;
    struct map seen; /* account and folder */
    struct target *list;
    size_t count;
    size_t cap;
    uint64_t messages;
};

static void targets_release(struct targets *targets)
{
    map_release(&targets->seen);
}

/* --- which mailboxes --- */

static bool grow(struct targets *targets)
{
    struct imap_call *call = targets->call;
    size_t cap = MAX(64, 2 * targets->cap);
    struct target *list = arena_array(&call->arena, cap, sizeof(*list));
    if (list == NULL) {
        imap_call_no(call, "LIMIT", "Too many mailboxes");
        return false;
    }
    if (targets->count > 0)
        memcpy(list, targets->list, targets->count * sizeof(*list));
    targets->list = list;
    targets->cap = cap;
    return true;
}

/* False: the reply says why. */
static bool add(struct targets *targets, struct account *account, const struct folder *folder,
                struct slice name)
{
    uint64_t key[2] = {account_id(account).v, folder->id.v};
    if (!folder->selectable || folder->class != FOLDER_MAIL ||
        map_get(&targets->seen, slice_of(key, sizeof(key))))
        return true;
    if (targets->count == targets->cap && !grow(targets))
        return false;
    if (!map_set(&targets->seen, slice_of(key, sizeof(key)), account)) {
        imap_call_no(targets->call, "SERVERBUG", "out of memory");
        return false;
    }
    targets->messages += folder->messages;
    targets->list[targets->count++] =
        (struct target){.account = account,
                        .folder = folder->id,
                        .about = {.mailbox = name, .uidvalidity = folder->uidvalidity}};
    return true;
}

static bool failed(struct targets *targets)
{
    imap_call_failed(targets->call);
    return false;
}

/* `one`: only one level down (RFC 7377 2.2). */
static bool is_below(struct slice name, struct slice root, bool one)
{
    if (slice_eq(name, root))
        return true;
    if (!slice_starts(name, root) || name.p[root.n] != '/')
        return false;
    return !one || slice_find_char(slice_from(name, root.n + 1), '/') < 0;
}

/* The person's own mailboxes: all, the subscribed, or those below a root (p not NULL). */
static bool add_own(struct targets *targets, bool subscribed, struct slice root, bool one)
{
    struct imap_call *call = targets->call;
    struct account *own = call->session->own;
    struct folder *folders;
    size_t count;
    if (folder_list(own, &call->arena, &folders, &count, &call->error) != ERR_OK)
        return failed(targets);
    for (size_t i = 0; i < count; i++) {
        if ((subscribed && !folders[i].subscribed) ||
            (root.p != NULL && !is_below(folders[i].path, root, one)))
            continue;
        if (!add(targets, own, &folders[i], folders[i].path))
            return false;
    }
    return true;
}

/* What one who shares has below the root: RFC 7377 2.2 asks for "l" and "r" where nothing was named. */
static bool add_shared(struct targets *targets, const struct sharer *sharer,
                       const struct share_identity *identity, struct slice root, bool one)
{
    struct imap_call *call = targets->call;
    struct share_folder *shared;
    size_t count;
    struct imap_place place = {.prefix = imap_other_prefix(call, sharer->address)};
    if (imap_visit(call, sharer->id, &place.account, &call->error) != ERR_OK ||
        share_folders(place.account, identity->grantees, identity->count, &call->arena, &shared, &count,
                      &call->error) != ERR_OK)
        return failed(targets);
    for (size_t i = 0; i < count; i++) {
        struct slice name = imap_name_of(call, &place, &shared[i].folder);
        if ((RIGHTS_VISIBLE & ~shared[i].rights) != 0 || !is_below(name, root, one))
            continue;
        if (!add(targets, place.account, &shared[i].folder, name))
            return false;
    }
    return true;
}

static bool add_others(struct targets *targets, struct slice root, bool one)
{
    struct imap_call *call = targets->call;
    const struct share_identity *identity;
    struct sharer *sharers;
    size_t count;
    enum err err = imap_identity(call, &identity, &call->error);
    if (err == ERR_NOT_FOUND)
        return true;
    if (err == ERR_OK)
        err = share_owners(call->session->directory, identity, &call->arena, &sharers, &count, &call->error);
    if (err != ERR_OK)
        return failed(targets);
    for (size_t i = 0; i < count; i++)
        if (!add_shared(targets, &sharers[i], identity, root, one))
            return false;
    return true;
}

static bool add_subtree(struct targets *targets, struct slice root, bool one)
{
    if (imap_is_other(root) || slice_eq(root, S(IMAP_OTHER_USERS)))
        return add_others(targets, root, one);
    return add_own(targets, false, root, one);
}

/* What is not there, or not for this person, is passed over (RFC 7377 2.2, 5). */
static bool add_named(struct targets *targets, struct slice name, unsigned rights)
{
    struct imap_call *call = targets->call;
    struct imap_mailbox mailbox;
    call->error = (struct error){.code = ERR_NOT_FOUND};
    if (imap_resolve_mailbox(call, name, rights, "NONEXISTENT", &mailbox))
        return add(targets, mailbox.account, &mailbox.folder, mailbox.name);
    if (call->error.code != ERR_NOT_FOUND)
        return false;
    imap_reply_set(&call->reply, IMAP_STATUS_OK, "", "ESEARCH completed");
    return true;
}

static bool add_subscribed(struct targets *targets)
{
    struct imap_call *call = targets->call;
    struct slice *paths;
    size_t count;
    if (!add_own(targets, true, slice_none(), false))
        return false;
    if (folder_subscriptions(call->session->own, &call->arena, &paths, &count, &call->error) != ERR_OK)
        return failed(targets);
    for (size_t i = 0; i < count; i++)
        if (imap_is_other(paths[i]) && !add_named(targets, paths[i], RIGHTS_VISIBLE))
            return false;
    return true;
}

/* The name of the selected mailbox, which may be another's and may have been renamed since. */
static bool add_selected(struct targets *targets)
{
    struct imap_call *call = targets->call;
    struct imap_session *s = call->session;
    struct folder folder;
    struct imap_place place = {.account = s->account};
    const struct share_identity *identity;
    struct sharer *sharers;
    size_t count = 0;
    enum err err = folder_get(s->account, s->folder, &call->arena, &folder, &call->error);
    if (err == ERR_OK && s->account != s->own) {
        err = imap_identity(call, &identity, &call->error);
        if (err == ERR_OK)
            err = share_owners(s->directory, identity, &call->arena, &sharers, &count, &call->error);
    }
    if (err != ERR_OK)
        return failed(targets);
    for (size_t i = 0; i < count; i++)
        if (sharers[i].id.v == account_id(s->account).v)
            place.prefix = imap_other_prefix(call, sharers[i].address);
    return add(targets, s->account, &folder, imap_name_of(call, &place, &folder));
}

static bool add_source(struct targets *targets, const struct imap_source *source)
{
    bool fine = true;
    switch (source->kind) {
    case IMAP_SOURCE_SELECTED:
        return add_selected(targets);
    case IMAP_SOURCE_INBOXES: /* RFC 5465 6.3: rules may deliver anywhere */
    case IMAP_SOURCE_PERSONAL:
        return add_own(targets, false, slice_none(), false);
    case IMAP_SOURCE_SUBSCRIBED:
        return add_subscribed(targets);
    case IMAP_SOURCE_SUBTREE:
    case IMAP_SOURCE_SUBTREE_ONE:
    case IMAP_SOURCE_MAILBOXES:
        break;
    }
    for (const struct imap_source_name *name = source->names; name != NULL && fine; name = name->next) {
        if (source->kind == IMAP_SOURCE_MAILBOXES)
            fine = add_named(targets, name->path, RIGHT_READ);
        else
            fine = add_subtree(targets, name->path, source->kind == IMAP_SOURCE_SUBTREE_ONE);
    }
    return fine;
}

/* --- searching --- */

/* What of the session a mailbox searched in passing takes the place of. */
struct standing {
    struct view *view;
    struct account *account;
    struct folder_id folder;
    struct uid_set saved; /* "$" is of the selected mailbox only */
};

static struct standing enter(struct imap_session *s, struct standing place)
{
    struct standing before = {s->view, s->account, s->folder, s->saved};
    s->view = place.view;
    s->account = place.account;
    s->folder = place.folder;
    s->saved = place.saved;
    return before;
}

/* The result is not whole when false; the reply then says why. */
static bool find_there(struct imap_call *call, const struct target *target, struct imap_found *found)
{
    struct imap_session *s = call->session;
    struct imap_parser parser = {
        .text = cursor_of(imap_reader_text(&s->reader)), .arena = &call->arena, .utf8 = imap_speaks_utf8(s)};
    struct standing there = {.account = target->account, .folder = target->folder};
    if (!imap_command_parse(&parser, &call->command)) {
        imap_call_no(call, "SERVERBUG", "out of memory"); /* it was grammatical */
        return false;
    }
    call->command.search.limit = IMAP_SEARCH_REFUSED;
    if (!imap_search_expand(call, &call->command.search))
        return false;
    if (s->view != NULL && s->account == target->account && s->folder.v == target->folder.v)
        return imap_search_find(call, &call->command.search, WANT_FLAGS, imap_found_add, found);
    enum err err = view_open(target->account, target->folder, true, &there.view, &call->error);
    if (err != ERR_OK) {
        if (err != ERR_NOT_FOUND)
            imap_call_failed(call);
        return err == ERR_NOT_FOUND;
    }
    struct standing before = enter(s, there);
    bool whole = imap_search_find(call, &call->command.search, WANT_FLAGS, imap_found_add, found);
    (void)enter(s, before);
    view_close(there.view);
    return whole;
}

static void search_one(struct imap_call *call, const struct target *target, struct imap_found *found)
{
    /* A call of its own, so that memory is one mailbox's only. */
    struct imap_call one = {.session = call->session,
                            .reply = IMAP_REPLY,
                            .arena = ARENA(IMAP_COMMAND_ARENA_MAX),
                            .progress = call->progress,
                            .searched = call->searched};
    if (found->call != NULL)
        found->call = &one;
    bool whole = find_there(&one, target, found);
    call->progress = one.progress;
    call->searched = one.searched;
    if (found->uids.failed || found->numbers.failed || buf_failed(&found->scores))
        imap_call_no(call, "LIMIT", "Too many messages were found");
    else if (!whole)
        imap_reply_copy(&call->reply, &one.reply);
    arena_release(&one.arena);
    buf_release(&one.reply.code);
}

static void search_target(struct imap_call *call, const struct target *target, bool selected_only)
{
    struct imap_search *search = &call->command.search;
    CLEANUP(imap_found_release) struct imap_found found = IMAP_FOUND(call, search);
    search_one(call, target, &found);
    const struct imap_order uids = imap_order_of_set(&found.uids);
    search->about = target->about;
    if (selected_only) {
        imap_context_begin(call, search, &uids);
        imap_search_save(call, search, &uids);
    }
    if (uids.count == 0 || search->returns == IMAP_RETURN_SAVE)
        return;
    imap_send_esearch(call, search,
                      &(struct imap_answer){.told = uids,
                                            .modseq = imap_result_modseq(search, &found.modseqs),
                                            .scores = buf_slice(&found.scores)});
}

/* Where the command is allowed and what goes together (RFC 7377 2.2). */
static bool allowed(struct imap_session *s, struct imap_call *call, bool *ret_selected_only)
{
    const struct imap_search *search = &call->command.search;
    bool selected = search->sources == NULL;
    bool others = false;
    const char *problem = NULL;
    for (const struct imap_source *source = search->sources; source != NULL; source = source->next) {
        selected = selected || source->kind == IMAP_SOURCE_SELECTED;
        others = others || source->kind != IMAP_SOURCE_SELECTED;
    }
    if (selected && s->view == NULL)
        problem = "No mailbox is selected";
    else if (others && (search->returns & (IMAP_RETURN_SAVE | IMAP_RETURN_UPDATE)) != 0)
        problem = "SAVE and UPDATE go with the selected mailbox only";
    if (problem != NULL)
        imap_reply_set(&call->reply, IMAP_STATUS_BAD, "", "%s", problem);
    *ret_selected_only = !others;
    return problem == NULL;
}

void cmd_esearch(struct imap_session *s, struct imap_call *call)
{
    static const struct imap_source selected = {.kind = IMAP_SOURCE_SELECTED};
    const struct imap_search *search = &call->command.search;
    CLEANUP(targets_release) struct targets targets = {.call = call};
    bool selected_only;
    if (!allowed(s, call, &selected_only) || !imap_context_allowed(call, search))
        return;
    if (search->modseq)
        imap_enable_condstore(s);
    for (const struct imap_source *source = search->sources == NULL ? &selected : search->sources;
         source != NULL; source = source->next)
        if (!add_source(&targets, source))
            return;
    call->progress.goal = targets.messages;
    for (size_t i = 0; i < targets.count && !conn_broken(s->conn); i++)
        search_target(call, &targets.list[i], selected_only);
}
