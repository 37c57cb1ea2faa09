/*
 * What the command line and the reader of a source say to each other: records over a SOCK_SEQPACKET pair.
 *
 * The reader may have fallen to whom it reads from, so its records are looked at like a stranger's: a kind,
 * and fields by base/wire.h whose ends are checked. The command line asks (LIST, OPEN, FETCH); the reader
 * answers with any number of records and then DONE or FAILED.
 *
 * Ownership: a received record borrows from the buffer it was received into. Errors: ERR_CLOSED when the
 * other side is gone, ERR_INVALID. Threads: one at a time. Limits: RECORD_MAX bytes.
 */
#ifndef POSTHORN_MOVE_RECORD_H
#define POSTHORN_MOVE_RECORD_H

#include "base/error.h"
#include "base/wire.h"

enum {
    RECORD_MAX = 96 * 1024, /* bytes; less than a socket takes by default */
    RECORD_CHUNK_BYTES = 64 * 1024,
    RECORD_ITEMS = 4000, /* in a FETCH */
};

#define RECORD_TABLE(X)                                                                        \
    X(LIST)    /* asks for the folders */                                                      \
    X(OPEN)    /* u32: the folder's place in the list. Asks for its messages */                \
    X(FETCH)   /* items, u64 each: asks for their bytes */                                     \
    X(FOLDER)  /* slice name, u32 use, u32 parts, then each a slice: a folder of the source */ \
    X(OPENED)  /* u32 validity, u64 messages */                                                \
    X(ITEM)    /* u64 item, u64 size, u64 date (us), u32 flags, then keywords: slices */       \
    X(CHUNK)   /* bytes of a message */                                                        \
    X(MESSAGE) /* u64 item: its bytes have come */                                             \
    X(NOTE)    /* slice: a line for the person */                                              \
    X(DONE)                                                                                    \
    X(FAILED) /* u32 enum err, slice for the person */

enum record_kind {
#define X(name) RECORD_##name,
    RECORD_TABLE(X)
#undef X
        RECORD_KINDS
};

/* What a folder is for, as its server says. */
enum folder_use {
    USE_NONE,
    USE_INBOX,
    USE_SENT,
    USE_DRAFTS,
    USE_TRASH,
    USE_JUNK,
    USE_ARCHIVE,
    USE_ALL,     /* holds what the other folders hold, and more */
    USE_VIRTUAL, /* holds only what others hold: starred, important */
    FOLDER_USES
};

struct record {
    enum record_kind kind;
    struct wire_reader fields;
};

/* An empty record of a kind, to be filled by wire_put_*. */
void record_begin(struct buf *record, enum record_kind kind);
enum err record_send(int fd, struct buf *record, struct error *error) MUST_CHECK;
enum err record_receive(int fd, char space[static RECORD_MAX], struct record *ret_record,
                        struct error *error) MUST_CHECK;
/* Of any bytes: false when they are no record. */
bool record_read(struct slice bytes, struct record *ret_record) MUST_CHECK;

#endif
