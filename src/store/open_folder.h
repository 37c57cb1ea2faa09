/*
 * A folder that views have open: the list of its UIDs and the journal of what happened, shared in memory.
 * For view.c and work.c.
 *
 * Invariants: 1. `list`, when loaded, holds the folder's UIDs as of `change`; `exists` is its length, loaded
 * or not. 2. The journal holds every flag change and removal that some view has not taken over yet. 3. A list
 * that a view references is only appended to.
 * Ownership: views count their open folder; the account's list borrows it. Threads: made, found, changed and
 * freed under account->mutex; what is read without that lock is also guarded by open_folder->mutex. Errors:
 * without memory to follow a change the folder is `lost`: its views only give ERR_NOMEM from then on.
 */
#ifndef POSTHORN_STORE_OPEN_FOLDER_H
#define POSTHORN_STORE_OPEN_FOLDER_H

#include <stdatomic.h>

#include "store/watchers.h"
#include "store/work.h"

/* Ascending UIDs; counted, under the open folder's mutex. */
struct uid_list {
    unsigned refs;
    uint32_t *uids;
    size_t count;
    size_t cap;
};
struct uid_list *uid_list_new(size_t cap); /* NULL: no memory */
void uid_list_unref(struct uid_list *list);
bool uid_list_append(struct uid_list *list, uint32_t uid) MUST_CHECK;
/* Index of the first UID >= uid, or list->count. */
size_t uid_list_find(const struct uid_list *list, uint32_t uid);
/* A copy of the first `count`, without those in `removed`. NULL: no memory. */
struct uid_list *uid_list_without(const struct uid_list *list, size_t count, const struct uid_set *removed);
/* A copy of the first `count`, with those in `added` put in their places. NULL: no memory. */
struct uid_list *uid_list_with(const struct uid_list *list, size_t count, const struct uid_set *added);

struct journal_entry {
    uint64_t change;
    struct uid_set flags;
    struct uid_set removed;
};

struct view;

struct open_folder {
    struct account *account;
    struct folder_id id;
    struct open_folder *next; /* of the account */
    unsigned refs;
    pthread_mutex_t mutex;
    struct uid_list *list; /* NULL: not loaded */
    uint32_t exists;
    uint32_t uidnext;
    _Atomic uint64_t change; /* the last one in this folder */
    atomic_bool gone;        /* deleted */
    bool lost;
    struct journal_entry *journal;
    size_t journal_count;
    size_t journal_cap;
    struct view *views;
};

/* account->mutex held. The folder's, made from its row when nobody has it open. Counts it. */
enum err open_folder_ref(struct account *account, struct folder_id id, const struct folder_row *row,
                         struct open_folder **ret_open, struct error *error) MUST_CHECK;
void open_folder_unref(struct open_folder *open);
/* account->mutex held: reads the list if need be. */
enum err open_folder_load(struct open_folder *open, struct error *error) MUST_CHECK;
/* Forgets journal entries up to `change`. open->mutex held. */
void open_folder_trim(struct open_folder *open, uint64_t change);

/* From view.c: adds the places that watch this folder. open->mutex held. */
void views_gather(struct open_folder *open, struct watchers *watchers);
struct open_folder *view_open_folder(struct view *view);

/* After a commit, under account->mutex: takes the change over and gathers whom to tell. */
void open_folder_apply(struct account *account, const struct touched *touched, struct change_no change,
                       struct watchers *watchers);

#endif
