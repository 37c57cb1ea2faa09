/*
 * Mail for other servers: handed to the relay in parcels, and what became of each recipient.
 *
 * A parcel is one message for recipients of one domain, or for all of them, when a smart host takes it. An
 * entry of which the relay holds parcels is *leased*: only results change it, until each of them has come. A
 * lease belongs to a hand (the relay's process); a new hand ends the leases of the one before, so nothing is
 * lost with a relay that died, and what it had sent but not told is sent again. A batch whose answer is lost
 * while both live ends, too: with its next question the relay says which batch it got last, and what it was
 * given beside that, it never saw.
 *
 * Invariants: 1. An entry is with the filers or with the relay, never with both. 2. A recipient's result is
 * on disk before queue_outbound_done returns; a report of a failure, before that. 3. Every waiting recipient
 * is leased, or its entry is on the list, or the entry's row says when it is due.
 * Ownership: texts live in the arena given. Errors: ERR_NOT_FOUND: the lease is over. Threads: any.
 */
#ifndef POSTHORN_QUEUE_OUTBOUND_H
#define POSTHORN_QUEUE_OUTBOUND_H

#include "directory/smart_host.h"
#include "queue/queue.h"

enum {
    OUTBOUND_RECIPIENTS_MAX = 100, /* of a parcel (RFC 5321 4.5.3.1.8: what every server takes) */
    OUTBOUND_TAKE_MAX = 64,        /* entries at once */
    OUTBOUND_LEASE_MAX = 2000, /* recipients of one entry at once; and of a batch, before its last entry */
    OUTBOUND_LEASES_MAX = 10000,
    OUTBOUND_DELAY_HOURS = 4, /* after which the sender is told that it takes longer */
    OUTBOUND_TEXT_MAX = 1000, /* bytes of a peer's words that are kept */
};

struct outbound_recipient {
    uint32_t number; /* names it in a result */
    struct slice address;
    struct slice orcpt; /* as in queue_recipient */
    unsigned notify;
};
struct outbound_parcel {
    struct queue_id entry;
    struct slice domain;     /* as it is compared; with a smart host a name for that and its log-in */
    struct smart_host route; /* which takes it; host empty: the domain's own servers */
    struct slice addresses;  /* to send from (rt/own_address.h); empty: as the server's */
    struct slice sender;
    struct outbound_recipient *recipients;
    size_t recipient_count;
    uint64_t size; /* of the message without what outbound_open puts before it */
    int64_t received_us;
    bool eight_bit, smtputf8, binary, tls_optional, require_tls;
    struct deliver_by by;
    enum dsn_ret ret;
    struct slice envid;
    struct session_id sid;
};
struct outbound_batch {
    struct outbound_parcel *parcels;
    size_t count;
    uint64_t number;   /* for the next question; never 0 */
    uint64_t flushes;  /* another number: somebody wants everything to be tried now */
    uint64_t settings; /* another number: of directory/destination.h something was changed */
};
/* What is due, of at most max entries; waits for it until the deadline (monotonic us), then an empty batch.
 * seen: the number of the last batch that came to this hand; 0: none did. One question at a time. */
enum err queue_outbound_take(struct queue *queue, uint64_t hand, uint64_t seen, size_t max,
                             int64_t deadline_us, struct arena *arena, struct outbound_batch *ret_batch,
                             struct error *error) MUST_CHECK;

/* A leased message: what stands before the file's content; and the file, -1 when all is in `text`. */
struct outbound_message {
    struct buf text;
    int fd;
};
void outbound_message_release(struct outbound_message *message); /* for CLEANUP */
enum err queue_outbound_open(struct queue *queue, uint64_t hand, struct queue_id entry,
                             struct outbound_message *ret_message, struct error *error) MUST_CHECK;

#define OUTBOUND_OUTCOME_TABLE(X)                                    \
    X(RELAYED, "relayed")   /* the other server has it */            \
    X(FAILED, "failed")     /* for good */                           \
    X(DEFERRED, "deferred") /* for now: tried again after a while */ \
    X(UNTRIED, "untried")   /* not asked, as its server is known to be in trouble */
enum outbound_outcome {
#define X(name, text) OUTBOUND_##name,
    OUTBOUND_OUTCOME_TABLE(X)
#undef X
        OUTBOUND_OUTCOMES
};
struct outbound_result {
    uint32_t recipient;
    enum outbound_outcome outcome;
    struct slice status; /* "5.1.1" (RFC 3463) */
    struct slice text;   /* the peer's reply, or what went wrong */
    struct slice peer;   /* "mx.example.org", whose words they are; empty: ours */
    struct slice via;    /* "mx.example.org [192.0.2.1]": who was spoken with; empty: nobody was there */
    struct slice tls;    /* of that connection; empty: in the clear */
    struct slice tried;  /* who was not there before, a line each */
    bool told_on;        /* RELAYED: the peer answers for the DSN that was asked for */
    bool by_passed_on;   /* RELAYED: and for the time by which it is to be delivered */
    int64_t after_us;    /* UNTRIED: not before this wall time */
};
enum err queue_outbound_done(struct queue *queue, uint64_t hand, struct queue_id entry,
                             const struct outbound_result *results, size_t count,
                             struct error *error) MUST_CHECK;

#endif
