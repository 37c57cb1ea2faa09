/*
 * NOTIFY in a session (RFC 5465): what was asked for, and telling it.
 *
 * Messages of the selected mailbox are told by session_update.c, which asks here what is wanted. All else is
 * read from the change feeds of the accounts watched, own and others': what happened in other mailboxes, to
 * names, subscriptions and annotations. What the session itself changes is not told (RFC 5465 5), unless
 * others change names or annotations in the same moment.
 *
 * Ownership: belongs to the session, ends with NOTIFY NONE or the session. Errors: what can't be told any
 * longer ends it, with NOTIFICATIONOVERFLOW. Threads: the session's. Limits: those of the grammar, and below.
 */
#ifndef POSTHORN_IMAP_NOTIFY_SESSION_H
#define POSTHORN_IMAP_NOTIFY_SESSION_H

#include "imap/session_internal.h"
#include "store/watch.h"

enum {
    IMAP_NOTIFY_ARENA_MAX = 4 * 1024 * 1024,        /* bytes of the command and what was made of it */
    IMAP_NOTIFY_NAMES_ARENA_MAX = 64 * 1024 * 1024, /* bytes of the names that the client knows */
    IMAP_NOTIFY_PAGE = 1000,                        /* records of the change log at once */
};

/* An account that is watched. */
struct imap_watched {
    struct imap_watched *next;
    struct watch *watch;
    struct slice prefix;    /* "Other Users/bob@example.org/", or empty */
    struct change_no since; /* told up to here */
};

/* A name as the client was last told it. */
struct imap_known_name {
    struct slice name;
    struct account_id account;
    struct folder_id folder; /* 0: nothing but a subscription */
    struct folder_id parent;
    unsigned rights; /* the person's */
    bool subscribed;
    bool exists; /* and can be selected */
    bool has_children;
    enum folder_role role;
};
struct imap_known_names {
    struct arena arena;
    struct imap_known_name *items; /* by name */
    size_t count;
};

struct imap_notify {
    struct arena arena;
    struct imap_notify_set set;
    const struct imap_notify_group *selected; /* NULL: nothing of the selected mailbox */
    unsigned events;                          /* of all groups for other mailboxes */
    struct imap_watched *watched;
    struct imap_known_names names; /* while names or subscriptions are of interest */
};

/* INBOX, renamed, stays: a folder is made that takes its messages (RFC 3501 6.3.5). */
struct imap_inbox_rename {
    struct folder_id inbox; /* 0: it was not */
    struct folder_id made;
};

void imap_notify_end(struct imap_session *s);
/* The accounts of others in which something is subscribed are watched too, if that is asked for. */
bool imap_notify_watch_subscribed(struct imap_call *call, struct imap_notify *notify) MUST_CHECK;

/* Which events of the selected mailbox are told: all of messages, unless NOTIFY says otherwise. */
unsigned imap_notify_selected(const struct imap_session *s);
/* They are told when they happen, EXPUNGE included. */
bool imap_notify_at_once(const struct imap_session *s);
/* What was asked for of messages that came into the selected mailbox. */
void imap_notify_arrivals(struct imap_call *call, const struct uid_set *uids);

/* Events of a mailbox other than the selected one, by its name. */
unsigned imap_notify_events(const struct imap_notify *notify, struct slice name, bool own, bool subscribed);
/* STATUS items that tell of these events. */
unsigned imap_notify_items(const struct imap_session *s, unsigned events);

/* notify_tell.c: a command begins, and has ended: what happens between is the session's own doing. */
void imap_notify_act(struct imap_session *s);
void imap_notify_rest(struct imap_session *s);
/* What happened since the last call. */
void imap_notify_tell(struct imap_session *s);

/* notify_names.c: all names that there are for the person. False: call->error says why. */
bool imap_known_names_read(struct imap_call *call, struct imap_known_names *names) MUST_CHECK;
void imap_known_names_release(struct imap_known_names *names);
/* LIST responses for what is different from what the client knows, which is brought up to date. */
bool imap_notify_names(struct imap_call *call, const struct imap_inbox_rename *rename) MUST_CHECK;
/* The same without a word. */
bool imap_notify_note_names(struct imap_call *call) MUST_CHECK;
/* What NOTIFY itself answers: STATUS of the mailboxes meant, and which of them the person may not read. */
void imap_notify_introduce(struct imap_call *call);

#endif
