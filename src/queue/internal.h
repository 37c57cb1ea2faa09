/*
 * The queue's inside: who waits for what. Private to the queue room.
 *
 *   queue_accept --job--> [intake] --one transaction, one sync--> [backlog] --filers--> accounts
 * --store_sync--> entries removed
 *
 * Locks, in this order: intake.lock, database_lock, holds.lock; backlog.lock stands alone. None is held while
 * calling store or directory.
 */
#ifndef POSTHORN_QUEUE_INTERNAL_H
#define POSTHORN_QUEUE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "base/map.h"
#include "queue/allowance.h"
#include "queue/entry.h"
#include "queue/history_private.h"

#include "store/volume.h"

enum {
    QUEUE_FILERS_MAX = 16,
    QUEUE_FILE_BATCH = 64,                      /* entries filed before one sync */
    QUEUE_STRAYS_MAX = 256,                     /* entries that memory lacked for, looked at again soon */
    QUEUE_BACKLOG_BYTES_MAX = 64 * 1024 * 1024, /* of bodies kept in memory until filed */
    QUEUE_FILE_BYTES_MAX =
        64 * 1024 * 1024, /* of bodies in a batch; the message that passes it is its last */
    QUEUE_SPOOLS_MAX = 10000,
};

enum statement {
    STATEMENT_INSERT,
    STATEMENT_UPDATE,
    STATEMENT_DELETE,
    STATEMENT_LOAD,
    STATEMENT_BODY,
    STATEMENT_DUE,
    STATEMENT_SET_NEXT,
    STATEMENT_RELAY_DUE,
    STATEMENT_RELAY_NEXT,
    STATEMENT_SET_RELAY,
    STATEMENT_NEXT_DUE,
    STATEMENT_LIST,
    STATEMENT_FLUSH,
    STATEMENT_FLUSH_RELAY,
    STATEMENT_SUBMITTED,
    STATEMENT_HOLD,
    STATEMENT_RELEASE,
    STATEMENT_UNPARK,
    STATEMENT_MAX_ID,
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENTS
};

/* A change to queue.db; the thread that brings it waits until it is committed. */
enum job_kind { JOB_INSERT, JOB_UPDATE, JOB_DELETE };
struct job {
    struct job *next;
    enum job_kind kind;
    struct queue_id id;
    int64_t next_us;
    int64_t relay_us;
    struct slice envelope;             /* encoded */
    struct slice body;                 /* INSERT: inline body; p NULL with a spool file */
    const struct submitted *submitted; /* INSERT: what its account has submitted, with it; or NULL */
    bool lasting; /* DELETE: not to be undone by a power loss (the other kinds never are) */
    bool done;
    enum err result;
    struct error error;
};

struct flight {
    struct flight *next;
    struct entry *entry; /* NULL: read it from the database */
    struct queue_id id;
    size_t bytes;
    bool again;   /* the queue's database failed: to be taken up once more */
    bool claimed; /* the relay is kept from it */
};

struct queue {
    struct store *store;
    struct directory *directory;
    struct volume *volume;
    struct history *history; /* NULL: it can't be kept */
    char *hostname;
    _Atomic uint64_t message_size_max;

    pthread_mutex_t database_lock;
    struct database database;
    sqlite3_stmt *statements[STATEMENTS];

    struct {
        pthread_mutex_t lock;
        pthread_cond_t committed;
        struct job *first, **last;
        bool committing;
        uint64_t last_id;
    } intake;

    struct {
        pthread_mutex_t lock;
        pthread_cond_t arrived; /* filers wait */
        pthread_cond_t idle;    /* queue_idle waits */
        struct flight *first, **last;
        size_t bytes;        /* of bodies in memory */
        unsigned filing;     /* filers at work */
        int64_t next_due_us; /* wall time of the earliest deferred entry; INT64_MAX: none */
        struct queue_id strays[QUEUE_STRAYS_MAX]; /* for which there was no memory to list them */
        size_t stray_count;
        bool stopping;
    } backlog;
    pthread_t filers[QUEUE_FILERS_MAX];
    unsigned filer_count;

    struct {
        pthread_mutex_t lock;
        pthread_cond_t arrived; /* queue_outbound_take waits */
        struct listed *first, **last;
        struct map leases;   /* entry id -> struct lease */
        struct map filing;   /* entry id -> itself: with the filers */
        int64_t next_due_us; /* wall time of what is not on the list; INT64_MAX: none */
        uint64_t hand;
        uint64_t batches; /* the number of the last one */
        uint64_t flushes;
        bool stopping;
    } outbound;

    struct allowances allowances;

    struct {
        pthread_mutex_t lock;
        struct map all; /* a kind and what is held -> struct held */
        _Atomic size_t count;
        _Atomic uint64_t generation; /* another one after each release */
    } holds;

    struct {
        pthread_mutex_t lock;
        struct map files; /* spool id -> struct spool */
    } spools;
};

