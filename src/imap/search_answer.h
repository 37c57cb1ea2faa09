/*
 * How what SEARCH and SORT have found is told (RFC 4731, RFC 5267 3, RFC 9394) and saved (RFC 5182).
 *
 * Ownership: an order borrows its numbers. Errors: call->reply says why. Threads: one at a time. Limits: a
 * set's (store/uid_set.h).
 */
#ifndef POSTHORN_IMAP_SEARCH_ANSWER_H
#define POSTHORN_IMAP_SEARCH_ANSWER_H

#include "imap/session_internal.h"

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

/* Numbers in the order of a result, which is a set's or any. */
struct imap_order {
    const struct uid_set *set; /* NULL: the list */
    const uint32_t *list;
    uint64_t count;
};
struct imap_order imap_order_of_set(const struct uid_set *set);
/* Places are counted from 0. */
uint32_t imap_order_at(const struct imap_order *order, uint64_t place);
/* Those at [from, to), of which there is at least one, as a sequence set: ranges only ascend (RFC 5267 3.2).
 */
void imap_order_put(const struct imap_order *order, uint64_t from, uint64_t to, struct buf *out);

/* "* ESEARCH (TAG "a" MAILBOX "b" UIDVALIDITY 7)" */
void imap_put_esearch_head(const struct imap_session *s, struct buf *out, struct slice tag,
                           const struct imap_correlator *about);

/* One ESEARCH response. */
struct imap_answer {
    struct imap_order told; /* in the form the client asked for: numbers or UIDs */
    uint64_t modseq;        /* 0: none is told */
    struct slice scores;    /* a byte for each, where RELEVANCY is to be told */
};
/* "* ESEARCH (TAG "a") UID MIN 2 MAX 9 COUNT 3 ALL 2,4,9" */
void imap_send_esearch(const struct imap_call *call, const struct imap_search *search,
                       const struct imap_answer *answer);

/* "$" becomes what SAVE with the other options means (RFC 5182 2.1, 2.4, RFC 9394 3.2): nothing when the
 * search failed. */
void imap_search_save(struct imap_call *call, const struct imap_search *search,
                      const struct imap_order *uids);

#endif
