/*
 * One transaction on an account: every change of the model goes through it.
 *
 *   CLEANUP(work_end) struct work work = {0};
 *   err = work_begin(&work, account, error);           locks the account, opens the transaction
 *   err = work_folder(&work, folder, &touched, error); the folder's row, to be changed in memory
 *   ... rows written; uid_set_add(&touched->added, ...) ...
 *   return work_commit(&work, error);
 *
 * work_commit writes the folders' rows, one log record per folder and kind, and meta; commits; brings the
 * open folders up to date; unlocks; and then tells the watchers. work_end without work_commit rolls all back.
 *
 * Invariants: 1. A transaction that changes something has exactly one change number, meta.change + 1, and
 * numbers are given in commit order. 2. meta in memory equals meta on disk whenever the account is unlocked.
 * 3. A folder's row and open folder tell the same after every commit.
 */
#ifndef POSTHORN_STORE_WORK_H
#define POSTHORN_STORE_WORK_H

#include "store/account.h"
#include "store/change.h"

#define FLAG_MASK_ANY UINT64_MAX /* a record that is about all flags, or none */

struct folder_row {
#define X(name) int64_t name;
    FOLDER_COLUMN_TABLE(X)
#undef X
};

/* A folder that this transaction works on. */
struct touched {
    struct folder_id id;
    struct folder_row row;
    bool changed;       /* itself: renamed, role ... */
    bool made, removed; /* itself; removed also when it stays as a mere name */
    bool row_gone;      /* its row is deleted */
    bool quiet;         /* row written without a change number (\Recent) */
    struct uid_set added, flags, expunged;
    uint64_t flag_mask; /* which flags of `flags` changed: flag_mask() */
    struct touched *next;
};

struct work {
    struct account *account; /* NULL: ended */
    bool noted;              /* see work_note */
    enum change_kind note;
    struct folder_id noted_folder;
    struct account_meta before;
    int64_t now_us;
    struct change_no change; /* this transaction's number */
    struct touched *touched;
    uint64_t reserved_bytes, reserved_messages; /* in the domain's pool: ledger.h */
};

/* Locks for reading: no transaction (each statement is one). */
enum err account_lock(struct account *account, struct error *error) MUST_CHECK;
void account_unlock(struct account *account);

enum err work_begin(struct work *work, struct account *account, struct error *error) MUST_CHECK;
/* ERR_NOT_FOUND. Stays valid until the work ends. */
enum err work_folder(struct work *work, struct folder_id id, struct touched **ret_touched,
                     struct error *error) MUST_CHECK;
/* The same, but a mere name is not found either. */
enum err work_mailbox(struct work *work, struct folder_id id, struct touched **ret_touched,
                      struct error *error) MUST_CHECK;
/* Writes a folder's row before the commit does, so that statements of this transaction see it. */
enum err work_folder_write(struct work *work, const struct touched *touched, struct error *error) MUST_CHECK;
enum err work_commit(struct work *work, struct error *error) MUST_CHECK;
/* Commits what is `quiet` and nothing else, without a change number; the account stays locked until work_end.
 */
enum err work_write_quiet(struct work *work, struct error *error) MUST_CHECK;
void work_end(struct work *work); /* for CLEANUP */

/* Something happened that no folder's row tells: at the commit it takes a change number and gets a record.
 * One in a transaction. folder 0: it is the account's. */
void work_note(struct work *work, struct folder_id folder, enum change_kind kind);

/* Whether anything was touched so that a change number will be taken. */
bool work_changed(const struct work *work);

/* What a member's coming or going does to the counters of its folder and account. */
void work_count(struct work *work, struct touched *folder, uint64_t flags, int64_t size, int sign);
/* The next UID of a folder. ERR_LIMIT when they are used up. */
enum err work_next_uid(struct touched *folder, uint32_t *ret_uid, struct error *error) MUST_CHECK;
/* Whether there is any such limit. */
bool work_has_quota(const struct work *work);
/* ERR_QUOTA when bytes and messages more would pass the account's limits or its domain's. */
enum err work_quota(struct work *work, uint64_t bytes, uint64_t messages, struct error *error) MUST_CHECK;

#endif
