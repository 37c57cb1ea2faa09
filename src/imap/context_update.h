/*
 * What the files of contexts share (search_context.h): a context, and how its changes are told.
 *
 * Ownership: the session's. Errors: false when memory is out or the store fails. Threads: the session's.
 */
#ifndef POSTHORN_IMAP_CONTEXT_UPDATE_H
#define POSTHORN_IMAP_CONTEXT_UPDATE_H

#include "imap/search_context.h"
#include "imap/sort_order.h"

struct imap_context {
    struct imap_context *next;
    struct arena arena;
    struct slice text; /* the whole command */
    struct slice tag;
    struct imap_correlator about;
    bool by_uid;
    bool utf8; /* how the command was read */
    bool sorted;
    struct imap_comparator comparator; /* that was active when the command came */
    bool floats; /* it says "UID 7:*" or YOUNGER: what it means changes with the mailbox */
    struct imap_sequence_set *frozen; /* UIDs of its sets of numbers, in the order of the text */
    size_t frozen_count;
    struct uid_set uids; /* the result */
    uint32_t *list;      /* the same in SORT's order */
    size_t count;
    size_t cap;
};

/* A number as the client is told it. */
struct imap_context_numbers {
    struct imap_call *call;
    const struct view_changes *removed; /* NULL: the messages are still there */
    bool by_uid;
};

/* A message to be put into a sorted result. */
struct imap_context_arrival {
    uint32_t uid;
    const struct imap_sort_value *values;
};

/* Take `gone` out of the result and tell it. */
bool imap_context_remove(struct imap_context *context, const struct imap_context_numbers *numbers,
                         const struct uid_set *gone) MUST_CHECK;
/* Puts `came` into the result and tells it. */
bool imap_context_add(struct imap_context *context, const struct imap_context_numbers *numbers,
                      const struct uid_set *came) MUST_CHECK;
/* The same for a sorted one; arrivals are in their order. */
bool imap_context_insert(struct imap_context *context, const struct imap_context_numbers *numbers,
                         struct imap_sorter *sorter, const struct imap_context_arrival *arrivals,
                         size_t count) MUST_CHECK;

#endif
