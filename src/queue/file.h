/*
 * The filers' inside: a batch of entries on its way into accounts, and the steps that it takes. file.c has
 * their order. Private to the queue room.
 *
 * Ownership: a batch and all in it are its filer's, on one thread. Errors: what fails for one recipient
 * stands in its entry, or in its filing; a step fails only where the whole batch can't go on.
 */
#ifndef POSTHORN_QUEUE_FILE_H
#define POSTHORN_QUEUE_FILE_H

#include "queue/internal.h"

enum { FILINGS_PER_BATCH_MAX = 20000, FILE_ARENA_MAX = 64 * 1024 * 1024, FILING_PREFIX_MAX = 32 * 1024 };

/* One entry on its way into one account. */
struct filing {
    struct entry *entry;
    size_t recipient; /* index: the array moves when foreign targets are added */
    struct account_id account;
    struct buf prefix;
    bool junk; /* into Junk */
    enum err result;
    struct error error;
};

/* A message that goes on as an entry of its own; committed with what is left of the one it came from. */
struct onward {
    struct entry *from;
    struct entry *entry;
    bool committed;
};

struct batch {
    struct queue *queue;
    struct arena arena;
    struct filing *filings;
    size_t count;
    size_t cap;
    struct onward *onwards;
    size_t onward_count;
    size_t onward_cap;
};

/* file_route.c: gives up what has nowhere to go, and adds to the batch what the entry comes to. */
void file_route(struct batch *batch, struct entry *entry);

/* file_account.c: appends all filings; what came of it stands in each. */
void file_into_accounts(struct batch *batch);

/* file_result.c: the recipients' states from the filings, once the store is synced (or was not: sync_error).
 */
void file_note_results(struct batch *batch, struct flight *flights, bool synced,
                       const struct error *sync_error);
void filing_report_success(struct queue *queue, struct entry *entry);
/* Gives up what is new still. */
void filing_expire(struct queue *queue, struct entry *entry);

struct filing_failure {
    const char *status;
    const char *diagnostic;
};
/* The recipient is done, and the sender is told. */
void filing_give_up(struct queue *queue, struct entry *entry, struct entry_recipient *recipient,
                    const struct filing_failure *failure);

/* file_settle.c: all entries in one submission; then the spool files of those that are gone go too. */
enum err file_settle(struct batch *batch, struct flight *flights, size_t count,
                     struct error *error) MUST_CHECK;

#endif
