#include "store/view.h"

#include "base/must.h"
#include "store/open_folder.h"
#include "store/seen_row.h"

/* Flag changes that the session told its client of by itself. */
struct told {
    uint64_t change;
    struct uid_set uids;
    struct told *next;
};

struct view {
    struct account *account;
    struct open_folder *open;
    struct view *next; /* of the open folder */
    bool read_only;
    struct uid_list *list; /* its first `exists` are the view's numbers; NULL: not needed yet */
    uint32_t exists;
    uint64_t bytes;          /* at the beginning */
    uint32_t uidnext;        /* UIDs below it are known or gone */
    uint64_t change;         /* told of flags and arrivals up to here */
    uint64_t expunge_change; /* told of removals up to here */
    bool removals_wait;      /* some were kept back at the last view_sync */
    bool gone_told;
    struct uid_set recent;
    uint32_t recent_count;
    struct told *told;
    struct loop *loop; /* NULL: not watching */
    struct place place;
};

/* --- opening and closing --- */

static enum err attach(struct work *work, struct touched *folder, struct view *view, struct error *error)
{
    struct folder_row *row = &folder->row;
    enum err err = open_folder_ref(work->account, folder->id, row, &view->open, error);
    if (err != ERR_OK)
        return err;
    view->exists = (uint32_t)row->messages;
    view->bytes = (uint64_t)row->bytes;
    view->uidnext = (uint32_t)row->uidnext;
    view->change = view->expunge_change = atomic_load(&view->open->change);
    view->recent_count = (uint32_t)row->recent;
    if (row->recent > 0)
        uid_set_add(&view->recent, (uint32_t)row->recent_from, (uint32_t)row->uidnext - 1);
    pthread_mutex_lock(&view->open->mutex);
    view->next = view->open->views;
    view->open->views = view;
    pthread_mutex_unlock(&view->open->mutex);
    return view->recent.failed ? fail_nomem(error) : ERR_OK;
}

/* Under account->mutex. */
static void detach(struct view *view)
{
    struct open_folder *open = view->open;
    pthread_mutex_lock(&open->mutex);
    struct view **link = &open->views;
    while (*link != view)
        link = &(*link)->next;
    *link = view->next;
    uid_list_unref(take(view->list));
    pthread_mutex_unlock(&open->mutex);
    open_folder_unref(open);
}

static void told_clear(struct view *view)
{
    while (view->told != NULL) {
        struct told *told = view->told;
        view->told = told->next;
        uid_set_release(&told->uids);
        free(told);
    }
}

static void view_free(struct view *view)
{
    uid_set_release(&view->recent);
    told_clear(view);
    free(view);
}

/* A read-write view takes the folder's recent messages for itself (RFC 3501 2.3.2). */
static void claim_recent(struct touched *folder)
{
    folder->row.recent = 0;
    folder->row.recent_from = folder->row.uidnext;
    folder->quiet = true;
}

enum err view_open(struct account *account, struct folder_id folder, bool read_only, struct view **ret_view,
                   struct error *error)
{
    struct view *view = calloc(1, sizeof(*view));
    if (view == NULL)
        return fail_nomem(error);
    view->account = account;
    view->read_only = read_only;
    CLEANUP(work_end) struct work work = {0};
    struct touched *touched;
    enum err err = work_begin(&work, account, error);
    if (err == ERR_OK)
        err = work_mailbox(&work, folder, &touched, error);
    if (err == ERR_OK)
        err = attach(&work, touched, view, error);
    if (err == ERR_OK && !read_only && touched->row.recent_from < touched->row.uidnext) {
        claim_recent(touched);
        err = work_write_quiet(&work, error);
    }
    if (err != ERR_OK) {
        if (view->open != NULL)
            detach(view);
        view_free(view);
        return err;
    }
    work_end(&work);
    account_ref(account);
    *ret_view = view;
    return ERR_OK;
}

static void trim_journal(struct open_folder *open)
{
    uint64_t least = UINT64_MAX;
    for (const struct view *view = open->views; view != NULL; view = view->next)
        least = MIN(least, MIN(view->change, view->expunge_change));
    open_folder_trim(open, least);
}

