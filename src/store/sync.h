/*
 * Durability of an account, in two steps so that many accounts can share one sync.
 *
 * Packs are synced before the write-ahead log. A checkpoint or the kernel may write the log earlier: what it
 * names is then verified at the next opening (recover.c), from the mark that packs_synced gave.
 */
#ifndef POSTHORN_STORE_SYNC_H
#define POSTHORN_STORE_SYNC_H

#include "store/account.h"

/* What a sync that starts now will cover. */
struct sync_point {
    uint64_t commits;
    struct pack_mark end;
};
struct sync_point sync_point_now(struct account *account);
/* The whole volume was synced after `point` was taken. */
void sync_point_reached(struct account *account, const struct sync_point *point);

/* No more work on it; the account is locked. */
void account_set_broken(struct account *account);

#endif
