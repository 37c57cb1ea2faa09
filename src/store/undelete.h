/*
 * What was deleted, for undelete_keep_s of the account's limits: seen, brought back, or erased at once.
 *
 * Deleted is what was expunged, by whatever protocol, with folders or without, and lies nowhere else in the
 * account (tombstone.h). It comes back with its flags but \Deleted, its internal date, object and thread,
 * under a new UID and member id; what came back is not deleted any more, so nothing comes back twice. The
 * quota is not asked: who brings back more than there is room for is over it.
 *
 * Ownership: texts live in the arena given. Errors: the database's; ERR_INVALID, ERR_LIMIT for a path that
 * may not be. Threads: any; two that bring back the same at once share it between them. Limits:
 * UNDELETE_BATCH messages are brought back in one transaction: a crash leaves whole batches.
 */
#ifndef POSTHORN_STORE_UNDELETE_H
#define POSTHORN_STORE_UNDELETE_H

#include "store/message.h"

enum { UNDELETE_BATCH = 200 };

/* Which; all that is given must hold. */
struct deleted_query {
    int64_t since_us;     /* deleted then or later */
    struct slice folder;  /* its path, empty: any */
    struct slice subject; /* a part of the subject in any case, empty: any */
    struct slice from;    /* the same of the sender's name or address */
};

struct deleted_message {
    struct object_id object;
    struct slice folder; /* where it was; its path today if it is still there */
    struct slice from;   /* "Name <address>"; empty when it can't be read */
    struct slice subject;
    int64_t sent_us; /* the Date field, else the internal date */
    int64_t removed_us;
    int64_t until_us; /* then it goes for good */
    uint64_t size;
};

/* Called for each, the first deleted first, with no lock held; what it is given is gone afterwards. */
typedef enum err deleted_fn(void *context, const struct deleted_message *message, struct error *error);
enum err deleted_each(struct account *account, const struct deleted_query *query, deleted_fn *each,
                      void *context, struct error *error) MUST_CHECK;

struct undelete_result {
    uint64_t messages;
    uint64_t bytes;
};
/*
 * Brings back what the query names, into `to` or, when that is empty, the folder where each was; either is
 * made when it is missing. Not yet synced.
 */
enum err undelete(struct account *account, const struct deleted_query *query, struct slice to,
                  struct undelete_result *ret_result, struct error *error) MUST_CHECK;

/*
 * Erases all that is deleted: rows are overwritten, the search index is made anew, packs with dead records
 * are written anew without them. Durable when it returns. What other copies of the data there are, in backups
 * say, is not known here.
 */
enum err undelete_purge(struct account *account, struct undelete_result *ret_result,
                        struct error *error) MUST_CHECK;

#endif
