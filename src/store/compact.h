/*
 * Compaction: packs in which more than PACK_COMPACT_DEAD_PERCENT of the bytes belong to no object are emptied
 * and removed.
 *
 * Living records are copied behind the newest pack's end in small batches; the account's lock is held for one
 * record or one short transaction at a time, so sessions go on meanwhile. A row is changed only after the
 * copy is durable, and a pack is removed only after the rows are: whatever moment a crash takes, each row
 * names a whole record. A reader that comes too late for a pack looks its object up again (message_read).
 *
 * Errors: the database's and the packs'. A pack with a living record that is damaged stays, for check and
 * repair. Threads: any; compactions of one account wait for each other, all else may run beside.
 */
#ifndef POSTHORN_STORE_COMPACT_H
#define POSTHORN_STORE_COMPACT_H

#include "store/store.h"

enum {
    COMPACT_ROWS = 256,                    /* rows looked at, or moved, in one go */
    COMPACT_BATCH_BYTES = 8 * 1024 * 1024, /* moved between two syncs; one record may be larger */
    COMPACT_DEAD_MIN = 1024 * 1024,        /* a pack with fewer dead bytes stays, unless all are dead */
    COMPACT_RUN_BYTES = 64 * 1024 * 1024,  /* moved in one call; at least one pack */
    COMPACT_DUE_BYTES = 64 * 1024 * 1024,  /* purged, from which on it doesn't wait for the daily turn */
    COMPACT_DUE_PART = 8,                  /* the same as a part of what lives */
};

/* COMPACT_ALL: every pack with any dead byte, to be called until none is removed. */
enum compact_how { COMPACT_WORTH, COMPACT_ALL };

struct compact_result {
    uint64_t moved;   /* bytes copied */
    uint64_t freed;   /* bytes of removed packs */
    unsigned removed; /* packs */
};
enum err compact_account(struct account *account, enum compact_how how, struct compact_result *ret_result,
                         struct error *error) MUST_CHECK;

#endif