void view_close(struct view *view)
{
    if (view == NULL)
        return;
    struct account *account = view->account;
    pthread_mutex_lock(&account->mutex);
    detach(view);
    pthread_mutex_unlock(&account->mutex);
    view_free(view);
    account_unref(account);
}

void view_watch(struct view *view, struct loop *loop, struct place place)
{
    pthread_mutex_lock(&view->open->mutex);
    view->loop = loop;
    view->place = place;
    pthread_mutex_unlock(&view->open->mutex);
}

void view_unwatch(struct view *view)
{
    view_watch(view, NULL, (struct place){0});
}

void views_gather(struct open_folder *open, struct watchers *watchers)
{
    for (const struct view *view = open->views; view != NULL; view = view->next)
        if (view->loop != NULL)
            watchers_add(watchers, view->loop, view->place);
}

struct open_folder *view_open_folder(struct view *view)
{
    return view->open;
}

/* --- numbers --- */

uint32_t view_exists(const struct view *view)
{
    return view->exists;
}

uint64_t view_bytes(const struct view *view)
{
    return view->bytes;
}

uint32_t view_uidnext(const struct view *view)
{
    return view->uidnext;
}

uint32_t view_recent(const struct view *view)
{
    return view->recent_count;
}

bool view_is_recent(const struct view *view, struct uid uid)
{
    return uid_set_has(&view->recent, uid.v);
}

struct change_no view_change(const struct view *view)
{
    return (struct change_no){MAX(MIN(view->change, view->expunge_change), 1)};
}

static enum err check_lost(const struct open_folder *open, struct error *error)
{
    return open->lost ? fail(error, ERR_NOMEM, NULL, "folder %llu: no memory to follow its changes",
                             (unsigned long long)open->id.v)
                      : ERR_OK;
}

/* What was removed behind the view's back, as far as it knows the UIDs. open->mutex held. */
static enum err untold_removals(const struct view *view, struct uid_set *removed, struct error *error)
{
    for (size_t i = 0; i < view->open->journal_count; i++)
        if (view->open->journal[i].change > view->expunge_change)
            uid_set_union(removed, &view->open->journal[i].removed);
    uid_set_remove(removed, view->uidnext, UINT32_MAX);
    return removed->failed ? fail_nomem(error) : ERR_OK;
}

/* The view's list is the folder's, up to what the view knows, and with what it has not been told is gone. */
static enum err make_list(struct view *view, struct error *error)
{
    struct open_folder *open = view->open;
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    enum err err = untold_removals(view, &removed, error);
    if (err != ERR_OK)
        return err;
    if (removed.count == 0) {
        view->list = open->list;
        view->list->refs++;
    } else {
        view->list = uid_list_with(open->list, uid_list_find(open->list, view->uidnext), &removed);
        if (view->list == NULL)
            return fail_nomem(error);
    }
    must(view->list->count >= view->exists);
    return ERR_OK;
}

/* Under account->mutex. */
static enum err load_locked(struct view *view, struct error *error)
{
    if (view->list != NULL)
        return ERR_OK;
    struct open_folder *open = view->open;
    enum err err = check_lost(open, error);
    if (err == ERR_OK)
        err = open_folder_load(open, error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&open->mutex);
    err = make_list(view, error);
    pthread_mutex_unlock(&open->mutex);
    return err;
}

static enum err load(struct view *view, struct error *error)
{
    if (view->list != NULL)
        return ERR_OK;
    enum err err = account_lock(view->account, error);
    if (err != ERR_OK)
        return err;
    err = load_locked(view, error);
    account_unlock(view->account);
    return err;
}

enum err view_uid(struct view *view, uint32_t seq, struct uid *ret_uid, struct error *error)
{
    if (seq == 0 || seq > view->exists)
        return fail(error, ERR_NOT_FOUND, "No such message", "number %u of %u", seq, view->exists);
    enum err err = load(view, error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&view->open->mutex);
    ret_uid->v = view->list->uids[seq - 1];
    pthread_mutex_unlock(&view->open->mutex);
    return ERR_OK;
}

