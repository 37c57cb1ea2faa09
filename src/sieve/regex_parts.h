/*
 * The automaton, between regex_compile.c, which makes it, and regex.c, which follows it.
 */
#ifndef POSTHORN_SIEVE_REGEX_PARTS_H
#define POSTHORN_SIEVE_REGEX_PARTS_H

#include "sieve/regex.h"

struct range {
    int32_t from;
    int32_t to; /* included */
};

struct set {
    const struct range *ranges;
    size_t count;
    bool but; /* all others */
};

enum regex_code {
    REGEX_SET,   /* one character of a set, then on */
    REGEX_SPLIT, /* to a, else to b */
    REGEX_JUMP,  /* to a */
    REGEX_SAVE,  /* notes the place as a-th border of a group */
    REGEX_START, /* only at the start of the text */
    REGEX_END,   /* only at its end */
    REGEX_MATCH,
};

struct regex_step {
    enum regex_code code;
    uint32_t a;
    uint32_t b;
    struct set set;
};

struct regex {
    struct regex_step *steps;
    size_t count;
    size_t groups; /* the whole match included */
    bool fold;
};

/* The next character; a byte that is no UTF-8 is a number of its own. */
int32_t regex_next(struct cursor *c);

#endif
