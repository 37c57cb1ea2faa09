/*
 * Case folding of text for comparing: what SEARCH finds and how SORT orders.
 *
 * Purpose: one folding for who asks, for the message asked, and for the index between them (search_text.h).
 * Ownership: writes to the caller's buf. Errors: the buf's own. Threads: any. Limits: none; linear time.
 */
#ifndef POSTHORN_MIME_FOLD_H
#define POSTHORN_MIME_FOLD_H

#include "base/buf.h"

/*
 * For substrings: letters without their case, compatibility characters decomposed; bad bytes as U+FFFD. Texts
 * that i;unicode-casemap (RFC 5051, as RFC 5255 4.2 wants) takes for equal become equal; so do those that
 * only full case folding does ("ss" and sharp s).
 */
void mime_fold_search(struct buf *out, struct slice utf8) NONNULL;
/* For order: exactly i;unicode-casemap's key, titlecased and decomposed. */
void mime_fold_sort(struct buf *out, struct slice utf8) NONNULL;

#endif