enum err view_seq(struct view *view, struct uid uid, uint32_t *ret_seq, struct error *error)
{
    enum err err = load(view, error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&view->open->mutex);
    size_t at = uid_list_find(view->list, uid.v);
    bool there = at < view->exists && view->list->uids[at] == uid.v;
    pthread_mutex_unlock(&view->open->mutex);
    *ret_seq = there ? (uint32_t)at + 1 : 0;
    return ERR_OK;
}

enum err view_uids(struct view *view, const struct uid_set *seqs, struct uid_set *ret_uids,
                   struct error *error)
{
    CLEANUP(uid_set_release) struct uid_set uids = {0};
    enum err err = load(view, error);
    if (err != ERR_OK)
        return err;
    pthread_mutex_lock(&view->open->mutex);
    for (size_t i = 0; i < seqs->count; i++) {
        uint32_t last = MIN(seqs->ranges[i].last, view->exists);
        for (uint32_t seq = MAX(seqs->ranges[i].first, 1); seq <= last; seq++)
            uid_set_add(&uids, view->list->uids[seq - 1], view->list->uids[seq - 1]);
    }
    pthread_mutex_unlock(&view->open->mutex);
    if (uids.failed)
        return fail_nomem(error);
    *ret_uids = uids;
    uids = (struct uid_set){0};
    return ERR_OK;
}

/*
 * The number of the member with this key, counted in the database from the nearer end: SELECT wants no more
 * than this one number, and a list of all UIDs for it would cost as much as the folder is large. Only while
 * nothing happened that the view was not told of; then *ret_seq stays 0. Under account->mutex.
 */
static enum err count_to(struct view *view, const struct folder_row *row, int64_t key, uint32_t *ret_seq,
                         struct error *error)
{
    if (view->list != NULL || atomic_load(&view->open->change) != view->expunge_change)
        return ERR_OK;
    bool found, from_end = key_uid(key) > (uint32_t)row->uidnext / 2;
    int64_t first = from_end ? key : member_key(view->open->id, 1);
    int64_t last = from_end ? member_key(view->open->id, UINT32_MAX) : key - 1;
    int64_t count = 0;
    enum err err = DB_NUMBER(view->account, MEMBER_COUNT, &found, &count, error, first, last);
    if (err == ERR_OK)
        *ret_seq = (uint32_t)(from_end ? row->messages - count : count) + 1;
    return err;
}

/* The key of the first member that the person has not seen and the view may know. Under account->mutex. */
static enum err first_unseen(const struct view *view, struct account_id person, const struct folder_row *row,
                             bool *ret_found, int64_t *ret_key, struct error *error)
{
    struct folder_id id = view->open->id;
    CLEANUP(seen_release) struct seen seen = {0};
    enum err err = row->seen_apart ? seen_read(view->account, id, person, &seen, error) : ERR_OK;
    if (err == ERR_OK && seen.own)
        return seen_first_unseen(view->account, id, &seen, view->uidnext - 1, ret_found, ret_key, error);
    if (err == ERR_OK && row->unseen > 0)
        err = DB_NUMBER(view->account, MEMBER_UNSEEN, ret_found, ret_key, error, member_key(id, 1),
                        member_key(id, view->uidnext - 1));
    return err;
}

enum err view_first_unseen(struct view *view, struct account_id person, uint32_t *ret_seq,
                           struct error *error)
{
    bool found = false;
    int64_t key = 0;
    uint32_t seq = 0;
    CLEANUP(work_end) struct work work = {0};
    struct touched *folder;
    enum err err = work_begin(&work, view->account, error);
    if (err == ERR_OK)
        err = work_folder(&work, view->open->id, &folder, error);
    if (err == ERR_OK)
        err = first_unseen(view, person, &folder->row, &found, &key, error);
    if (err == ERR_OK && found)
        err = count_to(view, &folder->row, key, &seq, error);
    if (err != ERR_OK)
        return err;
    work_end(&work);
    if (found && seq == 0)
        return view_seq(view, (struct uid){key_uid(key)}, ret_seq, error);
    *ret_seq = seq;
    return ERR_OK;
}

