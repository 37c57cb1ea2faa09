/*
 * The texts of a message that a search looks at.
 *
 * Purpose: one reading for the matcher and for the index: what the index was made of is byte for byte what
 * the matcher looks into, so the index never hides a match. A text is decoded (RFC 2047, transfer encoding),
 * converted from its charset, folded (fold.h), and stands by itself: nothing is found across two of them. One
 * that can't be converted is given as the octets that it is (RFC 5255 4.6). They are, in this order: each
 * field of the header as "name: value"; in the body each text part, HTML as written and as read (of octets
 * only as written), and the fields of every part inside (attached messages, file names). Ownership: a text
 * borrows from the reader until the next; mime_search_release. Errors: past `max` bytes of decoded text in
 * one part, or without memory, mime_search_failed is true until mime_search_begin and texts may be missing.
 * Threads: one at a time. Limits: the max given.
 *
 * Whatever changes what is read here, or in what it is made of (header.h, structure.h, encoded_word.h,
 * charset.h, html_text.h, fold.h), must give MIME_SEARCH_VERSION a new number: stored indexes are made anew
 * then. search_text_test.c notices.
 */
#ifndef POSTHORN_MIME_SEARCH_TEXT_H
#define POSTHORN_MIME_SEARCH_TEXT_H

#include "mime/structure.h"

enum { MIME_SEARCH_VERSION = 2, MIME_SEARCH_READING_MAX = 80 };

/* How texts are folded. */
enum mime_search_way {
    MIME_SEARCH_CASEMAP, /* i;unicode-casemap; of what the index is made */
    MIME_SEARCH_ASCII,   /* i;ascii-casemap */
    MIME_SEARCH_WIDE,    /* mime_fold_search; charsets are guessed, so that no text is octets */
};

struct mime_search {
    struct buf raw;    /* without transfer encoding */
    struct buf text;   /* UTF-8 */
    struct buf plain;  /* HTML's text */
    struct buf folded; /* what is given out */
    enum mime_search_way way;
};

#define MIME_SEARCH(max_bytes)                                                            \
    ((struct mime_search){BUF(max_bytes), BUF(max_bytes), BUF(max_bytes), BUF(max_bytes), \
                          MIME_SEARCH_CASEMAP})

void mime_search_release(struct mime_search *search) NONNULL;
/* Before each message. */
void mime_search_begin(struct mime_search *search) NONNULL;
bool mime_search_failed(const struct mime_search *search) NONNULL;

/* One text. */
struct mime_search_text {
    struct slice text;
    bool octets; /* neither converted nor folded */
};
/* Called for one text; false: no more are wanted. */
typedef bool mime_search_fn(void *context, struct mime_search_text text);

/* True when all were wanted. */
bool mime_search_fields(struct mime_search *search, struct slice header, mime_search_fn *each,
                        void *context) MUST_CHECK;
bool mime_search_body(struct mime_search *search, const struct mime_part *message, mime_search_fn *each,
                      void *context) MUST_CHECK;
/* One field's value; it is the end of that field's text. */
struct mime_search_text mime_search_value(struct mime_search *search, struct slice raw) NONNULL;
/* How the index holds a text: all that matches, by any of the comparators or as octets that are UTF-8,
 * matches in it too, when it was folded by mime_fold_sort. Lives until the next. */
struct slice mime_search_indexed(struct mime_search *search, struct mime_search_text text) NONNULL;
/* Folds what is asked for as the texts are. */
void mime_search_fold(struct buf *out, enum mime_search_way way, struct slice utf8) NONNULL;

/* Names this reading: MIME_SEARCH_VERSION and the libraries whose tables decide with it. */
void mime_search_reading(char ret_text[static MIME_SEARCH_READING_MAX]);

#endif