/* database.c */
enum err database_setup(struct queue *queue, struct error *error) MUST_CHECK;
void database_teardown(struct queue *queue);
/* Runs all jobs in one transaction; durable when `sync`. The caller holds database_lock. */
enum err database_commit(struct queue *queue, struct job *jobs, bool sync, struct error *error) MUST_CHECK;
/* The entry without its body, and its inline body if wanted. ERR_NOT_FOUND. Takes database_lock. */
enum err database_load(struct queue *queue, struct queue_id id, bool body, struct entry **ret_entry,
                       struct error *error) MUST_CHECK;
/* The inline body of an entry that was loaded without. Takes database_lock. */
enum err database_load_body(struct queue *queue, struct entry *entry, struct error *error) MUST_CHECK;
/* Something due; flushed: not by its time, but since a person wants it. */
struct due {
    struct queue_id id;
    bool flushed;
};
/* What is due at `now`, at most max; and when the next one is due. Takes database_lock. */
enum err database_due(struct queue *queue, int64_t now_us, struct due *ret_due, size_t max, size_t *ret_count,
                      int64_t *ret_next_us, struct error *error) MUST_CHECK;
/* Takes it up again at that time; not durable: after a crash that is at once. Takes database_lock. */
enum err database_defer(struct queue *queue, struct queue_id id, int64_t next_us,
                        struct error *error) MUST_CHECK;
/* The same for the relay. */
enum err database_relay_due(struct queue *queue, int64_t now_us, struct due *ret_due, size_t max,
                            size_t *ret_count, int64_t *ret_next_us, struct error *error) MUST_CHECK;
enum err database_defer_relay(struct queue *queue, struct queue_id id, int64_t relay_us,
                              struct error *error) MUST_CHECK;
uint64_t database_max_id(struct queue *queue);
/* Holds, durably; and what is parked or due later is looked at again (id 0: all). Take database_lock. */
enum err database_hold(struct queue *queue, struct slice key, int64_t since_us,
                       struct error *error) MUST_CHECK;
enum err database_release(struct queue *queue, struct slice key, struct error *error) MUST_CHECK;
enum err database_unpark(struct queue *queue, struct queue_id id, struct error *error) MUST_CHECK;
/* Entries behind `after` in order, without a look into them: so a damaged one is no obstacle. Takes
 * database_lock. */
struct pending {
    struct queue_id id;
    int64_t next_us;
    int64_t relay_us;
};
enum err database_pending(struct queue *queue, struct queue_id after, struct pending *ret_pending, size_t max,
                          size_t *ret_count, struct error *error) MUST_CHECK;

/* intake.c */
/*
 * Has the jobs committed, together with those of others; waits. Insertions and updates are durable on return,
 * and deletions that say so. Where an entry was filed, a deletion that a power loss undoes is harmless, since
 * filing again changes nothing (invariant 3), and needs no sync of its own; unless its spool file goes next.
 */
enum err intake_submit(struct queue *queue, struct job *jobs, size_t count, struct error *error) MUST_CHECK;
struct queue_id intake_next_id(struct queue *queue);

/* backlog.c */
void backlog_init(struct queue *queue);
/* Takes the entry (may be NULL). */
void backlog_add(struct queue *queue, struct queue_id id, struct entry *entry);
/* There is something due at that time. */
void backlog_due_at(struct queue *queue, int64_t next_us);
/* Up to max flights; waits for them. NULL: stop. */
struct flight *backlog_take(struct queue *queue, size_t max);
/* Flights that were taken and not touched: the next ones to be taken. */
void backlog_give_back(struct queue *queue, struct flight *flights);
void backlog_done(struct queue *queue);
void backlog_stop(struct queue *queue);

/* file.c */
void *filer_main(void *queue);

/* lease.c */
void outbound_init(struct queue *queue);
void outbound_stop(struct queue *queue);
void outbound_teardown(struct queue *queue);
/* The row says that the relay has something to do at relay_us; ENTRY_RELAY_NONE is fine. */
void outbound_note(struct queue *queue, struct queue_id id, int64_t relay_us);
/* An entry with waiting recipients, for the filers. False: the relay has it. */
bool outbound_claim(struct queue *queue, struct queue_id id) MUST_CHECK;
void outbound_unclaim(struct queue *queue, struct queue_id id);
/* The row was dropped by hand, or everything is to be tried now. */
void outbound_flush(struct queue *queue);

/* hold.c */
void hold_init(struct queue *queue);
void hold_teardown(struct queue *queue);
/* A row of the database, at the start. */
enum err hold_load(struct queue *queue, struct slice key, int64_t since_us, struct error *error) MUST_CHECK;
/* By its id or its sender. */
bool hold_covers_entry(struct queue *queue, const struct entry *entry);
/* domain: as it is compared. */
bool hold_covers_domain(struct queue *queue, struct slice domain);
/* All that waits of it is held. */
bool hold_covers_all(struct queue *queue, const struct entry *entry);
uint64_t hold_generation(struct queue *queue);
/* The message is gone. */
void hold_forget(struct queue *queue, struct queue_id id);

