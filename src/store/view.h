/*
 * A session's picture of one folder: which message has which sequence number, until it is told otherwise.
 *
 * Open folders are shared in memory among the account's sessions: one list of UIDs, which a view shares until
 * something is expunged; a view that has not yet told its client of an expunge keeps the older list
 * (counted). Nothing is loaded at view_open: the list is read when a sequence number is first needed.
 *
 *   folder:  list L2 (UIDs 1 3 4 5 6)          view A: L2, shows 5
 *                                              view B: L1 (UIDs 1 2 3 4), shows 4  --view_sync--> EXPUNGE 2,
 * EXISTS 5
 *
 * Invariants: 1. A view's numbers change only in view_sync. 2. Within a list UIDs ascend; appending keeps a
 * list, removing makes a new one. 3. After view_sync with expunges the view equals the folder at `change`.
 * Threads: a view belongs to its session; the shared part has its own lock.
 */
#ifndef POSTHORN_STORE_VIEW_H
#define POSTHORN_STORE_VIEW_H

#include "rt/loop.h"
#include "store/message.h"

struct view;

/* read_only: \Recent stays for others (EXAMINE). */
enum err view_open(struct account *account, struct folder_id folder, bool read_only, struct view **ret_view,
                   struct error *error) MUST_CHECK;
void view_close(struct view *view);
/* Notices go to this place when the folder changes (not for changes made while the view's own session runs
 * view_sync). */
void view_watch(struct view *view, struct loop *loop, struct place place);
void view_unwatch(struct view *view);

uint32_t view_exists(const struct view *view);  /* messages the client knows of */
uint64_t view_bytes(const struct view *view);   /* their sizes, as it was opened */
uint32_t view_uidnext(const struct view *view); /* UIDs below it are known, or gone */
uint32_t view_recent(const struct view *view);  /* of these, how many are \Recent in this view */
bool view_is_recent(const struct view *view, struct uid uid);
struct change_no view_change(const struct view *view); /* up to which change the client knows */
/* seq: 1 .. exists. */
enum err view_uid(struct view *view, uint32_t seq, struct uid *ret_uid, struct error *error) MUST_CHECK;
/* Sequence number of uid, 0 if it is not in the view. */
enum err view_seq(struct view *view, struct uid uid, uint32_t *ret_seq, struct error *error) MUST_CHECK;
/* Sequence numbers to UIDs, for a whole set (numbers beyond exists are left out). */
enum err view_uids(struct view *view, const struct uid_set *seqs, struct uid_set *ret_uids,
                   struct error *error) MUST_CHECK;
/* The sequence number of the first message that the person has not seen, 0 if none (for SELECT's [UNSEEN n]).
 */
enum err view_first_unseen(struct view *view, struct account_id person, uint32_t *ret_seq,
                           struct error *error) MUST_CHECK;

struct view_changes {
    uint32_t *expunged; /* sequence numbers to send as EXPUNGE one after the other (each counted after those
                           before it) */
    size_t expunged_count;
    struct uid_set vanished; /* the same as UIDs */
    uint32_t exists;         /* new number of messages */
    bool exists_changed;
    uint32_t recent;
    struct uid_set flags; /* UIDs (within the view) whose flags changed since */
    bool gone;            /* the folder was deleted */
};
void view_changes_release(struct view_changes *changes);
/* Brings the picture up to date. Without `expunges`, removed messages keep their numbers and stay to be told
 * later. */
enum err view_sync(struct view *view, bool expunges, struct view_changes *ret_changes,
                   struct error *error) MUST_CHECK;
/* There is something view_sync would tell; costs no database access. */
bool view_pending(const struct view *view);
/* The session itself has told its client of these flag changes already (STORE's own FETCH answers). */
void view_told_flags(struct view *view, const struct uid_set *uids, struct change_no change);

#endif
