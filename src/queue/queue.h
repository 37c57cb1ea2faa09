/*
 * Mail in flight: durable intake with one sync for many, filing into accounts, and waiting for the relay.
 *
 * Invariants:
 * 1. queue_accept returns ERR_OK only after message and envelope are on disk.
 * 2. An entry goes away only after every account it went to is synced and every foreign recipient is done.
 * 3. Filing an entry twice has the effect of filing it once (delivery id = entry id + account, kept in the
 * account).
 * 4. A body is in the database up to QUEUE_INLINE_MAX bytes, else in a spool file that exists as long as its
 * entry.
 *
 * States of an entry's recipient:
 *   NEW --filed--> (gone)
 *   NEW --foreign--> WAITING --the relay's result (outbound.h)--> (gone), or WAITING until later
 *   NEW --temporary failure--> DEFERRED --later--> NEW
 *   any --for good--> bounced to the sender
 *
 * Intake: callers from many threads hand their message to the committer, which writes all that wait in one
 * transaction of queue.db and syncs once. Filing: workers take committed entries at once (they are still in
 * memory), append to the accounts without a sync each; store_sync covers many; then the entries are removed.
 * Threads: any. Errors: ERR_UNAVAILABLE (try again later), ERR_LIMIT (too large), ERR_INVALID.
 */
#ifndef POSTHORN_QUEUE_QUEUE_H
#define POSTHORN_QUEUE_QUEUE_H

#include "directory/directory.h"
#include "store/message.h"

enum {
    QUEUE_INLINE_MAX = 64 * 1024,   /* bytes of a body kept in the database */
    QUEUE_RECIPIENTS_MAX = 1000,    /* per entry */
    QUEUE_BATCH_MAX = 256,          /* entries in one transaction */
    QUEUE_DEFER_FIRST_SECONDS = 60, /* doubles up to an hour */
    QUEUE_EXPIRE_DAYS = 5,
    QUEUE_RELEASE_DAYS_MAX = 60, /* that a message may be held back by its sender (RFC 4865) */
    QUEUE_HOPS_MAX = 50,         /* Received fields: more is a loop (RFC 5321 6.3) */
};
#define QUEUE_MESSAGE_MOST UINT64_C(2147483648) /* bytes of a message, whatever the settings say */

struct queue;

struct queue_options {
    struct store *store;
    struct directory *directory;
    const char *hostname;
    uint64_t message_size_max; /* bytes; 0: QUEUE_MESSAGE_MOST */
    unsigned filers;           /* threads that file; 0: 2 */
};
/* Opens queue.db, removes spool files without an entry, and goes on with what was left. */
enum err queue_open(const struct queue_options *options, struct queue **ret_queue,
                    struct error *error) MUST_CHECK;
/* Finishes what is being written; the rest stays for next time. */
void queue_close(struct queue *queue);
/* From now on (a reload). */
void queue_set_message_size_max(struct queue *queue, uint64_t bytes);

/* DSN's NOTIFY bits (RFC 3461 4.1); 0: not given. */
enum dsn_notify { DSN_NEVER = 1, DSN_SUCCESS = 2, DSN_FAILURE = 4, DSN_DELAY = 8 };
enum dsn_ret { DSN_RET_NONE, DSN_RET_FULL, DSN_RET_HDRS };

/* When a message is to be sent, if not at once (RFC 4865 4). */
struct queue_release {
    int64_t at_us;         /* wall time; 0: at once */
    uint32_t hold_seconds; /* as its sender put it; 0: he named the time */
};
/* Until when a message is to be delivered, and what is to be done if it is not (RFC 2852 4). */
enum deliver_by_mode {
    DELIVER_BY_NONE,
    DELIVER_BY_NOTIFY, /* it goes on, and the sender is told that it takes longer */
    DELIVER_BY_RETURN, /* it comes back */
};
enum { DELIVER_BY_MIN_SECONDS = 60 /* as it may be asked for with DELIVER_BY_RETURN */ };
struct deliver_by {
    enum deliver_by_mode mode;
    bool trace;       /* each server tells the sender that it passed it on */
    int64_t until_us; /* wall time */
};
/* It is too late for it. */
static inline bool deliver_by_is_over(const struct deliver_by *by, int64_t now_us)
{
    return by->mode == DELIVER_BY_RETURN && now_us >= by->until_us;
}
struct queue_recipient {
    struct slice address; /* as given in RCPT */
    struct slice orcpt;   /* "rfc822;..." decoded, or empty */
    unsigned notify;
};
struct queue_envelope {
    struct slice sender; /* empty: the null path */
    struct queue_recipient *recipients;
    size_t recipient_count;
    struct session_id sid;
    struct account_id account; /* who submitted it; 0: a stranger */
    struct slice protocol;     /* "ESMTPSA" ..., for the Received field (RFC 3848) */
    struct slice helo;
    struct slice peer; /* address */
    struct slice tls;  /* "TLSv1.3 TLS_AES_256_GCM_SHA384" or empty */
    bool eight_bit, smtputf8, binary;
    struct slice results; /* an Authentication-Results field, whole; empty: it was not judged */
    bool junk;            /* into the recipients' Junk */
    bool ours;            /* the house wrote it: a report */
    bool tls_optional;    /* goes out whatever policies demand of TLS: a report about it (RFC 8460 3), or as
                             its TLS-Required field says (RFC 8689 3) */
    bool require_tls;     /* REQUIRETLS (RFC 8689 2): leaves in verified TLS only, to who promises the same */
    struct queue_release release;
    struct deliver_by by;
    enum dsn_ret ret;
    struct slice envid;
};

