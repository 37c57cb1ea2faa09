/*
 * In which order two messages are sorted (RFC 5256 3, RFC 5957 3).
 *
 * Ownership: a sorter owns what it has read of messages; imap_sorter_release. Errors: sticky, `failed`.
 * Threads: one at a time. Limits: IMAP_SORT_MEMORY_MAX bytes of values and texts.
 */
#ifndef POSTHORN_IMAP_SORT_ORDER_H
#define POSTHORN_IMAP_SORT_ORDER_H

#include "imap/search.h"
#include "store/message.h"

enum {
    /* Bytes that sorting one mailbox may take: about a million messages with usual subjects. */
    IMAP_SORT_MEMORY_MAX = 512 * 1024 * 1024,
    IMAP_SORT_TEXT_MAX = 64 * 1024,
};

/* What a message has for one criterion: a number, or a text whose first bytes are the number. */
struct imap_sort_value {
    uint64_t first;
    struct slice text;
};
struct imap_sorter {
    const struct imap_search *search;
    struct arena arena;
    struct buf folded;
    unsigned relevancy; /* of the message whose values are asked for */
    bool failed;
};
#define IMAP_SORTER(of_search) \
    ((struct imap_sorter){     \
        .search = (of_search), .arena = ARENA(IMAP_SORT_MEMORY_MAX), .folded = BUF(IMAP_SORT_TEXT_MAX)})
void imap_sorter_release(struct imap_sorter *sorter);

/* The least of the store's values that the criteria need. */
unsigned imap_sort_wants(const struct imap_search *search);
/* One value for each criterion, living as long as the sorter; NULL: it has failed. */
struct imap_sort_value *imap_sort_values(struct imap_sorter *sorter, const struct message *message);
/* Less than, equal to or greater than 0. Messages that equal stay in the order of the mailbox, that of UIDs.
 */
int imap_sort_compare(const struct imap_search *search, const struct imap_sort_value *a, uint32_t a_uid,
                      const struct imap_sort_value *b, uint32_t b_uid);

#endif
