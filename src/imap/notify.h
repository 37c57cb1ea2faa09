/*
 * NOTIFY's arguments (RFC 5465 8): which events of which mailboxes the client wants to be told of at once.
 *
 * Ownership: texts borrow from the command. Errors: the parser's problem. Limits: below.
 */
#ifndef POSTHORN_IMAP_NOTIFY_H
#define POSTHORN_IMAP_NOTIFY_H

#include "imap/fetch.h"

enum {
    IMAP_NOTIFY_GROUPS_MAX = 100,
    IMAP_NOTIFY_NAMES_MAX = 1000, /* mailbox names in all groups */
};

/* name, bit */
#define IMAP_NOTIFY_EVENT_TABLE(X) \
    X(MessageNew, 1)               \
    X(MessageExpunge, 2)           \
    X(FlagChange, 4)               \
    X(MailboxName, 8)              \
    X(SubscriptionChange, 16) X(MailboxMetadataChange, 32) X(ServerMetadataChange, 64)
enum imap_notify_event {
#define X(name, bit) IMAP_NOTIFY_##name = (bit),
    IMAP_NOTIFY_EVENT_TABLE(X)
#undef X
        IMAP_NOTIFY_MESSAGES = IMAP_NOTIFY_MessageNew | IMAP_NOTIFY_MessageExpunge | IMAP_NOTIFY_FlagChange,
};

enum imap_notify_filter {
    NOTIFY_SELECTED,
    NOTIFY_SELECTED_DELAYED,
    NOTIFY_INBOXES,
    NOTIFY_PERSONAL,
    NOTIFY_SUBSCRIBED,
    NOTIFY_SUBTREE,
    NOTIFY_MAILBOXES,
};

struct imap_notify_group {
    struct imap_notify_group *next;
    enum imap_notify_filter filter;
    struct slice *names; /* of SUBTREE and MAILBOXES */
    size_t count;
    unsigned events;         /* bits of enum imap_notify_event; 0: NONE */
    struct imap_fetch fetch; /* what is told of new messages in the selected mailbox; no items: nothing */
};

struct imap_notify_set {
    bool status;                      /* STATUS of each mailbox first */
    bool unsupported;                 /* an event that we don't know is asked for */
    struct imap_notify_group *groups; /* NULL: NONE */
    size_t count;
    size_t names;
};

bool imap_parse_notify(struct imap_parser *p, struct imap_notify_set *ret) MUST_CHECK;

#endif