/* --- bringing it up to date --- */

void view_changes_release(struct view_changes *changes)
{
    free(changes->expunged);
    uid_set_release(&changes->vanished);
    uid_set_release(&changes->flags);
    *changes = (struct view_changes){0};
}

bool view_pending(const struct view *view)
{
    return view->removals_wait || atomic_load(&view->open->change) > view->change ||
           (atomic_load(&view->open->gone) && !view->gone_told);
}

void view_told_flags(struct view *view, const struct uid_set *uids, struct change_no change)
{
    struct told *told = calloc(1, sizeof(*told));
    if (told == NULL)
        return; /* then the client hears it once more */
    told->change = change.v;
    uid_set_union(&told->uids, uids);
    told->next = view->told;
    view->told = told;
}

/* Flag changes of messages the client knows, without what it was told and what is gone. */
static enum err gather_flags(const struct view *view, const struct uid_set *removed, struct uid_set *flags,
                             struct error *error)
{
    const struct open_folder *open = view->open;
    for (size_t i = 0; i < open->journal_count; i++) {
        const struct journal_entry *entry = &open->journal[i];
        if (entry->change <= view->change || entry->flags.count == 0)
            continue;
        CLEANUP(uid_set_release) struct uid_set one = {0};
        uid_set_union(&one, &entry->flags);
        for (const struct told *told = view->told; told != NULL; told = told->next)
            if (told->change == entry->change && !told->uids.failed)
                uid_set_subtract(&one, &told->uids);
        uid_set_union(flags, &one);
    }
    uid_set_subtract(flags, removed);
    uid_set_remove(flags, view->uidnext, UINT32_MAX);
    return flags->failed ? fail_nomem(error) : ERR_OK;
}

/* Each number counted after the expunges before it. */
static enum err number_expunges(const struct view *view, const struct uid_set *removed,
                                struct view_changes *changes, struct error *error)
{
    uint64_t most = MIN(uid_set_size(removed), view->exists);
    changes->expunged = calloc((size_t)most + 1, sizeof(*changes->expunged));
    if (changes->expunged == NULL)
        return fail_nomem(error);
    for (size_t i = 0; i < removed->count; i++) {
        size_t at = uid_list_find(view->list, removed->ranges[i].first);
        for (; at < view->exists && view->list->uids[at] <= removed->ranges[i].last; at++) {
            changes->expunged[changes->expunged_count] = (uint32_t)(at + 1 - changes->expunged_count);
            changes->expunged_count++;
            uid_set_add(&changes->vanished, view->list->uids[at], view->list->uids[at]);
        }
    }
    return changes->vanished.failed ? fail_nomem(error) : ERR_OK;
}

/* The view's picture becomes the folder's. */
static void take_over(struct view *view, struct view_changes *changes)
{
    struct open_folder *open = view->open;
    for (size_t i = 0; i < changes->vanished.count; i++) {
        const struct uid_range *range = &changes->vanished.ranges[i];
        for (uint64_t uid = range->first; uid <= range->last; uid++)
            if (uid_set_has(&view->recent, (uint32_t)uid))
                view->recent_count--;
    }
    uid_set_subtract(&view->recent, &changes->vanished);
    if (view->list != NULL && view->list != open->list) {
        uid_list_unref(view->list);
        view->list = open->list;
        view->list->refs++;
    }
    view->exists = open->exists;
    view->expunge_change = atomic_load(&open->change);
    view->removals_wait = false;
}