/* A spool file for a large body: the descriptor is for the edge, the id comes back with queue_accept. */
enum err queue_spool_create(struct queue *queue, uint64_t *ret_spool, int *ret_fd,
                            struct error *error) MUST_CHECK;
void queue_spool_drop(struct queue *queue, uint64_t spool);
/* Bytes in it now. ERR_UNAVAILABLE when unknown. */
enum err queue_spool_size(struct queue *queue, uint64_t spool, uint64_t *ret_size,
                          struct error *error) MUST_CHECK;

/* body: in memory (copied), used when spool is 0. Durable on return. Message line ends are CRLF. ERR_BUSY:
 * the account has submitted as much as it may for now. ERR_INVALID: it is to be held for longer than
 * QUEUE_RELEASE_DAYS_MAX, or a stranger wants that. */
enum err queue_accept(struct queue *queue, const struct queue_envelope *envelope, struct slice body,
                      uint64_t spool, struct queue_id *ret_id, struct error *error) MUST_CHECK;

/* What to answer at RCPT. */
enum recipient_answer {
    RECIPIENT_LOCAL,
    RECIPIENT_FOREIGN,  /* accepted because the sender logged in */
    RECIPIENT_UNKNOWN,  /* 550 5.1.1 */
    RECIPIENT_NO_RELAY, /* 550 5.7.1 */
    RECIPIENT_FULL,     /* 452 4.2.2 or 552 5.2.2 as configured */
    RECIPIENT_TOO_MANY, /* 450 4.7.1: the sender has submitted as much as he may for now */
    RECIPIENT_REST,     /* the server that has the domain's rest knows: link/callout.h */
};
/* size: what MAIL's SIZE announced, 0 if nothing. */
enum err queue_recipient_check(struct queue *queue, struct account_id sender, struct slice address,
                               uint64_t size, enum recipient_answer *ret_answer,
                               struct error *error) MUST_CHECK;

struct queue_entry {
    struct queue_id id;
    struct slice sender;
    struct slice *recipients; /* those not done */
    size_t recipient_count;
    uint64_t size;
    int64_t received_us;
    int64_t next_us;    /* next attempt; INT64_MAX: no time is set */
    struct slice state; /* "filing", "deferred", "waiting", "held", "scheduled"; "damaged": only id and reason
                           are known */
    struct slice reason; /* last problem */
    struct session_id sid;
};
enum err queue_list(struct queue *queue, struct queue_id after, size_t max, struct arena *arena,
                    struct queue_entry **ret_entries, size_t *ret_count, struct error *error) MUST_CHECK;
/* How many are in each state, and since when the oldest is (microseconds since 1970; 0: none). For metrics.
 */
enum queue_figure { QUEUE_FILING, QUEUE_DEFERRED, QUEUE_WAITING, QUEUE_HELD, QUEUE_SCHEDULED, QUEUE_FIGURES };
struct queue_figures {
    uint64_t count[QUEUE_FIGURES];
    int64_t oldest_us[QUEUE_FIGURES];
};
enum err queue_figures(struct queue *queue, struct queue_figures *ret_figures,
                       struct error *error) MUST_CHECK;
/* The message itself by malloc, ret_entry->size bytes; free it. */
enum err queue_get(struct queue *queue, struct queue_id id, struct arena *arena,
                   struct queue_entry *ret_entry, char **ret_body, struct error *error) MUST_CHECK;
/* Tries deferred ones now, not those whose time their sender has set; id 0: all. */
enum err queue_flush(struct queue *queue, struct queue_id id, struct error *error) MUST_CHECK;
/* A damaged entry goes too; its spool file, which nobody knows, with the next start. */
enum err queue_drop(struct queue *queue, struct queue_id id, struct error *error) MUST_CHECK;
/* Waits until nothing is left to file (foreign and deferred don't count) or the deadline; true: nothing left.
 * For tests and stop. */
bool queue_idle(struct queue *queue, int64_t deadline_us);

#endif
