/*
 * Mail as people have it, for measuring search: words with the frequencies of a language (Zipf), German and
 * English, built from its syllables so that trigrams are as frequent as in text; headers with the signatures
 * and ids that fill real ones; every third message with an HTML part, every tenth with an attachment that is
 * no text. The same for the same number. bench/message.h makes plainer ones for load.
 *
 * Ownership: corpus_free. Errors: out's sticky failure. Threads: any, once made. Limits: none.
 */
#ifndef POSTHORN_BENCH_CORPUS_H
#define POSTHORN_BENCH_CORPUS_H

#include "base/buf.h"

struct corpus;

/* NULL: no memory. */
struct corpus *corpus_new(void);
void corpus_free(struct corpus *corpus);

/* Header and body with CRLF; about `size` bytes of text, markup and attachments not counted. */
void corpus_write(const struct corpus *corpus, uint64_t number, size_t size, struct buf *out);

#endif
