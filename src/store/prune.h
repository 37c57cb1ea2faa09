/*
 * Forgetting what is old: deleted messages past the account's undelete_keep_s or cap (tombstone.h), the
 * change log, delivery ids. Compaction reclaims the packs' bytes later. Errors: as the database's.
 */
#ifndef POSTHORN_STORE_PRUNE_H
#define POSTHORN_STORE_PRUNE_H

#include "store/account.h"

enum { DELIVERY_KEEP_DAYS = 14, PRUNE_EVERY_HOURS = 24 };

/* Drops what is over its time, in short transactions; from the log, if the last time was PRUNE_EVERY_HOURS
 * ago. */
enum err account_prune(struct account *account, struct error *error) MUST_CHECK;
/* Inside a transaction: drops the object's rows when no member and no tombstone names it any more. */
enum err object_purge(struct account *account, struct object_id object, struct error *error) MUST_CHECK;

#endif
