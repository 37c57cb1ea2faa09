/*
 * Tombstones: what remains of the last member of an object when it is expunged, so that it can be had back
 * (undelete.h). They count towards no quota, but meta.deleted_bytes and deleted_messages count them.
 *
 * A copy that goes while the content lies elsewhere too leaves none: so a client that moves by COPY and
 * EXPUNGE deletes nothing, as MOVE doesn't.
 *
 * Errors: the database's. Threads: inside a transaction, account->mutex held. Limits: together they are no
 * larger than tombstone_cap and no more than UNDELETE_MESSAGES_MAX; the oldest go first, and for good.
 */
#ifndef POSTHORN_STORE_TOMBSTONE_H
#define POSTHORN_STORE_TOMBSTONE_H

#include "store/work.h"

enum {
    UNDELETE_QUOTA_PERCENT = 100, /* a full mailbox that is emptied can be had back whole */
    UNDELETE_MESSAGES_MAX = 1000000,
    TOMBSTONE_BATCH = 500,
    TOMBSTONES_DROPPED_MAX = 4 * TOMBSTONE_BATCH, /* to keep the cap, in one transaction */
};
#define UNDELETE_BYTES_WITHOUT_QUOTA (UINT64_C(32) << 30)

struct tombstone {
    int64_t key;
    struct object_id object;
    int64_t removed_us;
    int64_t size;
    int64_t sent_us;
};

/* Bytes that an account's deleted messages may take. */
uint64_t tombstone_cap(const struct account_limits *limits);
/* There is more than there may be. */
bool tombstones_over_cap(const struct account *account);
/* For the members first to last, which are deleted next. */
enum err tombstones_fill(struct work *work, int64_t first, int64_t last, struct error *error) MUST_CHECK;
/* Those after `after` in the order of their removal, at most TOMBSTONE_BATCH. */
enum err tombstones_page(struct account *account, const struct tombstone *after,
                         struct tombstone ret_page[static TOMBSTONE_BATCH], size_t *ret_count,
                         struct error *error) MUST_CHECK;
/* The row alone; its message lives again. */
enum err tombstone_remove(struct work *work, const struct tombstone *tombstone,
                          struct error *error) MUST_CHECK;
/* With the object, unless something else names it. */
enum err tombstone_drop(struct work *work, const struct tombstone *tombstone, struct error *error) MUST_CHECK;
/* The oldest, as long as they were removed before `before` or there is more than there may be; *ret_more:
 * that goes on. */
enum err tombstones_drop(struct work *work, int64_t before, bool *ret_more, struct error *error) MUST_CHECK;
/* Inside the transaction that made some: keeps the cap. */
enum err tombstones_limit(struct work *work, struct error *error) MUST_CHECK;
/* All of an object whose bytes are lost. */
enum err tombstones_forget(struct account *account, struct object_id object, struct error *error) MUST_CHECK;

#endif
