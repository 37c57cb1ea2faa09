/*
 * The messages a search finds, one after the other.
 *
 * Ownership: imap_found_release. Errors: call->reply says why. Threads: one at a time.
 * Limits: a set's (store/uid_set.h).
 */
#ifndef POSTHORN_IMAP_SEARCH_FIND_H
#define POSTHORN_IMAP_SEARCH_FIND_H

#include "imap/search_answer.h"
#include "imap/sort_order.h"

/* Called in mailbox order. False: no more, the reply says why. */
typedef bool imap_found_fn(void *context, const struct message *message, uint32_t seq);

/*
 * Prepares the search and calls `each` for every match, with what `want` (enum message_want) asks for. False:
 * the result is not whole, the reply says why; a single message that can't be read does not end the search.
 */
bool imap_search_find(struct imap_call *call, struct imap_search *search, unsigned want, imap_found_fn *each,
                      void *context) MUST_CHECK;

/* What was found, both ways; ascending. */
struct imap_found {
    struct imap_found_modseqs modseqs;
    struct uid_set uids;
    struct uid_set numbers;
    const struct imap_call *call; /* NULL: no scores are wanted */
    struct buf scores;            /* a byte for each */
};
#define IMAP_FOUND(of_call, of_search) \
    ((struct imap_found){.call = (of_search)->fuzzy ? (of_call) : NULL, .scores = BUF(IMAP_SORT_MEMORY_MAX)})
void imap_found_release(struct imap_found *found);
/* An imap_found_fn for a struct imap_found. */
bool imap_found_add(void *found, const struct message *message, uint32_t seq);

#endif
