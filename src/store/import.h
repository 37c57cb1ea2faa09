/*
 * What came from elsewhere: for each folder of another server or file, which of its messages this account has
 * had, so that an import may be run again and again.
 *
 * A message there has a number (`item`: the UID of IMAP, a hash of what names it in files) that holds while
 * the folder's `validity` (UIDVALIDITY) does. Its row is written in the transaction that adds it here. Rows
 * outlive what they tell of: what was deleted here is not brought again.
 *
 * Flags: the row keeps what they were at the source; those that changed there since are changed here too,
 * while the message is still in the folder it came to. What was changed here alone stays.
 *
 * Ownership: results live in what the caller gave. Errors: as message.h. Threads: any. Limits:
 * IMPORT_LOOK_MAX entries, APPEND_ITEMS_MAX messages a call.
 */
#ifndef POSTHORN_STORE_IMPORT_H
#define POSTHORN_STORE_IMPORT_H

#include "store/message.h"

enum {
    IMPORT_LOOK_MAX = 10000,
    IMPORT_DIGEST_SIZE = 16,
    IMPORT_NAME_MAX = 4096 /* bytes of a source or folder */
};

struct import_folder {
    int64_t id;
    struct folder_id home; /* where its messages go to here */
};

/* What the account knows of a source's folder. */
enum err import_folder_find(struct account *account, struct slice source, struct slice name, bool *ret_found,
                            struct import_folder *ret_folder, struct error *error) MUST_CHECK;
/* Remembers the folder, or its new home. */
enum err import_folder_set(struct account *account, struct slice source, struct slice name,
                           struct folder_id home, struct import_folder *ret_folder,
                           struct error *error) MUST_CHECK;

struct import_entry {
    uint64_t item;
    struct flagset flags; /* at the source now */
    bool is_new;          /* result */
};
/* Says which are new, and takes flags over from the source (not with `only_look`). *ret_flagged: messages
 * whose flags changed there. */
enum err import_look(struct account *account, int64_t folder, uint32_t validity, struct import_entry *entries,
                     size_t count, bool only_look, size_t *ret_flagged, struct error *error) MUST_CHECK;

enum import_verdict {
    IMPORT_NEW,
    IMPORT_SHARED,     /* new here, its content was brought before: only a member is made */
    IMPORT_KNOWN,      /* had already */
    IMPORT_RECOGNISED, /* had already, under a number that holds no more */
    IMPORT_ELSEWHERE,  /* with `spare`: brought from another folder */
};

/* Goes with an append_item. */
struct import_mark {
    int64_t folder;
    uint32_t validity;
    uint64_t item;
    unsigned char digest[IMPORT_DIGEST_SIZE]; /* import_digest of the body */
    bool spare;                               /* add only what no other folder brought */
    enum import_verdict verdict;              /* result */
};
void import_digest(struct slice body, unsigned char ret_digest[static IMPORT_DIGEST_SIZE]);

/* --- for append.c, within its transaction --- */

struct work;
struct import_twin {
    struct object_id object;
    struct thread_id thread;
};
/* Gives the verdict. IMPORT_SHARED: *ret_twin is the content. */
enum err import_judge(struct work *work, struct import_mark *mark, size_t size, struct import_twin *ret_twin,
                      struct error *error) MUST_CHECK;
/* member 0: it has none here. */
enum err import_note(struct work *work, const struct import_mark *mark, int64_t member,
                     struct object_id object, const struct flagset *flags, struct error *error) MUST_CHECK;

#endif
