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
#include "sieve/sieve.h"
#include "store/remembered.h"

enum {
    FILINGS_PER_BATCH_MAX = 20000,
    FILE_ARENA_MAX = 64 * 1024 * 1024,
    FILING_PREFIX_MAX = 32 * 1024,
    FILING_DEPOSITS_MAX = SIEVE_ACTIONS_MAX + 2, /* with the implicit keep and a notice */
    FILING_REMEMBER_MAX = 2 * SIEVE_TRACKED_MAX, /* keys noted with one message */
    FILING_PLANS_BYTES_MAX = 64 * 1024 * 1024,   /* of what scripts made, before it is filed */
    FILING_PLAN_ARENA_MAX = 256 * 1024 * 1024,
};

/* The account of some filings, open, and the folders that most mail goes to. */
struct target {
    struct account *account;
    struct folder_id inbox;
    struct folder_id junk; /* the Inbox, where there is no Junk */
};

/* A copy that goes into a folder. */
struct deposit {
    struct folder_id folder;
    struct slice prefix, body;
    struct flagset flags;
    bool notice; /* the server's own words to the owner: filed although the mailbox is full */
};

/* What is to be done with one message in one account; goes when it was filed. */
struct filing_plan {
    struct arena arena;
    struct sieve_result result; /* deposits borrow from it */
    struct deposit deposits[FILING_DEPOSITS_MAX];
    size_t deposit_count; /* 0: it is thrown away */
    struct remembered remember[FILING_REMEMBER_MAX];
    size_t remember_count;
};

/* One entry on its way into one account. */
struct filing {
    struct entry *entry;
    size_t recipient; /* index: the array moves when foreign targets are added */
    struct account_id account;
    struct buf prefix;
    bool junk; /* into Junk */
    struct filing_plan *plan;
    struct slice refusal; /* what the sender is told by the account's script; p NULL: it is not refused */
    bool discarded;       /* by the script */
    enum err result;
    struct error error;
};

/* A message that goes on as an entry of its own; committed with what is left of the one it came from. */
struct onward {
    struct entry *from;
    struct entry *entry;
    const struct filing *cause; /* the filing whose script sends it: it goes only if that succeeds; or NULL */
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

/* The entry is the batch's from then on, also when this fails. */
enum err file_add_onward(struct batch *batch, struct onward onward, struct error *error) MUST_CHECK;
/* Those behind the first `count`. */
void file_drop_onwards(struct batch *batch, size_t count);

/* script_run.c: filing->plan, by the account's script; without one, into the Inbox or Junk. Once its target
 * is open. */
enum err script_plan(struct batch *batch, const struct target *target, struct filing *filing,
                     struct error *error) MUST_CHECK;
void filing_plan_free(struct filing *filing);
/* Identifies a filing's copy number `ordinal` (DELIVERY_ID_SIZE bytes in the arena). */
enum { ORDINAL_NOTICE = 255 };
enum err filing_delivery_id(const struct filing *filing, unsigned ordinal, struct arena *arena,
                            struct slice *ret_id, struct error *error) MUST_CHECK;

/* file_account.c: appends all filings; what came of it stands in each. */
void file_into_accounts(struct batch *batch);

/* file_result.c: the recipients' states from the filings, once the store is synced (or was not: sync_error).
 */
void file_note_results(struct batch *batch, struct flight *flights, bool synced,
                       const struct error *sync_error);
void filing_report_success(struct queue *queue, struct entry *entry);
/* The time that was set for it is over, and it is tried further. */
void filing_tell_late(struct queue *queue, struct entry *entry);
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
