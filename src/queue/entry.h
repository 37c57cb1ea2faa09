/*
 * One message in flight, as kept in queue.db: the envelope with each recipient's state, and where the body
 * is.
 *
 * Ownership: an entry owns an arena with all its strings, and its body when that is in memory; entry_free
 * frees it. Threads: one at a time. Private to the queue room.
 */
#ifndef POSTHORN_QUEUE_ENTRY_H
#define POSTHORN_QUEUE_ENTRY_H

#include "queue/queue.h"

/* Values are on disk: append, never renumber. */
#define RECIPIENT_STATE_TABLE(X)                                  \
    X(NEW, 0, "filing")      /* to be routed and filed (again) */ \
    X(WAITING, 1, "waiting") /* foreign: for the relay */         \
    X(DONE, 2, "done")       /* filed, bounced or handed on; not written any more */
enum recipient_state {
#define X(name, number, text) RECIPIENT_##name = (number),
    RECIPIENT_STATE_TABLE(X)
#undef X
};

struct entry_recipient {
    struct queue_recipient given;
    enum recipient_state state;
    bool expanded;       /* its foreign targets are recipients of their own already */
    bool delay_told;     /* the sender knows that it takes longer */
    uint32_t attempts;   /* of the relay */
    int64_t next_us;     /* WAITING: not before this wall time */
    struct slice reason; /* the last problem, or empty */
    /* While it is being filed; not kept. */
    bool routed;   /* all its accounts are in the batch */
    bool filed;    /* and have it */
    bool reported; /* the sender was told that it failed */
    bool away;     /* with the relay; not kept */
};

enum {
    ENTRY_NONCE_SIZE = 16,
    ENTRY_ARENA_MAX = 16 * 1024 * 1024,
    ENTRY_RECIPIENTS_MAX = QUEUE_RECIPIENTS_MAX + GROUP_MEMBERS_MAX, /* with a group's foreign members */
};
#define ENTRY_NEXT_NOW INT64_C(0)
/* Below 0: its sender has set the time, which is the opposite number; nobody's hurry changes it. */
#define ENTRY_NEXT_SCHEDULED(at_us) (-(at_us))
#define ENTRY_NEXT_RELAY INT64_MAX /* only foreign recipients are left */
#define ENTRY_RELAY_NONE INT64_MAX /* no foreign recipient is left */
#define ENTRY_RELAY_LISTED INT64_C(0)
#define ENTRY_RELAY_UNPARKED \
    INT64_C(2) /* to be looked at, though perhaps nothing is due; 1: see database.c */
#define ENTRY_RELAY_HELD (INT64_MAX - 1) /* what is left of it may not leave: hold.h */

struct entry {
    struct arena arena;
    struct queue_id id;
    unsigned char nonce[ENTRY_NONCE_SIZE]; /* makes delivery ids unique for ever */
    struct queue_envelope envelope;        /* its recipients are in `recipients` */
    struct entry_recipient *recipients;
    size_t recipient_count;
    size_t recipients_cap;
    struct slice settled; /* 8 bytes for each account: entry_is_settled */
    int64_t received_us;
    uint64_t size;
    uint64_t spool; /* 0: inline */
    uint32_t attempts;
    int64_t next_us;  /* for the filers */
    int64_t relay_us; /* for the relay: when it is due, as the row says */
    char *body;       /* inline body when in memory (malloc), else NULL */
};

/* A copy of what queue_accept was given, with a new nonce; recipients NEW. NULL: no memory or over the cap.
 */
struct entry *entry_new(struct queue_id id, const struct queue_envelope *envelope, int64_t received_us);
void entry_free(struct entry *entry);
void entry_release(struct entry **entry); /* for CLEANUP */

/* All but the body. */
void entry_encode(const struct entry *entry, struct buf *out);
/* ERR_CORRUPT. */
enum err entry_decode(struct queue_id id, struct slice in, struct entry **ret_entry,
                      struct error *error) MUST_CHECK;

/* Identifies a copy of this entry in that account: its first (0), or one more that a script wants. */
void entry_delivery_id(const struct entry *entry, struct account_id account, unsigned ordinal,
                       unsigned char ret_id[static DELIVERY_ID_SIZE]);
/* DMARC says that somebody else may have written it: who is named as its sender is not to be answered. */
bool entry_is_forged(const struct entry *entry);
/* Accounts that have it (or refused it for good) while its other recipients are tried again: neither they nor
 * their scripts see it once more. */
bool entry_is_settled(const struct entry *entry, struct account_id account);
bool entry_add_settled(struct entry *entry, struct account_id account) MUST_CHECK; /* false: no memory */
/* Since when it is on its way: how old it is counts from here. */
int64_t entry_since(const struct entry *entry);
/* The next attempt, planned for that time; not past the end that its sender has set. */
int64_t entry_within(const struct entry *entry, int64_t at_us);
bool entry_has_state(const struct entry *entry, enum recipient_state state);
/* When the first waiting recipient is due; ENTRY_RELAY_LISTED: now; ENTRY_RELAY_NONE: there is none. */
int64_t entry_relay_due(const struct entry *entry, int64_t now_us);
/* One more recipient, of state WAITING, that inherits the DSN wishes of `like`. False: no memory or too many.
 */
bool entry_add_foreign(struct entry *entry, struct slice address,
                       const struct entry_recipient *like) MUST_CHECK;
/* The reason is copied. */
void entry_set_reason(struct entry *entry, struct entry_recipient *recipient, const char *reason);

#endif
