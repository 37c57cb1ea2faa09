/*
 * Text cut into what is counted: words, pairs of characters where words are not set apart, hosts of links.
 *
 * The text is folded UTF-8 (mime_fold_search). Ownership: what is given out borrows from the text. Errors:
 * none; bytes that are no UTF-8 end a word. Threads: any. Limits: JUNK_WORD_MIN, JUNK_WORD_MAX (tokens.h);
 * linear time.
 */
#ifndef POSTHORN_JUNK_WORDS_H
#define POSTHORN_JUNK_WORDS_H

#include "base/slice.h"

typedef void junk_word_fn(void *context, struct slice kind, struct slice word);

/* Words that are no mere numbers; kind is handed on. */
void junk_words(struct slice text, struct slice kind, junk_word_fn *each, void *context);
/* The host of everything that looks like a link, and the domains above it down to two labels; their kind is
 * "host:". */
void junk_hosts(struct slice text, junk_word_fn *each, void *context);

#endif
