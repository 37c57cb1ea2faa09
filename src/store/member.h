/*
 * Members inside a transaction, a batch at a time: for the room's own files. account->mutex is held.
 */
#ifndef POSTHORN_STORE_MEMBER_H
#define POSTHORN_STORE_MEMBER_H

#include "store/work.h"

enum { MEMBER_BATCH = 512 };

struct member_row {
    int64_t key;
    struct flagset flags;
    uint64_t changed;
    int64_t size;
};

/* The rows with keys first..last, ascending, at most MEMBER_BATCH. */
enum err members_read(struct account *account, int64_t first, int64_t last,
                      struct member_row rows[static MEMBER_BATCH], size_t *ret_count,
                      struct error *error) MUST_CHECK;

/* Calls each for every member of `folder` in `uids`, a batch at a time; each may change and remove them. */
typedef enum err members_batch_fn(void *context, const struct member_row *rows, size_t count,
                                  struct error *error);
enum err members_each(struct account *account, struct folder_id folder, const struct uid_set *uids,
                      members_batch_fn *each, void *context, struct error *error) MUST_CHECK;

/* The columns flags and more. */
void flags_bind(sqlite3_stmt *statement, int at, const struct flagset *flags);
struct flagset flags_column(sqlite3_stmt *statement, int at);

/*
 * Flags in one word, for the change log: bits 0 to 63 are these flags, but FLAG_MASK_MORE stands for all from
 * 64 on.
 */
#define FLAG_MASK_MORE (UINT64_C(1) << (FLAG_KEYWORDS_FROM - 1)) /* no flag has this bit */
uint64_t flag_mask(const struct flagset *flags);

/* A member's flags within a larger change; one that is gone is passed over. */
enum err member_flags_follow(struct work *work, struct touched *folder, uint32_t uid,
                             const struct flag_order *order, struct error *error) MUST_CHECK;
enum err members_expunge(struct work *work, struct touched *folder, const struct uid_set *uids,
                         bool only_deleted, struct error *error) MUST_CHECK;
enum err members_copy(struct work *work, struct touched *from, const struct uid_set *uids, struct touched *to,
                      const struct copy_order *order, struct uid_set *from_uids, struct uid_set *to_uids,
                      struct error *error) MUST_CHECK;

#endif
