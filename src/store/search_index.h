/*
 * The search index of an account: which messages may hold a text. It narrows; the message itself decides.
 *
 * Made in the background (search_worker.h) of the very texts that a search looks into (mime/search_text.h),
 * by object, so that copying and moving cost nothing and delivery doesn't know of it. What is not indexed yet
 * "may hold" anything, as may a message that can't be read, and every message while there is no index. So a
 * search with the index finds what it finds without, only sooner. docs/decisions/search-index.md says how.
 *
 * Ownership: search_hits_release. Errors: none from the index itself: if it can't be asked, everything may
 * match. Threads: any. Limits: SEARCH_HITS_MAX candidates of all texts (more: the text that brings them tells
 * nothing), SEARCH_NEEDLES_MAX texts a question, SEARCH_GRAMS_ASKED grams of each are looked up; of texts
 * shorter than SEARCH_NEEDLE_MIN bytes none.
 */
#ifndef POSTHORN_STORE_SEARCH_INDEX_H
#define POSTHORN_STORE_SEARCH_INDEX_H

#include "store/message.h"

enum {
    SEARCH_NEEDLE_MIN = 3,
    SEARCH_GRAMS_ASKED = 16,
    SEARCH_HITS_MAX = 1024 * 1024,
    SEARCH_NEEDLES_MAX = 64,
    SEARCH_NARROW_MAX = 2048, /* objects whose places are looked up one by one */
};

/* Zeroed: nothing is known, every message may match. */
struct search_hits {
    bool known;
    uint64_t indexed;    /* newer objects may match */
    const uint64_t *ids; /* so may these, ascending; no others */
    size_t count;
    void *owner;
};
void search_hits_release(struct search_hits *hits);

/* For each needle, folded (mime_fold_sort), the objects that may hold it. ret_hits has room for `count`;
 * those past SEARCH_NEEDLES_MAX are not asked for. */
void search_index_ask(struct account *account, const struct slice *needles, size_t count,
                      struct search_hits *ret_hits);
bool search_hits_may_match(const struct search_hits *hits, struct object_id object);
/* The UIDs in a folder of the objects that may match. False: there are too many to be looked up, or the
 * database says no; nothing is added. */
bool search_hits_uids(struct account *account, struct folder_id folder, const struct search_hits *hits,
                      struct uid_set *uids) MUST_CHECK;

/* What the index is made of; ERR_NOT_FOUND: there is none. */
struct search_figures {
    uint64_t objects; /* indexed */
    uint64_t text;    /* bytes of folded text they were indexed from */
    uint64_t bytes;   /* of the index's pages in use */
};
enum err search_index_figures(struct account *account, struct search_figures *ret_figures,
                              struct error *error) MUST_CHECK;

#endif
