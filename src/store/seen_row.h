/*
 * What people have seen, inside a transaction: for the room's own files. account->mutex is held.
 *
 * Invariants: 1. Of a member a person's set says whether he has seen it; of UIDs that are gone it may say
 * either, whatever makes it shorter; of UIDs not yet given it says no. 2. `count` is the members in it.
 * 3. Only folders with seen_apart have sets.
 */
#ifndef POSTHORN_STORE_SEEN_ROW_H
#define POSTHORN_STORE_SEEN_ROW_H

#include "store/seen.h"
#include "store/work.h"

struct seen {
    struct account_id person;
    bool own; /* false: the members' rows say it */
    struct uid_set uids;
    int64_t count;
};
void seen_release(struct seen *seen);
enum err seen_read(struct account *account, struct folder_id folder, struct account_id person,
                   struct seen *ret_seen, struct error *error) MUST_CHECK;
/* row: the member's flags. */
static inline bool seen_has(const struct seen *seen, uint32_t uid, const struct flagset *row)
{
    return seen->own ? uid_set_has(&seen->uids, uid) : flag_has(row, FLAG_SEEN);
}

/* The person has seen these members now, and has not seen those. */
enum err seen_mark(struct work *work, struct touched *folder, struct account_id person,
                   const struct uid_set *seen, const struct uid_set *unseen, struct error *error) MUST_CHECK;

/* Members that were copied between two folders that keep \Seen apart, and what their rows say. */
struct seen_copies {
    const struct uid_set *from, *to; /* UIDs in the same order; those in `to` are neighbours */
    const struct uid_set *common;    /* of `to`: \Seen by their rows */
};
enum err seen_carry(struct work *work, struct touched *from, struct touched *to,
                    const struct seen_copies *copies, struct error *error) MUST_CHECK;

/* At the commit: members that went, touched->expunged, no longer count. */
enum err seen_forget(struct work *work, const struct touched *touched, struct error *error) MUST_CHECK;
/* The folder is deleted. */
enum err seen_drop(struct work *work, struct touched *folder, struct error *error) MUST_CHECK;
/* The first member up to `last` that the person has not seen. */
enum err seen_first_unseen(struct account *account, struct folder_id folder, const struct seen *seen,
                           uint32_t last, bool *ret_found, int64_t *ret_key, struct error *error) MUST_CHECK;

/* check_seen.c: the members in a set; false: SQLite failed. */
bool seen_count_members(sqlite3 *sqlite, int64_t folder, const struct uid_set *uids,
                        int64_t *ret_count) MUST_CHECK;

#endif
