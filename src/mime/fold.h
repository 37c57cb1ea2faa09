/*
 * Case folding of text for comparing: what SEARCH finds and how SORT orders.
 *
 * Purpose: one folding for who asks, for the message asked, and for the index between them (search_text.h):
 * the comparators of RFC 5255 4, and a wider one for searches that need no exactness.
 * Ownership: writes to the caller's buf. Errors: the buf's own. Threads: any. Limits: none; linear time.
 */
#ifndef POSTHORN_MIME_FOLD_H
#define POSTHORN_MIME_FOLD_H

#include "base/buf.h"

/*
 * The key of i;unicode-casemap (RFC 5051 2): each character titlecased and decomposed by itself, so that the
 * key of a part of a text is a part of the text's key. Bad bytes as U+FFFD.
 */
void mime_fold_sort(struct buf *out, struct slice utf8) NONNULL;
/* The key of i;ascii-casemap (RFC 4790 9.2). What it finds equal, i;unicode-casemap does too. */
void mime_fold_ascii(struct buf *out, struct slice octets) NONNULL;
/*
 * For people who look for something: full case folding, compatibility characters decomposed, marks in their
 * canonical order; bad bytes as U+FFFD. "ss" and sharp s are one, as are a ligature and its letters.
 */
void mime_fold_search(struct buf *out, struct slice utf8) NONNULL;

#endif
