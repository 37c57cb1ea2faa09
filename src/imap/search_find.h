/*
 * The messages a search finds, one after the other, and the answers about them that several commands give.
 *
 * Ownership: imap_found_release. Errors: call->reply says why. Threads: one at a time.
 * Limits: a set's (store/uid_set.h).
 */
#ifndef POSTHORN_IMAP_SEARCH_FIND_H
#define POSTHORN_IMAP_SEARCH_FIND_H

#include "imap/session_internal.h"

/* Called in mailbox order. False: no more, the reply says why. */
typedef bool imap_found_fn(void *context, const struct message *message, uint32_t seq);

/*
 * Prepares the search and calls `each` for every match, with what `want` (enum message_want) asks for. False:
 * the result is not whole, the reply says why; a single message that can't be read does not end the search.
 */
bool imap_search_find(struct imap_call *call, struct imap_search *search, unsigned want, imap_found_fn *each,
                      void *context) MUST_CHECK;

/* Mod-sequences of what was found, in the order of the result. */
struct imap_found_modseqs {
    uint64_t first;
    uint64_t last;
    uint64_t highest;
};
void imap_found_modseq(struct imap_found_modseqs *modseqs, uint64_t modseq);
/* What a search with a MODSEQ key tells of what it found (RFC 7162 3.1.6, RFC 4731 3.2); 0: nothing. */
uint64_t imap_result_modseq(const struct imap_search *search, const struct imap_found_modseqs *modseqs);
/* " (MODSEQ 7)", nothing for 0. */
void imap_put_result_modseq(struct buf *out, uint64_t modseq);

/* What was found, both ways; ascending. */
struct imap_found {
    struct imap_found_modseqs modseqs;
    struct uid_set uids;
    struct uid_set numbers;
};
void imap_found_release(struct imap_found *found);
/* An imap_found_fn for a struct imap_found. */
bool imap_found_add(void *found, const struct message *message, uint32_t seq);

/* "$" becomes what SAVE with the other options means (RFC 5182 2.1, 2.4): nothing when the search failed.
 * first, last: the UIDs of MIN and MAX. */
void imap_search_save(struct imap_call *call, const struct imap_search *search, const struct uid_set *uids,
                      uint32_t first, uint32_t last);

/* The parts of "* ESEARCH (TAG "a") UID MIN 2 MAX 9 COUNT 3 ALL 2,4,9" but ALL's numbers. */
struct imap_esearch {
    uint64_t count;
    uint32_t min; /* in the form the client asked for: number or UID */
    uint32_t max;
    uint64_t modseq; /* 0: none is told */
};
/* Everything up to " ALL " if that was asked for and count is not 0; true then, and the numbers and the line
 * end are the caller's to put. */
bool imap_put_esearch(struct buf *out, const struct imap_call *call, const struct imap_search *search,
                      const struct imap_esearch *result) MUST_CHECK;

#endif
