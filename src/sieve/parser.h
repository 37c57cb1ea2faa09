/*
 * A script as a tree (RFC 5228 8.2). Of this room only.
 *
 * Ownership: the tree lives in the arena and borrows from the script. Errors: ERR_INVALID, one complaint at
 * the first place that breaks the grammar; ERR_LIMIT when the arena is full. Limits: SIEVE_NESTING_MAX.
 */
#ifndef POSTHORN_SIEVE_PARSER_H
#define POSTHORN_SIEVE_PARSER_H

#include "base/arena.h"
#include "sieve/complain.h"

enum tree_kind { TREE_NUMBER, TREE_TAG, TREE_STRING, TREE_LIST };

struct tree_string {
    struct tree_string *next;
    struct place at;
    struct slice text;
};

struct tree_argument {
    struct tree_argument *next;
    enum tree_kind kind;
    struct place at;
    uint64_t number;
    struct slice tag;
    struct tree_string *strings; /* of a STRING, one; of a LIST, any number */
    uint32_t count;
};

/* A command or a test. */
struct tree_node {
    struct tree_node *next;
    struct place at;
    struct slice name;
    struct tree_argument *arguments;
    struct tree_node *tests;
    bool test_list; /* the tests stand in parentheses */
    struct tree_node *block;
    bool has_block;
};

/* *ret NULL: an empty script. */
enum err sieve_parse(struct arena *arena, struct slice script, struct complaining *complaining,
                     struct tree_node **ret, struct error *error) NONNULL MUST_CHECK;

#endif