/* The message's history begins: it was accepted as this entry. Its body may be in memory, or in its spool
 * file. */
void queue_remember(struct queue *queue, const struct entry *entry);

/* outcome.c: what the results make of the entry's recipients; the reports are handed in. */
struct outbound_result;
enum err outcome_apply(struct queue *queue, struct entry *entry, const struct outbound_result *results,
                       size_t count, struct error *error) MUST_CHECK;

/* onward.c */
enum { ONWARD_BEEN_MAX = 100 /* Delivered-To fields that are looked at */ };
struct onward_order {
    struct slice by; /* the address of ours that sends it on */
    struct slice sender;
    const struct slice *targets;
    size_t target_count;
    struct slice message; /* as a script changed it; p NULL: as it came */
};
/* A new entry, not yet committed, of from's message as it came for recipient `at`. */
enum err onward_make(struct queue *queue, const struct entry *from, size_t at,
                     const struct onward_order *order, struct entry **ret_entry,
                     struct error *error) MUST_CHECK;
/* A new entry, not yet committed: what the account writes to somebody because of from; sender "": the null
 * one. */
enum err onward_answer(struct queue *queue, const struct entry *from, struct account_id account,
                       struct slice sender, struct slice address, struct slice message,
                       struct entry **ret_entry, struct error *error) MUST_CHECK;
/* It was not committed. */
void onward_drop(struct queue *queue, struct entry *entry);
/* The addresses at which the message says it was delivered; borrowed from it. */
enum err onward_been(struct slice message, struct arena *arena, const struct slice **ret_addresses,
                     size_t *ret_count, struct error *error) MUST_CHECK;

/* trace.c: Return-Path, Delivered-To, Received and, for what our people submit, missing Date and Message-ID.
 */
void trace_put(struct buf *out, const struct queue *queue, const struct entry *entry, struct slice recipient,
               struct slice message_header);
/* For another server: Received, and what is missing. */
void trace_put_relayed(struct buf *out, const struct queue *queue, const struct entry *entry,
                       struct slice message_header);
/* Received fields in the message: more than QUEUE_HOPS_MAX is a loop. */
size_t trace_hops(struct slice message);

/* report.c: a DSN (RFC 3464) about the recipients in that condition, handed to the queue as a new message. */
enum report_kind { REPORT_FAILED, REPORT_DELIVERED, REPORT_DELAYED, REPORT_RELAYED, REPORT_TRACED };
struct report_item {
    const struct entry_recipient *recipient;
    const char *status;     /* "5.1.1" */
    const char *diagnostic; /* a sentence */
    struct slice peer;      /* whose words the diagnostic is, or empty: ours */
};
enum err report_send(struct queue *queue, const struct entry *entry, enum report_kind kind,
                     const struct report_item *items, size_t count, struct slice message,
                     struct error *error) MUST_CHECK;

/* sign.c: the DKIM-Signature fields of a message that leaves (its header, and all of it with what is put
 * before it); none when nobody here vouches for it. */
struct outbound_message;
enum err sign_outbound(struct queue *queue, const struct entry *entry, struct slice header,
                       const struct outbound_message *message, struct buf *out,
                       struct error *error) MUST_CHECK;
/* The ARC set of a message that the address `by` passes on, given what is put before it. */
enum err sign_onward(struct queue *queue, const struct entry *from, struct slice by, struct slice prefix,
                     struct slice body, struct buf *out, struct error *error) MUST_CHECK;

/* spool.c */
enum err spool_setup(struct queue *queue, struct error *error) MUST_CHECK;
void spool_teardown(struct queue *queue);
/*
 * The body complete on disk: synced and closed. Its size. ERR_UNAVAILABLE when unknown: made before a
 * restart, or an entry's already (then that entry keeps it). On any failure the caller has no spool file any
 * more.
 */
enum err spool_finish(struct queue *queue, uint64_t spool, uint64_t *ret_size,
                      struct error *error) MUST_CHECK;
/* A copy of the descriptor of a file that no entry has yet. */
enum err spool_peek(struct queue *queue, uint64_t spool, int *ret_fd, struct error *error) MUST_CHECK;
/* Sets entry->body. ERR_CORRUPT when the file is not what the entry says. */
enum err spool_read(struct queue *queue, struct entry *entry, struct error *error) MUST_CHECK;
/* The file, to be read and no more: relay is given it, and the message may wait for others still. */
enum err spool_open(struct queue *queue, const struct entry *entry, int *ret_fd,
                    struct error *error) MUST_CHECK;
void spool_remove(struct queue *queue, uint64_t spool);

#endif