/* The view keeps its numbers and gets those that came as further ones. */
static enum err take_arrivals(struct view *view, struct error *error)
{
    static const struct uid_set none = {0};
    struct open_folder *open = view->open;
    size_t from = uid_list_find(open->list, view->uidnext);
    view->removals_wait = true;
    if (from == open->list->count)
        return ERR_OK;
    if (view->list->refs > 1 || view->list->count > view->exists) {
        struct uid_list *own = uid_list_without(view->list, view->exists, &none);
        if (own == NULL)
            return fail_nomem(error);
        uid_list_unref(view->list);
        view->list = own;
    }
    for (size_t i = from; i < open->list->count; i++)
        if (!uid_list_append(view->list, open->list->uids[i]))
            return fail_nomem(error);
    view->exists = (uint32_t)view->list->count;
    return ERR_OK;
}

/* Under both locks. */
static enum err sync_locked(struct view *view, bool expunges, const struct uid_set *removed,
                            struct view_changes *changes, struct error *error)
{
    struct open_folder *open = view->open;
    uint32_t exists_before = view->exists;
    enum err err = gather_flags(view, removed, &changes->flags, error);
    if (err == ERR_OK && expunges && removed->count > 0)
        err = number_expunges(view, removed, changes, error);
    if (err == ERR_OK && !expunges && removed->count > 0)
        err = take_arrivals(view, error);
    else if (err == ERR_OK)
        take_over(view, changes);
    if (err != ERR_OK)
        return err;
    changes->exists = view->exists;
    changes->exists_changed = view->exists != exists_before - (uint32_t)changes->expunged_count;
    view->uidnext = open->uidnext;
    view->change = atomic_load(&open->change);
    changes->gone = atomic_load(&open->gone);
    view->gone_told = changes->gone;
    told_clear(view);
    trim_journal(open);
    return ERR_OK;
}

/* Which of the arrivals are \Recent here; a read-write view takes them for itself. */
static enum err take_recent(struct work *work, struct view *view, uint32_t uidnext_before,
                            struct error *error)
{
    struct touched *folder;
    enum err err = work_folder(work, view->open->id, &folder, error);
    if (err == ERR_NOT_FOUND)
        return ERR_OK; /* deleted */
    if (err != ERR_OK)
        return err;
    uint32_t first = MAX((uint32_t)folder->row.recent_from, uidnext_before);
    if (first >= view->uidnext)
        return ERR_OK;
    bool found;
    int64_t count = 0;
    err = DB_NUMBER(work->account, MEMBER_COUNT, &found, &count, error, member_key(folder->id, first),
                    member_key(folder->id, UINT32_MAX));
    if (err != ERR_OK)
        return err;
    uid_set_add(&view->recent, first, view->uidnext - 1);
    view->recent_count += (uint32_t)count;
    if (view->recent.failed)
        return fail_nomem(error);
    if (view->read_only)
        return ERR_OK;
    claim_recent(folder);
    return work_write_quiet(work, error);
}

enum err view_sync(struct view *view, bool expunges, struct view_changes *ret_changes, struct error *error)
{
    struct open_folder *open = view->open;
    CLEANUP(view_changes_release) struct view_changes changes = {.exists = view->exists};
    CLEANUP(uid_set_release) struct uid_set removed = {0};
    CLEANUP(work_end) struct work work = {0};
    enum err err = ERR_OK;
    if (view_pending(view)) {
        err = work_begin(&work, view->account, error);
        if (err == ERR_OK)
            err = check_lost(open, error);
        if (err == ERR_OK) /* under account->mutex, nothing changes it meanwhile */
            err = untold_removals(view, &removed, error);
        if (err == ERR_OK && removed.count > 0)
            err = load_locked(view, error);
        if (err == ERR_OK && removed.count > 0)
            err = open_folder_load(open, error);
        if (err != ERR_OK)
            return err;
        uint32_t uidnext_before = view->uidnext;
        pthread_mutex_lock(&open->mutex);
        err = sync_locked(view, expunges, &removed, &changes, error);
        pthread_mutex_unlock(&open->mutex);
        if (err == ERR_OK && view->uidnext > uidnext_before)
            err = take_recent(&work, view, uidnext_before, error);
    }
    if (err != ERR_OK)
        return err;
    changes.recent = view->recent_count;
    *ret_changes = changes;
    changes = (struct view_changes){0};
    return ERR_OK;
}
