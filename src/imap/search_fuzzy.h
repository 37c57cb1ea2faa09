/*
 * What FUZZY takes for a match, and how relevant it is (RFC 6203).
 *
 * The words of a query may stand anywhere in the text, in any order. A word is found as it is, without regard
 * to case and accents; as the beginning of a longer word; or with one letter wrong, missing, too many or
 * swapped, where one of both has at least IMAP_FUZZY_NEAR_MIN letters. Words of writing without spaces
 * between words are looked for anywhere.
 *
 * Ownership: a query lives in the arena given. Errors: NULL. Threads: a query is of one search. Limits:
 * below.
 */
#ifndef POSTHORN_IMAP_SEARCH_FUZZY_H
#define POSTHORN_IMAP_SEARCH_FUZZY_H

#include "base/arena.h"

struct imap_search_key;

enum {
    IMAP_FUZZY_WORDS_MAX = 32,   /* of one key */
    IMAP_FUZZY_LETTERS_MAX = 40, /* what a word has beyond them is not looked at */
    IMAP_FUZZY_NEAR_MIN = 5,
};

/* How much a match tells, in hundredths, by the place where it is. */
enum imap_fuzzy_place {
    IMAP_FUZZY_IN_SUBJECT = 100,
    IMAP_FUZZY_IN_ADDRESS = 90,
    IMAP_FUZZY_IN_FIELD = 60,
    IMAP_FUZZY_IN_BODY = 40,
};
/* Of a message that matches: the average of all that must match, the best of what may (RFC 6203 4). 100 when
 * no fuzzy key has a part in it. */
unsigned imap_fuzzy_relevancy(const struct imap_search_key *root, uint64_t message);
enum imap_fuzzy_place imap_fuzzy_place_of(struct slice field_name);

struct imap_fuzzy_word {
    uint32_t letters[IMAP_FUZZY_LETTERS_MAX];
    size_t count;
    bool anywhere; /* no spaces between words in its writing */
    unsigned best; /* of the message at hand: 0 (not found) to 100 */
};
struct imap_fuzzy {
    struct imap_fuzzy_word *words;
    size_t count;     /* 0: the query has no word */
    unsigned score;   /* what imap_fuzzy_score said ... */
    uint64_t message; /* ... of this message, counted by the matcher */
};

/* Of a folded text (mime/fold.h). NULL: no memory, or too many words. */
struct imap_fuzzy *imap_fuzzy_new(struct arena *arena, struct slice folded);
/* Before each message. */
void imap_fuzzy_begin(struct imap_fuzzy *fuzzy) NONNULL;
/* One folded text of the message. */
void imap_fuzzy_look(struct imap_fuzzy *fuzzy, struct slice folded, enum imap_fuzzy_place place) NONNULL;
/* 1 to 100; 0: not all words were found. */
unsigned imap_fuzzy_score(const struct imap_fuzzy *fuzzy) NONNULL;

#endif
