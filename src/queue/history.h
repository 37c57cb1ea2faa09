/*
 * What became of each message: who gave it to us, and each attempt with what the others said. For people who
 * look for a message, so it is kept for a while after the message has left.
 *
 * Written behind: events gather in memory and go into history.db, without a sync, every HISTORY_PAUSE_US; so
 * mail waits for none of it, and a power loss may take the last moments of the story, never of the mail. The
 * oldest go when they are HISTORY_DAYS old, or when the database is HISTORY_BYTES_MAX large. Without a
 * database (it can't be opened) there is no history, and mail flows. Ownership: texts read are in the arena
 * given. Errors: ERR_NOT_FOUND. Threads: any.
 */
#ifndef POSTHORN_QUEUE_HISTORY_H
#define POSTHORN_QUEUE_HISTORY_H

#include "queue/queue.h"

enum {
    HISTORY_DAYS = 14,
    HISTORY_TEXT_MAX = 2000,                /* bytes of a text in an event */
    HISTORY_PENDING_MAX = 32 * 1024 * 1024, /* bytes not yet written; what passes it is not kept */
    HISTORY_TRIM = 2000,                    /* messages that are removed at once */
    HISTORY_FIND_MAX = 1000,                /* messages that one question finds */
    HISTORY_EVENTS_MAX = 20000,             /* of one message that are read */
};
#define HISTORY_BYTES_MAX (UINT64_C(2) << 30)

/* Values are on disk: append, never renumber. */
#define HISTORY_KIND_TABLE(X)                                                     \
    X(ACCEPTED, 1, "accepted")   /* for that recipient */                         \
    X(FILED, 2, "filed")         /* into a mailbox here */                        \
    X(RELAYED, 3, "relayed")     /* another server has it */                      \
    X(DEFERRED, 4, "deferred")   /* tried, and to be tried again */               \
    X(FAILED, 5, "failed")       /* for good */                                   \
    X(FORWARDED, 6, "forwarded") /* goes on as another message: `other` */        \
    X(REPORTED, 7, "reported")   /* the sender was told: `other` is the report */ \
    X(DROPPED, 8, "dropped")     /* by an administrator */
enum history_kind {
#define X(name, number, text) HISTORY_##name = (number),
    HISTORY_KIND_TABLE(X)
#undef X
};
/* NULL: a newer program's. */
const char *history_kind_name(enum history_kind kind);

struct history_event {
    enum history_kind kind;
    int64_t at_us;
    struct slice address; /* the recipient; empty: the whole message */
    struct slice peer;    /* "mx.example.org [192.0.2.1]" */
    struct slice tls;     /* of the connection to it, or empty: in the clear */
    struct slice status;  /* "5.1.1" (RFC 3463) */
    struct slice text;    /* the peer's words, or what went wrong */
    struct slice tried;   /* servers before it that were not there: a line each */
    int64_t next_us;      /* DEFERRED: the next attempt; else 0 */
    struct queue_id other;
};
struct history_message {
    struct queue_id id;
    int64_t received_us;
    struct slice sender;
    struct slice message_id; /* as it stands in the header */
    uint64_t size;
    struct account_id account; /* who submitted it; 0: a stranger */
    struct slice protocol, helo, peer, tls;
};

struct history_question {
    struct slice message_id;    /* empty: any; with or without <> */
    struct slice address;       /* of its sender or a recipient; empty: any */
    int64_t since_us, until_us; /* when it was accepted; 0: any time */
    size_t max;                 /* at most HISTORY_FIND_MAX */
};
/* The newest first. */
enum err queue_history_find(struct queue *queue, const struct history_question *question, struct arena *arena,
                            struct queue_id **ret_ids, size_t *ret_count, struct error *error) MUST_CHECK;
/* What is known of a message; its events in their order. */
enum err queue_history_read(struct queue *queue, struct queue_id id, struct arena *arena,
                            struct history_message *ret_message, struct history_event **ret_events,
                            size_t *ret_count, struct error *error) MUST_CHECK;

#endif
