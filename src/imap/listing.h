/*
 * The names that a LIST may show: gathered by cmd_list.c, those of others' mailboxes by list_others.c.
 * Ownership: all in the command's arena. Errors: as said. Threads: the session's.
 */
#ifndef POSTHORN_IMAP_LISTING_H
#define POSTHORN_IMAP_LISTING_H

#include "imap/session_internal.h"

enum { IMAP_OWNERS_MAX = 1000 /* accounts of others that one LIST looks into, by address */ };

struct imap_list_name {
    struct slice path;
    const struct folder *folder; /* NULL: no such mailbox */
    struct account *account;     /* that the folder lies in */
    unsigned rights;             /* the person's */
    size_t order;                /* in which it is shown */
    bool subscribed;
    bool level; /* has mailboxes of others below it, and is shown because of "%" */
    bool matches;
    bool inhabited;    /* one below it is selected and there */
    bool child;        /* one below it is selected */
    bool hidden_child; /* and matches no pattern */
};
struct imap_listing {
    const struct imap_list *list;
    struct arena *arena;
    struct slice *patterns; /* with the reference */
    size_t pattern_count;
    struct imap_list_name *names;
    size_t count;
    size_t cap;
};

/* cmd_list.c: all of them, each once, by path. */
enum err imap_listing_gather(struct imap_call *call, struct imap_listing *listing) MUST_CHECK;
/* False: no memory. */
bool imap_listing_add(struct imap_listing *listing, struct imap_list_name name) MUST_CHECK;
/* The mailboxes of others that the person may look up, when a pattern can mean one; opens the accounts of
 * those who share something. `subscriptions` are sorted. */
enum err imap_listing_add_others(struct imap_call *call, struct imap_listing *listing,
                                 const struct slice *subscriptions, size_t subscription_count) MUST_CHECK;

#endif
