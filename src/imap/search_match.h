/*
 * Does a message match a search? (RFC 3501 6.4.4)
 *
 * Each key answers with what is known so far: the row, then the header, then the whole message. So cheap keys
 * decide first, and a message is opened only when they can't. Strings are compared in UTF-8, decoded (RFC
 * 2047, transfer encodings, charsets, HTML as text too), by the search's comparator; what can't be converted
 * is compared as octets (RFC 5255 4.6).
 * Ownership: a matcher borrows session, call and tree; imap_matcher_release. Errors: ERR_CORRUPT and others
 * from reading, ERR_LIMIT for a message too large to decode. Threads: one at a time.
 * Limits: IMAP_SEARCH_TEXT_MAX bytes of decoded text of one part.
 */
#ifndef POSTHORN_IMAP_SEARCH_MATCH_H
#define POSTHORN_IMAP_SEARCH_MATCH_H

#include "imap/session_internal.h"
#include "mime/search_text.h"

enum { IMAP_SEARCH_TEXT_MAX = 512 * 1024 * 1024 };

struct imap_matcher {
    struct imap_call *call;
    const struct imap_search_key *root;
    bool asks_header;   /* some key may be decided by the header alone */
    struct arena arena; /* of one message's structure */
    struct mime_search search;
    uint64_t messages; /* tested so far */
};

/* Fills in sets, keywords and folded texts. False: the reply says why. */
bool imap_search_prepare(struct imap_call *call, struct imap_search *search) MUST_CHECK;
void imap_search_release(struct imap_search *search);

void imap_matcher_init(struct imap_matcher *m, struct imap_call *call, const struct imap_search *search);
void imap_matcher_release(struct imap_matcher *m);
enum err imap_matcher_test(struct imap_matcher *m, const struct message *message, bool *ret_matches,
                           struct error *error) MUST_CHECK;

#endif
