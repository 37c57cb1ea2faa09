/*
 * A message as features that a classifier can count: the words of its subject, its sender and its text in any
 * charset, pairs of characters where a language has no spaces, the hosts that its links lead to, and what its
 * header and its parts look like.
 *
 * A feature is a hash under the account's own key, so that what is stored names no word to who reads the
 * database, and nobody outside can choose words that collide. The same message gives the same features before
 * it is filed (trace fields and message apart) and after (in one piece).
 *
 * Ownership: all lives in the arena given. Errors: ERR_NOMEM, ERR_LIMIT of the arena; nothing that a message
 * says is an error. Threads: any. Limits: the first JUNK_READ_MAX bytes of the message, JUNK_PART_MAX of each
 * text part's source, JUNK_TEXT_MAX bytes of text in all, JUNK_TOKENS_MAX different features.
 *
 * Whatever changes which features a message has must give JUNK_READING a new number: what was learnt is then
 * learnt anew from the messages that are still there (store/junk.h).
 */
#ifndef POSTHORN_JUNK_TOKENS_H
#define POSTHORN_JUNK_TOKENS_H

#include "authres/results.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum {
    JUNK_READING = 1,
    JUNK_READ_MAX = 512 * 1024,
    JUNK_PART_MAX = 64 * 1024,
    JUNK_TEXT_MAX = 48 * 1024,
    JUNK_FIELDS_MAX = 200, /* of the header that are looked at */
    JUNK_TOKENS_MAX = 700,
    JUNK_WORD_MIN = 3,  /* characters */
    JUNK_WORD_MAX = 48, /* bytes, folded; longer ones are no words */
    JUNK_KEY_SIZE = 16,
    JUNK_ARENA_MAX = 48 << 20, /* what reading one message may take */
};

/* The field in which a verdict stands; it is no feature. */
#define JUNK_FIELD RESULTS_JUNK_FIELD

struct junk_key {
    unsigned char bytes[JUNK_KEY_SIZE];
};

struct junk_token {
    uint64_t hash;
    struct slice text; /* for people: "casino", "subject:casino", "host:pills.example" */
};

struct junk_tokens {
    struct junk_token *list; /* each once, in the order of their first appearance */
    size_t count;
};

/* prefix: fields that stand before the message, or empty. */
enum err junk_tokens_read(struct arena *arena, const struct junk_key *key, struct slice prefix,
                          struct slice message, struct junk_tokens *ret_tokens,
                          struct error *error) MUST_CHECK;

/* An address by which somebody is known again: ASCII letters in lower case, hashed. 0 is never given. */
uint64_t junk_address_hash(const struct junk_key *key, struct slice address);

#endif
