/*
 * The words of a script (RFC 5228 8.1). Of this room only.
 *
 * Ownership: texts borrow from the script or live in the arena. Errors: what is no word is TOKEN_BAD, and
 * lexer->wrong says why; ERR_LIMIT only in `failed` when the arena is full. Threads: one.
 */
#ifndef POSTHORN_SIEVE_LEXER_H
#define POSTHORN_SIEVE_LEXER_H

#include "base/arena.h"
#include "sieve/complain.h"

enum token_kind {
    TOKEN_IDENTIFIER,
    TOKEN_TAG,    /* text: without its colon */
    TOKEN_NUMBER, /* number */
    TOKEN_STRING, /* text: what it means, quotes and dots undone */
    TOKEN_SIGN,   /* sign: one of ;,{}[]() */
    TOKEN_END,
    TOKEN_BAD,
};

struct token {
    enum token_kind kind;
    struct place at;
    struct slice text;
    uint64_t number;
    char sign;
};

struct lexer {
    struct arena *arena;
    struct cursor c;
    struct place at;
    const char *wrong; /* of the last TOKEN_BAD */
    bool failed;       /* the arena is full */
};

struct lexer lexer_of(struct arena *arena, struct slice script);
struct token lexer_next(struct lexer *lexer);

#endif
